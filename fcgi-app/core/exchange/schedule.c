/*
 * Which peer is next. What is sent to it is made in build_job.c, what came of it goes to
 * outcome_take.c.
 */
#include "core/exchange/exchange_private.h"

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
	struct cursor c;
	struct str k, v;
	enum kodo_err err = cursor_open(t, T_DUE, &c);

	*out = (struct due){ .next_us = INT64_MAX, .active_us = INT64_MAX };
	if (err != KODO_OK)
		return err;
	for (err = cursor_seek(&c, STR_NULL, &k, &v); err == KODO_OK;
	    err = cursor_next(&c, &k, &v)) {
		enum due_class class = (enum due_class)(unsigned char)k.p[0];
		int64_t at = (int64_t)get_be64(k.p + 1);
		uint32_t peer = get_be32(k.p + 9);

		if (at > now_us + (class == DUE_ACTIVE ? ACTIVE_AHEAD_US : QUIET_AHEAD_US))
			at = now_us;
		if (class == DUE_ACTIVE && at < out->active_us)
			out->active_us = at;
		if (is_busy(peer, busy, n_busy))
			continue;
		if (at <= now_us && !out->found) {
			out->found = true;
			out->peer = peer;
		} else if (at < out->next_us) {
			out->next_us = at;
		}
	}
	cursor_close(&c);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static enum kodo_err
next_in_view(struct view *v, struct arena *a, int64_t now_us, const uint32_t *busy, size_t n_busy,
    struct exchange_job *job, struct due *d)
{
	struct peer p;
	enum kodo_err err = due_find(&v->t, now_us, busy, n_busy, d);

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
	bool wake;
	enum kodo_err err;

	*next_due_us = INT64_MAX;
	for (;;) {
		err = view_begin(r, now_us, &v);
		if (err != KODO_OK)
			return err;
		err = next_in_view(&v, a, now_us, busy, n_busy, job, &d);
		view_end(&v);
		if (err != KODO_OK || !d.found || job->kind != EXCHANGE_NOTHING)
			break;
		/* nothing to send: entries are to be cleared, or a doubt becomes work */
		err = outcome_take(r, a, job,
		    &(struct exchange_result){ .status = 204, .body = STR_NULL }, now_us, &wake);
		if (err != KODO_OK)
			return err;
	}
	*next_due_us = d.next_us;
	if (active_due_us != NULL)
		*active_due_us = d.active_us;
	return err == KODO_OK && !d.found ? KODO_ENOTFOUND : err;
}
