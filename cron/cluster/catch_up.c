/*
 * The state of another machine, where the log does not reach back far enough, at the first start of
 * a machine beside others, or after a digest that differs. Reads go on from what is there until the
 * copy takes its place.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/cluster/apply.h"
#include "core/cluster/snapshot.h"
#include "cron/cluster/catch_up.h"
#include "cron/cluster/compare.h"
#include "cron/cluster/context.h"
#include "cron/cluster/fetch.h"
#include "cron/cluster/follow.h"
#include "cron/cluster/identity.h"
#include "cron/cluster/propose.h"

#define AGAIN_MS	2000
#define AGAIN_MOST_MS	60000	/* after copies that could not be taken over */
#define FOLDER		"snapshot"
#define ROUTE		"/cluster/snapshot"

struct catch_up {
	struct context *e;
	bool is_asking;
	int64_t again_ms, wait_ms;
	size_t turn;		/* which one of those that could give theirs */
	struct fetch *fetch;	/* NULL: none is under way */
	struct cluster_member from;
	int fd;
	char path[PATH_BYTES];
	struct why complaint;
};

enum kodo_err
catch_up_new(struct context *e, struct catch_up **out)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return KODO_ENOMEM;
	(*out)->e = e;
	(*out)->wait_ms = AGAIN_MS;
	(*out)->fd = -1;
	return KODO_OK;
}

void
catch_up_free(struct catch_up *u)
{
	if (u == NULL)
		return;
	fetch_free(u->fetch);
	if (u->fd >= 0)
		close(u->fd);
	free(u);
}

/* The folder of the copy, empty. */
static enum kodo_err
make_folder(struct context *e, char path[PATH_BYTES], int *fd, struct why *why)
{
	static const char *const files[] = { "data.mdb", "lock.mdb", "write.lock" };
	char file[PATH_BYTES + 16];
	enum kodo_err err = state_file(e->state, FOLDER, path);
	size_t i;

	*fd = -1;
	if (err != KODO_OK)
		return err;
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(file, sizeof(file), "%s/%s", path, files[i]);
		unlink(file);
	}
	(void)rmdir(path);
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return why_set(why, path_errno(errno), "cannot make %s: %s", path,
		    path_words(errno));
	snprintf(file, sizeof(file), "%s/%s", path, files[0]);
	*fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return *fd >= 0 ? KODO_OK
	    : why_set(why, path_errno(errno), "cannot make %s: %s", file, path_words(errno));
}

/* Empty, too: the copy takes no room. */
static void
end_fetch(struct catch_up *u)
{
	char path[PATH_BYTES];
	int fd;

	fetch_free(u->fetch);
	u->fetch = NULL;
	if (u->fd >= 0)
		close(u->fd);
	u->fd = -1;
	if (make_folder(u->e, path, &fd, NULL) == KODO_OK)
		close(fd);
}

static enum kodo_err
begin_fetch(struct catch_up *u, struct why *why)
{
	char url[sizeof(u->from.url) + sizeof(ROUTE)];
	enum kodo_err err = make_folder(u->e, u->path, &u->fd, why);

	snprintf(url, sizeof(url), "%s%s", u->from.url, ROUTE);
	return err == KODO_OK ? fetch_begin(url, u->from.key, u->fd, &u->fetch) : err;
}

/* The copy is there. */
static enum kodo_err
take_over(struct catch_up *u, struct why *why)
{
	struct context *e = u->e;
	uint64_t revision = 0;
	enum kodo_err err = cluster_snapshot_install(e->registry, str_of(u->path), why);

	if (err == KODO_OK)
		err = cluster_applied_now(e->registry, &revision);
	if (err != KODO_OK)
		return err;
	e->applied = e->seen = e->status.revision = revision;
	log_info("took over the state of %s, of revision %llu", u->from.name,
	    (unsigned long long)revision);
	propose_refuse(e->proposer, false);	/* of what is in the log, the copy may have it */
	compare_forget(e->comparer);
	identity_forget(e);
	e->status.is_catching_up = false;
	e->status.differs = 0;
	e->status.stopped[0] = '\0';
	e->poison = 0;
	e->is_changed = true;
	follow_again(e->follower);
	return KODO_OK;
}

/* The next machine is tried at once; when all have failed, or the copy of one, later. */
static void
fail(struct catch_up *u, bool is_next, enum kodo_err err, const struct why *why)
{
	log_complain(&u->complaint, why, err);
	if (is_next) {
		u->turn++;
		u->again_ms = 0;
		return;
	}
	u->again_ms = clock_mono_ms() + u->wait_ms;
	if (u->wait_ms < AGAIN_MOST_MS)
		u->wait_ms *= 2;	/* it costs both machines */
}

static void
step(struct catch_up *u)
{
	struct why why = { "" };
	bool is_over, is_there;
	enum kodo_err err = fetch_step(u->fetch, &is_over, &why);

	if (err == KODO_OK && !is_over)
		return;
	is_there = err == KODO_OK;
	if (is_there)
		err = take_over(u, &why);
	end_fetch(u);
	if (err != KODO_OK) {
		fail(u, !is_there && err == KODO_EIO, err, &why);
		return;
	}
	u->complaint.text[0] = '\0';
	u->wait_ms = AGAIN_MS;
	u->turn = 0;
}

static void
on_members(void *arg, const struct etcd_answer *an)
{
	struct catch_up *u = arg;
	struct context *e = u->e;
	struct why why = { "" };
	size_t i, n = 0;
	enum kodo_err err;

	u->is_asking = false;
	if (an->err != KODO_OK)
		return;
	for (i = 0; i < an->n_kvs; i++) {
		struct cluster_status st = { .n_members = 0 };
		const struct cluster_member *m = &st.members[0];

		cluster_status_parse(&st, an->kvs[i].value);
		if (st.n_members != 1 || !m->is_ready || m->url[0] == '\0' ||
		    strcmp(m->name, e->name) == 0 || m->applied < e->applied)
			continue;
		if (n++ != u->turn)
			continue;
		u->from = *m;
		err = begin_fetch(u, &why);
		if (err != KODO_OK) {
			end_fetch(u);
			fail(u, false, err, &why);
		}
		return;
	}
	u->turn = 0;
	if (n == 0) {
		why_set(&why, KODO_ENOTFOUND, "no other machine is ready to give its state");
		log_complain(&u->complaint, &why, KODO_ENOTFOUND);
	}
}

size_t
catch_up_fds(struct catch_up *u, struct etcd_fd *fds)
{
	return u->fetch == NULL ? 0 : fetch_fds(u->fetch, fds);
}

void
catch_up_tick(struct catch_up *u)
{
	struct context *e = u->e;
	const struct etcd_done done = { on_members, u };
	char key[KEY_BYTES], end[KEY_BYTES];
	struct str all;

	if (u->fetch != NULL) {
		step(u);
		return;
	}
	if (!e->is_joined || !e->status.is_catching_up || u->is_asking ||
	    clock_mono_ms() < u->again_ms)
		return;
	u->again_ms = clock_mono_ms() + AGAIN_MS;
	all = context_key(e, key, "member/");
	u->is_asking = etcd_range(e->etcd, all, context_key_end(all, end), 0, false, done) ==
	    KODO_OK;
}
