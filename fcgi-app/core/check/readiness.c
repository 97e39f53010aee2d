#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/check/environment.h"
#include "core/check/readiness.h"
#include "core/metrics/metrics.h"
#include "core/records/peer.h"
#include "core/storage/cluster_status.h"
#include "core/storage/run_history.h"

#define LEAST_BYTES	((uint64_t)1 << 20)	/* of the disk: a change of a large node */
#define LEAST_INODES	2u
#define LEAST_PAGES	((uint64_t)64 << 10)	/* of the map, or of a limit of file sizes */
#define WRITER_LONG_MS	2000
#define LATE_US		(ENVIRONMENT_CRON_LATE_S * 1000000ll)
#define CLOCK_SPARE_US	(60 * 1000000ll)
#define CLOCK_LEAST_US	(1735689600ll * 1000000)	/* 2025: this program is younger */

/* What is looked at, and the text of a fault. */
struct looked {
	struct view v;
	const struct state *state;
	char *text;
	size_t size;
};

#define say(l, ...)	(snprintf((l)->text, (l)->size, __VA_ARGS__) >= 0)

/* --- one function a reason: true: it holds --- */

static bool
disk_is_full(struct looked *l)
{
	struct statvfs fs;
	struct rlimit limit;
	uint64_t bytes;

	if (l->state->is_read_only)
		return say(l, "the state can only be read");
	if (statvfs(l->state->path, &fs) == 0) {
		/* root has what is kept for it */
		bytes = (uint64_t)(geteuid() == 0 ? fs.f_bfree : fs.f_bavail) * fs.f_frsize;
		if (bytes < LEAST_BYTES)
			return say(l, "%llu KiB are free on the disk of the state",
			    (unsigned long long)bytes >> 10);
		if (fs.f_files > 0 && fs.f_ffree < LEAST_INODES)
			return say(l, "no inode is free on the disk of the state");
	}
	if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
		return false;
	return store_room_below(&l->v.t, limit.rlim_cur, LEAST_PAGES) < LEAST_PAGES &&
	    say(l, "the state is as large as files may be here (ulimit -f)");
}

static bool
map_is_full(struct looked *l)
{
	return store_room(&l->v.t, LEAST_PAGES) < LEAST_PAGES &&
	    say(l, "the map is full, so nothing new is taken (map_max_mib)");
}

/*
 * Has the lock of writers been held for long without a commit? Whoever waited so long has left a
 * mark; where nobody waits, two questions have to find it held by the same process.
 */
static bool
writer_is_stuck(struct looked *l)
{
	const uint64_t now = (uint64_t)clock_mono_ms(), txn = store_seen(&l->v.t);
	const uint64_t since = metrics_noted("writer_since");
	const struct store *st = registry_store(l->v.registry);
	const enum write_lock_state lock = store_write_lock(st);
	const uint64_t pid = lock == WRITE_LOCK_HELD ? (uint64_t)store_writer(st) : 0;
	const bool is_known = since != 0 && since <= now && metrics_noted("writer_txn") == txn &&
	    metrics_noted("writer_pid") == pid;

	if (lock == WRITE_LOCK_FREE) {
		if (since != 0)
			metrics_note("writer_since", 0);
		return false;
	}
	if (lock == WRITE_LOCK_HELD && !is_known) {
		metrics_note("writer_txn", txn);
		metrics_note("writer_pid", pid);
		metrics_note("writer_since", now);
		return false;
	}
	return (lock == WRITE_LOCK_LONG || now - since >= WRITER_LONG_MS) &&
	    say(l, "a process holds the lock of writers, and does not write");
}

/* Since when has an attempt been due, in us before now? 0: none is. */
static enum kodo_err
overdue_us(struct looked *l, int64_t *out)
{
	static const enum due_class classes[] = { DUE_ACTIVE, DUE_FAILING };
	struct peer_due due;
	enum kodo_err err = KODO_OK;
	size_t i;

	*out = 0;
	for (i = 0; i < sizeof(classes) / sizeof(classes[0]) && err == KODO_OK; i++) {
		struct scan s = peer_scan_due_from(&l->v.t, classes[i], 0);

		if (peer_next_due(&s, &due) && due.class == classes[i] &&
		    l->v.now_us - due.at_us > *out)
			*out = l->v.now_us - due.at_us;
		err = scan_end(&s);
	}
	return err;
}

/* Has a subscriber something to learn? Since when, nobody has noted but who asks here. */
static enum kodo_err
behind_us(struct looked *l, int64_t *out)
{
	const uint64_t now = (uint64_t)l->v.now_us, since = metrics_noted("behind_since");
	struct scan s = peer_scan_behind(&l->v.t);
	struct peer_behind first;
	const bool is = peer_next_behind(&s, &first) && first.pos < l->v.head.notified;

	*out = is && since != 0 && since <= now ? (int64_t)(now - since) : 0;
	if (!is && since != 0)
		metrics_note("behind_since", 0);
	else if (is && (since == 0 || since > now))
		metrics_note("behind_since", now);
	return scan_end(&s);
}

static bool
cron_is_stale(struct looked *l)
{
	const int64_t ran_us = run_history_noted_us(l->state, RUN_HISTORY_CRON_FILE);
	int64_t due_us, late_us;

	if (state_has_runner(l->state)) {
		if (metrics_noted("behind_since") != 0)
			metrics_note("behind_since", 0);
		return false;
	}
	if (overdue_us(l, &due_us) != KODO_OK || behind_us(l, &late_us) != KODO_OK)
		return false;	/* the view says so */
	late_us = due_us > late_us ? due_us : late_us;
	return late_us > LATE_US && l->v.now_us - ran_us > LATE_US &&
	    say(l, "messages are due for %lld min, and nobody sends them: see to cron",
		(long long)late_us / 60000000);
}

static bool
clock_is_wrong(struct looked *l)
{
	struct run runs[RUN_HISTORY_MAX];
	const size_t n = run_history_read(l->state, runs);
	const int64_t times[] = {
		run_history_noted_us(l->state, "data.mdb"),
		run_history_noted_us(l->state, RUN_HISTORY_CRON_FILE),
		l->v.head.started_us,
		n > 0 ? runs[n - 1].began_us : 0,
	};
	int64_t last_us = 0;
	size_t i;

	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		last_us = times[i] > last_us ? times[i] : last_us;
	if (last_us - l->v.now_us > CLOCK_SPARE_US)
		return say(l,
		    "the clock was set back by %lld s at least: set it, or, if it is right now, "
		    "start the service anew", (long long)(last_us - l->v.now_us) / 1000000);
	return l->v.now_us < CLOCK_LEAST_US && say(l, "the clock was never set: set it");
}

static bool
cluster_is_lost(struct looked *l)
{
	struct cluster_status st;
	const char *why;

	if (l->v.options->cluster.p == NULL)
		return false;
	if (cluster_status_read(l->state, &st) != KODO_OK)
		return say(l, "the process of the cluster has not begun");
	why = cluster_unready(&st);
	return why != NULL && say(l, "%s", why);
}

static const struct {
	const char *name;
	bool (*holds)(struct looked *l);
} checks[] = {
	{ "disk", disk_is_full },
	{ "map", map_is_full },
	{ "writer", writer_is_stuck },
	{ "cron", cron_is_stale },
	{ "clock", clock_is_wrong },
	{ "cluster", cluster_is_lost },
};

/* --- */

static void
add(struct readiness *out, const char *name, const char *text)
{
	struct readiness_reason *r = &out->reasons[out->n++];

	r->name = name;
	str_copy(r->text, sizeof(r->text), str_of(text));
}

void
readiness_live(struct registry *r, struct readiness *out)
{
	out->n = 0;
	if (r != NULL && !store_is_in_place(registry_store(r)))
		add(out, "state", "the state that is open was removed or replaced");
}

void
readiness_ready(struct registry *r, int64_t now_us, struct readiness *out)
{
	struct looked l;
	size_t i;
	enum kodo_err err;

	out->n = 0;
	if (r == NULL) {
		add(out, "state", "the state cannot be opened, or has no options yet: see the log");
		return;
	}
	err = view_begin(r, now_us, &l.v);
	if (err != KODO_OK) {
		add(out, "state", kodo_err_text(err));
		return;
	}
	l.state = registry_state(r);
	(void)metrics_are_ready();
	for (i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		struct readiness_reason *reason = &out->reasons[out->n];

		reason->name = checks[i].name;
		l.text = reason->text;
		l.size = sizeof(reason->text);
		out->n += checks[i].holds(&l);
	}
	view_end(&l.v);
}
