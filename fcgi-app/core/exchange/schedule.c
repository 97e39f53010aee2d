#include "core/exchange/build.h"
#include "core/exchange/outcome.h"
#include "core/exchange/schedule.h"

static bool
is_busy(uint32_t peer, const uint32_t *busy, size_t n_busy)
{
	size_t i;

	for (i = 0; i < n_busy; i++)
		if (busy[i] == peer)
			return true;
	return false;
}

struct due {
	uint32_t peer;
	bool found;
	int64_t next_us;   /* earliest that is not due yet, of peers that are not busy */
	int64_t active_us; /* earliest active one, busy peers included */
};

/* Look through T_DUE for the first peer that is due and not busy. */
static enum kodo_err
due_find(struct txn *t, int64_t now_us, const uint32_t *busy, size_t n_busy, struct due *out)
{
	struct scan s = peer_scan_due(t);
	struct peer_due due;

	*out = (struct due){ .next_us = INT64_MAX, .active_us = INT64_MAX };
	while (peer_next_due(&s, &due)) {
		if (due.at_us >
		    now_us + (due.class == DUE_ACTIVE ? PEER_ACTIVE_AHEAD_US : PEER_QUIET_AHEAD_US))
			due.at_us = now_us;
		if (due.class == DUE_ACTIVE && due.at_us < out->active_us)
			out->active_us = due.at_us;
		if (is_busy(due.peer, busy, n_busy))
			continue;
		if (due.at_us <= now_us && !out->found) {
			out->found = true;
			out->peer = due.peer;
		} else if (due.at_us < out->next_us) {
			out->next_us = due.at_us;
		}
	}
	return scan_end(&s);
}

/* Where none of them is due: the subscriber that is furthest behind. */
static enum kodo_err
behind_find(struct view *v, const uint32_t *busy, size_t n_busy, struct due *out)
{
	struct scan s = peer_scan_behind(&v->t);
	struct peer_behind behind;

	while (!out->found && peer_next_behind(&s, &behind) && behind.pos < v->head.logged) {
		out->active_us = 0;
		if (is_busy(behind.peer, busy, n_busy))
			continue;
		out->found = true;
		out->peer = behind.peer;
	}
	return scan_end(&s);
}

static enum kodo_err
next_in_view(struct view *v, struct arena *a, int64_t now_us, const uint32_t *busy, size_t n_busy,
    struct exchange_job *job, struct due *d)
{
	struct peer p;
	enum kodo_err err = due_find(&v->t, now_us, busy, n_busy, d);

	if (err == KODO_OK)
		err = behind_find(v, busy, n_busy, d);
	if (err == KODO_OK && d->found)
		err = peer_get(&v->t, a, d->peer, &p);
	return err == KODO_OK && d->found ? build_job(v, a, &p, job) : err;
}

enum kodo_err
schedule_next(struct registry *r, struct arena *a, int64_t now_us, const uint32_t *busy,
    size_t n_busy, struct exchange_job *job, int64_t *next_due_us, int64_t *active_due_us)
{
	struct due d;
	struct view v;
	enum kodo_err err;

	*next_due_us = INT64_MAX;
	for (;;) {
		err = view_begin(r, now_us, &v);
		if (err != KODO_OK)
			return err;
		err = next_in_view(&v, a, now_us, busy, n_busy, job, &d);
		view_end(&v);
		if (err != KODO_OK || !d.found || job->kind < EXCHANGE_NOTHING)
			break;
		err = outcome_clear(r, job, now_us);
		if (err != KODO_OK)
			return err;
	}
	*next_due_us = d.next_us;
	if (active_due_us != NULL)
		*active_due_us = d.active_us;
	return err == KODO_OK && !d.found ? KODO_ENOTFOUND : err;
}
