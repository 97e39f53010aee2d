/*
 * Start, loop, and what is checked of etcd before anything is believed.
 *
 *	format		the first member: format of the log, machine, epoch of its state, "new" or
 *			"state": whether others begin with nothing, or with a copy of what it had
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/cluster/apply.h"
#include "core/cluster/poison.h"
#include "core/storage/machine.h"
#include "cron/cluster/catch_up.h"
#include "cron/cluster/client.h"
#include "cron/cluster/compare.h"
#include "cron/cluster/engine.h"
#include "cron/cluster/context.h"
#include "cron/cluster/fetch.h"
#include "cron/cluster/follow.h"
#include "cron/cluster/identity.h"
#include "cron/cluster/lead.h"
#include "cron/cluster/order.h"
#include "cron/cluster/propose.h"
#include "cron/cluster/trim.h"

#define TICK_MS		100
#define TELL_US		(1500ll * 1000)	/* the status is written so often at least */
#define START_US	(12ll * 1000000)	/* so long writes wait at a start */
#define BEGINNING_US	1
#define JOIN_MS		500	/* between two attempts */
#define ABSENT_US	(1ll * 1000000)	/* so long one turn of the loop takes on a slow disk only */

struct joining {
	struct context *e;
	bool is_asking, is_version_good;
	int64_t again_ms;
};

/* --- joining --- */

/* 3.5.0 to 3.5.2 lose data (#13766). */
static bool
is_version_good(struct context *e, struct str version)
{
	str_copy(e->status.etcd_version, sizeof(e->status.etcd_version), version);
	if (!str_eq(version, STR("3.5.0")) && !str_eq(version, STR("3.5.1")) &&
	    !str_eq(version, STR("3.5.2")))
		return true;
	context_stop(e, "etcd %.*s may lose what it has acknowledged: install 3.5.3 or later",
	    STR_ARG(version));
	return false;
}

static void
on_version(void *arg, const struct etcd_answer *an)
{
	struct joining *j = arg;

	j->is_asking = false;
	if (an->err == KODO_OK && an->version.p != NULL)
		j->is_version_good = is_version_good(j->e, an->version);
}

/* Is there nothing in the state yet? */
static enum kodo_err
look_at_state(struct context *e, bool *is_new, bool *is_untouched, uint64_t *epoch)
{
	struct head h;
	struct txn t;
	enum kodo_err err = store_begin(registry_store(e->registry), STORE_READ, &t);

	*is_new = *is_untouched = false;
	if (err == KODO_OK)
		err = store_end(&t, head_get(&t, &h));
	if (err == KODO_OK) {
		*is_new = h.options_gen == 0;
		*is_untouched = h.state == 1;
		*epoch = h.state_id;
	}
	return err;
}

/*
 * Has this machine what the first one began with: nothing, or that very state? Its name alone says
 * nothing: the disk below may be a new one.
 */
static bool
is_as_first(const struct context *e, struct str machine, struct str epoch_text, struct str first,
    bool is_new, uint64_t epoch)
{
	char own[24];

	if (str_eq(first, STR("new")))
		return is_new;
	snprintf(own, sizeof(own), "%016" PRIx64, epoch);
	return !is_new && str_eq(machine, str_of(e->name)) && str_eq(epoch_text, str_of(own));
}

static enum kodo_err
begin_as_first(struct context *e, struct str first, uint64_t revision)
{
	const struct str format = str_cut(&first, ' '), machine = str_cut(&first, ' ');
	const struct str epoch_text = str_cut(&first, ' ');
	char digits[24];
	uint64_t epoch = 0;
	bool is_new, is_untouched;
	enum kodo_err err = look_at_state(e, &is_new, &is_untouched, &epoch);

	if (!str_eq(format, STR("1"))) {
		context_stop(e,
		    "the log of the cluster has another format: install the kodo of %.*s",
		    STR_ARG(machine));
		return KODO_OK;
	}
	if (err == KODO_OK && !is_as_first(e, machine, epoch_text, first, is_new, epoch)) {
		e->status.is_catching_up = true;
		return KODO_OK;
	}
	str_copy(digits, sizeof(digits), epoch_text);
	/* the same change on all, once, at the same time */
	if (err == KODO_OK && is_untouched && str_eq(first, STR("new")))
		err = registry_epoch_set(e->registry, strtoull(digits, NULL, 16), BEGINNING_US);
	if (err == KODO_OK)
		err = cluster_apply(e->registry, e->a, revision, NULL, 0, NULL);
	if (err == KODO_OK)
		e->applied = e->seen = revision;
	return err;
}

static void
on_format(void *arg, const struct etcd_answer *an)
{
	struct joining *j = arg;
	struct context *e = j->e;
	char own[256];
	const struct etcd_kv *kv = an->n_kvs > 0 ? &an->kvs[0] : NULL;
	uint64_t epoch = 0;
	bool is_new = false, is_untouched;
	enum kodo_err err = KODO_OK;

	j->is_asking = false;
	e->is_changed = true;
	if (an->err != KODO_OK || (!an->is_done && kv == NULL) ||
	    !context_may_believe(e, an, e->applied))
		return;
	context_note_quorum(e);
	if (e->applied == 0) {
		err = look_at_state(e, &is_new, &is_untouched, &epoch);
		snprintf(own, sizeof(own), "1 %s %016" PRIx64 " %s", e->name, epoch,
		    is_new ? "new" : "state");
		if (err == KODO_OK)
			err = begin_as_first(e, an->is_done ? str_of(own) : kv->value,
			    an->is_done ? an->revision : kv->mod_revision);
	}
	if (err != KODO_OK) {
		log_error("cannot begin to follow the log: %s", kodo_err_text(err));
		return;
	}
	e->is_joined = e->status.stopped[0] == '\0' || e->poison != 0;
	log_info("machine %s follows the cluster %.*s from revision %" PRIu64, e->name,
	    STR_ARG(e->options.cluster_name), e->applied);
}

static void
join(struct joining *j)
{
	struct context *e = j->e;
	const struct etcd_done version = { on_version, j }, format = { on_format, j };
	char key[KEY_BYTES], own[256];
	uint64_t epoch = 0;
	bool is_new = false, is_untouched;

	if (e->is_joined || (e->status.stopped[0] != '\0' && e->poison == 0) || j->is_asking ||
	    clock_mono_ms() < j->again_ms)
		return;
	j->again_ms = clock_mono_ms() + JOIN_MS;
	if (!j->is_version_good) {
		j->is_asking = etcd_version(e->etcd, version) == KODO_OK;
		return;
	}
	j->again_ms = 0;
	if (!identity_tick(e))
		return;
	if (look_at_state(e, &is_new, &is_untouched, &epoch) != KODO_OK)
		return;
	snprintf(own, sizeof(own), "1 %s %016" PRIx64 " %s", e->name, epoch,
	    is_new ? "new" : "state");
	j->again_ms = clock_mono_ms() + JOIN_MS;
	j->is_asking = etcd_claim(e->etcd, context_key(e, key, "format"), str_of(own), 0, format) ==
	    KODO_OK;
}

/* --- start --- */

static void
name_machine(struct context *e)
{
	char host[128] = "localhost";
	size_t i;

	(void)gethostname(host, sizeof(host) - 1);
	str_copy(e->name, sizeof(e->name),
	    e->options.machine.len > 0 ? e->options.machine : str_of(host));
	/* it becomes a part of keys */
	for (i = 0; e->name[i] != '\0'; i++)
		if (e->name[i] == '/' || e->name[i] <= ' ')
			e->name[i] = '-';
}

static void
random_hex(char *out, size_t n_bytes)
{
	unsigned char bytes[32];

	arc4random_buf(bytes, n_bytes);
	state_hex(out, bytes, n_bytes);
	out[2 * n_bytes] = '\0';
}

/* What this machine's loader says that all are to have. */
static void
digest_options(struct context *e)
{
	struct arena *a = arena_new();
	struct str text, line;

	if (a != NULL && machine_read(e->state, a, MACHINE_FILE, &text) == KODO_OK)
		while (text.len > 0) {
			line = str_cut(&text, '\n');
			if (str_starts(line, STR(MACHINE_DIGEST)))
				str_copy(e->status.options, sizeof(e->status.options),
				    str_skip(line, strlen(MACHINE_DIGEST)));
		}
	arena_free(a);
}

static enum kodo_err
read_options(struct context *e, struct why *why)
{
	struct str text;
	enum kodo_err err = machine_read(e->state, e->a, MACHINE_FILE, &text);

	if (err == KODO_OK)
		err = option_read_here(e->a, STR(""), text, &e->options);
	if (err == KODO_ENOTFOUND)
		return why_set(why, err, "%s: this machine is in no cluster", e->state->path);
	if (err == KODO_OK && e->options.cluster.p == NULL)
		err = KODO_ECORRUPT;
	if (err != KODO_OK)
		return why_set(why, err, "cannot read %s/machine: %s", e->state->path,
		    kodo_err_text(err));
	log_set_format(e->options.log_format);
	name_machine(e);
	e->quota = (uint64_t)e->options.cluster_quota_mib << 20;
	e->log.step = LOG_BEHIND(e->quota) / (LOG_MARKS / 2);
	snprintf(e->prefix, sizeof(e->prefix), "k/%.*s/", STR_ARG(e->options.cluster_name));
	return KODO_OK;
}

static enum kodo_err
applied_again(struct txn *t, void *arg)
{
	uint64_t revision;
	enum kodo_err err = cluster_applied(t, &revision);

	(void)arg;
	return err == KODO_OK && revision != 0 ? cluster_applied_put(t, revision) : err;
}

/*
 * Where the process before this one was killed within a commit, LMDB shows readers the commit
 * before it, and writers that one, until the next. It would count as an entry that ended the
 * process.
 */
static enum kodo_err
settle(struct context *e)
{
	enum kodo_err err = store_write(registry_store(e->registry), applied_again, NULL);

	if (err == KODO_OK)
		err = cluster_applied_now(e->registry, &e->applied);
	e->seen = e->status.revision = e->applied;
	return err;
}

/* What the process before this one knew, and another one is not to be told anew. */
static void
recall(struct context *e)
{
	struct cluster_status before;

	if (cluster_status_read(e->state, &before) != KODO_OK)
		return;
	e->status.cluster_id = before.cluster_id;
	str_copy(e->status.admin, sizeof(e->status.admin), str_of(before.admin));
	/* a wrong state does not become right by a new process */
	e->status.differs = before.differs;
	e->status.is_catching_up = before.differs != 0;
	if (before.differs != 0)
		log_warning("at revision %" PRIu64 " this machine's state was not that of most "
		    "machines: it takes the state of another one", before.differs);
}

static enum kodo_err
set_up(struct context *e, struct why *why)
{
	const struct options *o = &e->options;
	enum kodo_err err = read_options(e, why);

	if (err != KODO_OK)
		return err;
	err = registry_open(str_of(e->state->path), STORE_MAKE, why, &e->registry);
	if (err != KODO_OK)
		return err;
	log_setup(o->machine.len > 0 ? o->machine : STR("cluster"), o->screen_level, o->log_file,
	    o->log_file_level, (uint64_t)o->log_max_mib << 20);
	registry_is_run_by(e->registry, "cluster");
	recall(e);
	str_copy(e->status.name, sizeof(e->status.name), o->cluster_name);
	str_copy(e->status.machine, sizeof(e->status.machine), str_of(e->name));
	state_boot_id(e->status.boot);
	random_hex(e->boot, 8);
	random_hex(e->status.key, 16);
	digest_options(e);
	err = settle(e);
	store_defer_last(registry_store(e->registry));	/* the log has it: follow.c */
	e->quorum_us = cluster_boot_us() + START_US;
	e->status.has_quorum = true;
	if (err == KODO_OK)
		err = etcd_new(o->cluster, &e->etcd, why);
	if (err == KODO_OK)
		err = propose_new(e, &e->proposer, why);
	if (err == KODO_OK)
		err = follow_new(e, &e->follower);
	if (err == KODO_OK)
		err = lead_new(e, &e->leader);
	if (err == KODO_OK)
		err = catch_up_new(e, &e->catch_up);
	if (err == KODO_OK)
		err = trim_new(e, &e->trimmer);
	if (err == KODO_OK)
		err = compare_new(e, &e->comparer);
	if (err == KODO_OK)
		err = poison_find(e->registry, &e->alone, &e->poison);
	if (err == KODO_OK && e->poison != 0)
		context_stop(e, "revision %" PRIu64 " of the log ended this program twice: "
		    "kodo cluster skip %" PRIu64 " lets all machines pass over it, or, where "
		    "another one has applied it, kodo cluster snapshot takes that one's state",
		    e->poison, e->poison);
	return err;
}

static void
tell(struct context *e)
{
	struct buf b = BUF_INIT(0);
	const int64_t now_us = cluster_boot_us();

	if (!e->is_changed && now_us - e->status.told_us < TELL_US)
		return;
	if (!e->is_joined && e->status.behind_us == 0)
		e->status.behind_us = now_us;
	e->status.told_us = now_us;
	digest_options(e);
	cluster_status_write(&b, &e->status);
	if (buf_failed(&b) ||
	    machine_write(e->state, MACHINE_STATUS, buf_str(&b), false) != KODO_OK)
		log_debug("the status of the cluster cannot be written");
	buf_free(&b);
	e->is_changed = false;
}

/* While this process waited for a disk nobody could tell it that a majority of etcd is there. */
static void
note_absence(struct context *e, int64_t *listened_us)
{
	const int64_t now_us = cluster_boot_us();

	if (now_us - *listened_us > ABSENT_US)
		e->quorum_us += now_us - *listened_us;
	*listened_us = now_us;
}

static void
loop(struct context *e, int stop_fd)
{
	static struct etcd_fd fds[PROPOSE_CLIENTS + 2 + FETCH_FDS];
	struct joining j = { .e = e };
	int64_t listened_us = cluster_boot_us();
	size_t n, n_fetch;

	for (;;) {
		join(&j);
		follow_tick(e->follower);	/* what has come: the others look at it */
		lead_tick(e->leader);
		catch_up_tick(e->catch_up);
		trim_tick(e->trimmer);
		propose_tick(e->proposer);
		tell(e);
		fds[0] = (struct etcd_fd){ .fd = stop_fd };
		n = propose_fds(e->proposer, fds + 1, PROPOSE_CLIENTS + 1);
		n_fetch = catch_up_fds(e->catch_up, fds + 1 + n);
		etcd_wait(e->etcd, fds, 1 + n + n_fetch, TICK_MS);
		note_absence(e, &listened_us);
		if (fds[0].is_ready)
			return;
		propose_io(e->proposer, fds + 1, n);
	}
}

enum kodo_err
engine_run(const struct state *s, pid_t parent, int stop_fd, struct why *why)
{
	static struct context e;
	char pid[32];
	int lock;
	enum kodo_err err;

	if (parent != 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* who started it has ended already. In a container that may have been process 1 */
	if (parent != 0 && getppid() != parent)
		return KODO_OK;
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	err = state_lock(s, MACHINE_LOCK, pid, &lock, NULL);
	if (err != KODO_OK)
		return why_set(why, err, "the process of the log runs already");
	e = (struct context){ .state = s, .a = arena_new(), .take_order = order_take };
	err = e.a == NULL ? KODO_ENOMEM : set_up(&e, why);
	if (err == KODO_OK) {
		loop(&e, stop_fd);
		lead_end(e.leader);
		e.status.token = 0;
		e.status.send_until_us = 0;
		e.is_changed = true;
		tell(&e);
	}
	propose_free(e.proposer);
	follow_free(e.follower);
	lead_free(e.leader);
	catch_up_free(e.catch_up);
	trim_free(e.trimmer);
	compare_free(e.comparer);
	etcd_free(e.etcd);
	registry_close(e.registry);
	arena_free(e.a);
	close(lock);
	return err;
}
