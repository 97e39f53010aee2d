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
#include "cron/cluster/context.h"
#include "cron/cluster/fetch.h"
#include "cron/cluster/follow.h"
#include "cron/cluster/propose.h"

#define AGAIN_MS	2000
#define AGAIN_MOST_MS	60000	/* after copies that could not be taken over */
#define FOLDER		"snapshot"
#define ROUTE		"/cluster/snapshot"

struct catch_up {
	struct context *e;
	bool is_asking;
	int64_t again_ms, wait_ms;
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
	return KODO_OK;
}

void
catch_up_free(struct catch_up *u)
{
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

static enum kodo_err
take_over(struct context *e, const struct cluster_member *m, struct why *why)
{
	char path[PATH_BYTES], url[sizeof(m->url) + sizeof(ROUTE)];
	uint64_t revision = 0;
	int fd;
	enum kodo_err err = make_folder(e, path, &fd, why);

	snprintf(url, sizeof(url), "%s%s", m->url, ROUTE);
	if (err == KODO_OK)
		err = fetch_file(url, m->key, fd, why);
	if (fd >= 0)
		close(fd);
	if (err == KODO_OK)
		err = cluster_snapshot_install(e->registry, str_of(path), why);
	if (err == KODO_OK)
		err = cluster_applied_now(e->registry, &revision);
	if (make_folder(e, path, &fd, NULL) == KODO_OK)
		close(fd);	/* empty: the copy takes no room */
	if (err != KODO_OK)
		return err;
	e->applied = e->seen = e->status.revision = revision;
	log_info("took over the state of %s, of revision %llu", m->name,
	    (unsigned long long)revision);
	return KODO_OK;
}

static void
on_members(void *arg, const struct etcd_answer *an)
{
	struct catch_up *u = arg;
	struct context *e = u->e;
	struct why why = { "" };
	enum kodo_err err = KODO_ENOTFOUND;
	size_t i;

	u->is_asking = false;
	if (an->err != KODO_OK)
		return;
	for (i = 0; i < an->n_kvs && err != KODO_OK; i++) {
		struct cluster_status st = { .n_members = 0 };
		const struct cluster_member *m = &st.members[0];

		cluster_status_parse(&st, an->kvs[i].value);
		if (st.n_members == 1 && m->is_ready && m->url[0] != '\0' &&
		    strcmp(m->name, e->name) != 0 && m->applied >= e->applied)
			err = take_over(e, m, &why);
	}
	if (err == KODO_ENOTFOUND && why.text[0] == '\0')
		why_set(&why, err, "no other machine is ready to give its state");
	if (err != KODO_OK) {
		log_complain(&u->complaint, &why, err);
		if (err != KODO_ENOTFOUND && u->wait_ms < AGAIN_MOST_MS)
			u->wait_ms *= 2;	/* it costs both machines */
		u->again_ms = clock_mono_ms() + u->wait_ms;
		return;
	}
	u->wait_ms = AGAIN_MS;
	u->complaint.text[0] = '\0';
	propose_refuse(e->proposer, false);	/* of what is in the log, the copy may have it */
	e->status.is_catching_up = false;
	e->status.stopped[0] = '\0';
	e->poison = 0;
	e->is_changed = true;
	follow_again(e->follower);
}

void
catch_up_tick(struct catch_up *u)
{
	struct context *e = u->e;
	const struct etcd_done done = { on_members, u };
	char key[KEY_BYTES], end[KEY_BYTES];
	struct str all;

	if (!e->is_joined || !e->status.is_catching_up || u->is_asking ||
	    clock_mono_ms() < u->again_ms)
		return;
	u->again_ms = clock_mono_ms() + AGAIN_MS;
	all = context_key(e, key, "member/");
	u->is_asking = etcd_range(e->etcd, all, context_key_end(all, end), 0, false, done) ==
	    KODO_OK;
}
