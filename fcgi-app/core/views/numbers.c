#include <sys/statvfs.h>

#include "core/views/numbers.h"

const char *const numbers_work_names[WORK_MAX] = {
	[WORK_PROVE] = "prove",
	[WORK_LEAVE] = "leave",
	[WORK_CONNECT] = "connect",
	[WORK_RECONNECT] = "reconnect",
	[WORK_NOTIFY] = "update",
};

const char *const numbers_end_names[RUN_ENDS] = {
	[RUN_NONE] = "none",
	[RUN_GOES_ON] = "running",
	[RUN_ENDED] = "ended",
	[RUN_KILLED] = "killed",
};

/* Has the peer's work of that kind to be done? What is behind in the log is work, too. */
static bool
is_owed(const struct view *v, const struct peer *p, enum peer_work kind)
{
	return p->out.work[kind] != 0 ||
	    (kind == WORK_NOTIFY && (p->flags & PEER_NOTIFIED) != 0 &&
		peer_pos(p) < v->head.notified);
}

/* It has waited since then at most: it took a message, connected, or the service was started. */
static int64_t
waits_since_us(const struct view *v, const struct peer *p)
{
	int64_t us = v->head.started_us;

	us = p->in.registered_us > us ? p->in.registered_us : us;
	return p->out.at_us > us ? p->out.at_us : us;
}

static enum kodo_err
count_peer(struct view *v, const struct peer *p, const struct watch *w, struct numbers *out)
{
	const int64_t age_us = v->now_us - waits_since_us(v, p);
	enum peer_status health;
	enum peer_work kind;
	enum kodo_err err;

	if (!peer_status_is_shown(p))
		return KODO_OK;
	for (kind = 0; kind < WORK_MAX; kind++) {
		if (!is_owed(v, p, kind))
			continue;
		out->outbox[kind]++;
		if (age_us > out->oldest_us[kind])
			out->oldest_us[kind] = age_us;
	}
	err = peer_status_health(v, p, w, &health);
	if (err == KODO_OK)
		out->peers[health]++;
	return err;
}

static enum kodo_err
count_peers(struct view *v, struct numbers *out)
{
	struct arena *a = arena_new();
	struct watch w;
	struct peer p;
	uint32_t id = 0;
	enum kodo_err err = a == NULL ? KODO_ENOMEM : watch_get(&v->t, &w);

	while (err == KODO_OK && (err = peer_next(&v->t, a, &id, &p)) == KODO_OK) {
		err = count_peer(v, &p, &w, out);
		arena_reset(a);
	}
	arena_free(a);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static void
get_disk(const struct state *s, struct numbers *out)
{
	struct statvfs fs;

	if (statvfs(s->path, &fs) != 0)
		return;
	out->disk_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
	out->disk_free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	out->inodes_free = fs.f_favail;
}

static void
get_runner(const struct state *s, struct numbers *out)
{
	struct run runs[RUN_HISTORY_MAX];
	const size_t n = run_history_read(s, runs);
	enum run_end end = RUN_NONE;

	out->has_runner = state_has_runner(s);
	out->cron_us = run_history_noted_us(s, RUN_HISTORY_CRON_FILE);
	if (n > 0) {
		out->run = runs[n - 1];
		end = out->has_runner ? RUN_GOES_ON : RUN_KILLED;
		end = out->run.ended_us != 0 ? RUN_ENDED : end;
	}
	out->ends[end] = 1;
}

enum kodo_err
numbers_get(struct view *v, struct numbers *out)
{
	const struct state *s = registry_state(v->registry);
	enum kodo_err err;

	*out = (struct numbers){ .view = v->head.view, .state = v->head.state,
		.flows = v->head.total, .started_us = v->head.started_us };
	err = count_peers(v, out);
	if (err == KODO_OK)
		err = store_stat(registry_store(v->registry), &out->store);
	out->shown = out->store.entries[T_NODE];
	out->hidden = out->store.entries[T_HIDDEN];
	out->denied = out->store.entries[T_DENIED];
	out->outbox_nodes = out->store.entries[T_OUT];
	get_disk(s, out);
	get_runner(s, out);
	return err;
}
