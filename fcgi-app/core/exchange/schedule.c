#include "core/exchange/build.h"
#include "core/exchange/look.h"
#include "core/exchange/outcome.h"
#include "core/exchange/schedule.h"
#include "core/liveness/liveness.h"
#include "core/records/changelog.h"
#include "core/registry/registry_private.h"

/* Further ahead than ahead_us: the clock was set back, so it is due. */
static const struct {
	enum schedule_pool pool;
	int64_t ahead_us;
	bool is_active;
} classes[DUE_CLASSES] = {
	[DUE_ACTIVE] = { POOL_GOOD, PEER_ACTIVE_AHEAD_US, true },
	[DUE_FAILING] = { POOL_FAILING, PEER_QUIET_AHEAD_US, true },
	[DUE_STRANGER] = { POOL_STRANGERS, PEER_QUIET_AHEAD_US, true },
	[DUE_CHECK] = { POOL_GOOD, PEER_CHECK_AHEAD_US, false },
	[DUE_PAUSED] = { POOL_FAILING, PEER_QUIET_AHEAD_US, false },
	[DUE_LIVENESS] = { POOL_LIVENESS, LIVENESS_ASK_US * 13 / 10, false },
	[DUE_SILENT] = { POOL_LIVENESS, LIVENESS_SELDOM_US * 13 / 10, false },
};

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
	const uint32_t *busy;
	size_t n_busy;
	int64_t now_us;
	bool found;
	struct peer_due at;	   /* what was found; or, its peer being 0, */
	struct peer_behind behind;
	int64_t next_us;   /* earliest that is not due yet, of peers that are not busy */
	int64_t active_us; /* earliest active one, busy peers included */
};

static int64_t
min_us(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* A resync may be further ahead than any digest check. */
static bool
is_resync_ahead(struct txn *t, struct arena *a, const struct due *d, const struct peer_due *due)
{
	struct peer p;

	return due->class == DUE_CHECK && due->at_us <= d->now_us + PEER_QUIET_AHEAD_US &&
	    peer_get(t, a, due->peer, &p) == KODO_OK && (p.flags & PEER_RESYNC) != 0;
}

/* The first of a class, from that time on, whose peer is not busy; it is due if all of them are. */
static enum kodo_err
due_first(struct txn *t, struct arena *a, struct due *d, enum due_class class, int64_t from_us,
    bool all_due)
{
	struct scan s = peer_scan_due_from(t, class, from_us);
	struct peer_due due;

	while (!d->found && peer_next_due(&s, &due)) {
		const int64_t at_us = all_due ? d->now_us : due.at_us;

		if (due.at_us == LIVENESS_NEVER_US)
			break;	/* and so are all behind it */
		if (all_due && is_resync_ahead(t, a, d, &due))
			continue;
		if (classes[class].is_active)
			d->active_us = min_us(d->active_us, at_us);
		if (is_busy(due.peer, d->busy, d->n_busy))
			continue;
		d->found = at_us <= d->now_us;
		d->at = due;
		if (!d->found) {
			d->next_us = min_us(d->next_us, at_us);
			break;
		}
	}
	return scan_end(&s);
}

static enum kodo_err
class_find(struct txn *t, struct arena *a, struct due *d, enum due_class class)
{
	enum kodo_err err = due_first(t, a, d, class, 0, false);

	if (err == KODO_OK && !d->found)
		err = due_first(t, a, d, class, d->now_us + classes[class].ahead_us + 1, true);
	return err;
}

/* The subscriber that is furthest behind. */
static enum kodo_err
behind_find(struct view *v, struct due *d)
{
	struct scan s = peer_scan_behind(&v->t);
	struct peer_behind behind;

	while (!d->found && peer_next_behind(&s, &behind) && behind.pos < v->head.notified) {
		d->active_us = 0;
		d->found = !is_busy(behind.peer, d->busy, d->n_busy);
		d->at.peer = 0;
		d->behind = behind;
	}
	return scan_end(&s);
}

/* Is the time over for which news are held back? */
static bool
is_released(const struct view *v, struct due *d)
{
	int64_t at_us = (int64_t)v->head.held_us;

	if (at_us == 0)
		return false;
	if (at_us > d->now_us + CHANGELOG_HOLD_US)
		at_us = d->now_us;	/* the clock was set back */
	d->active_us = min_us(d->active_us, at_us);
	if (at_us > d->now_us)
		d->next_us = min_us(d->next_us, at_us);
	return at_us <= d->now_us;
}

/* The peer that was found. One that is not due by its own record would be found for ever. */
static enum kodo_err
peer_found(struct txn *t, struct arena *a, const struct due *d, struct peer *out)
{
	enum kodo_err err = peer_get(t, a, d->at.peer != 0 ? d->at.peer : d->behind.peer, out);

	if (err == KODO_OK &&
	    !(d->at.peer != 0 ? peer_is_due_at(out, &d->at) : peer_is_behind_at(out, &d->behind)))
		err = KODO_ECORRUPT;
	return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
}

static enum kodo_err
next_in_view(struct view *v, struct arena *a, enum schedule_pool pool, struct exchange_job *job,
    struct due *d)
{
	enum kodo_err err = KODO_OK;
	struct peer p;
	int class;

	if (pool == POOL_GOOD && is_released(v, d)) {
		*job = (struct exchange_job){ .kind = EXCHANGE_RELEASE };
		d->found = true;
		return KODO_OK;
	}
	for (class = 0; class < DUE_CLASSES && err == KODO_OK && !d->found; class++)
		if (classes[class].pool == pool)
			err = class_find(&v->t, a, d, (enum due_class)class);
	if (err == KODO_OK && pool == POOL_GOOD && !d->found)
		err = behind_find(v, d);
	if (err == KODO_OK && d->found)
		err = peer_found(&v->t, a, d, &p);
	if (err != KODO_OK || !d->found)
		return err;
	if (peer_is_asking(&p, d->now_us)) {
		*job = (struct exchange_job){ .kind = EXCHANGE_ASKED, .peer = p.id,
			.gen = v->head.state };
		return KODO_OK;
	}
	if (pool == POOL_LIVENESS && liveness_is_heard(&p, d->now_us)) {
		*job = (struct exchange_job){ .kind = EXCHANGE_HEARD, .peer = p.id };
		return KODO_OK;
	}
	return pool == POOL_LIVENESS ? look_build(v, a, &p, job) : build_job(v, a, &p, job);
}

/* --- a clock set back --- */

#define CLOCK_SLACK_US	1000000ll
#define CLOCK_PEERS	1000u /* that one set back moves, those that are due first */

static void
time_move(int64_t *at_us, int64_t by_us, int64_t now_us)
{
	if (*at_us > now_us)
		*at_us = *at_us - by_us > now_us ? *at_us - by_us : now_us;
}

/* The peers of a class that wait for a time, and were not due by how far ahead it was before. */
static enum kodo_err
waiting_list(
    struct change *ch, enum due_class class, int64_t by_us, uint32_t *ids, size_t *n)
{
	struct scan s = peer_scan_due_from(ch->t, class, ch->now_us + 1);
	struct peer_due due;

	while (*n < CLOCK_PEERS && peer_next_due(&s, &due) &&
	    due.at_us <= ch->now_us + by_us + classes[class].ahead_us)
		ids[(*n)++] = due.peer;
	return scan_end(&s);
}

/*
 * Strangers keep their times: there may be very many, and they have answered nothing. Signs of life
 * are looked for by the clock as it is.
 */
static enum kodo_err
clock_back_fn(struct change *ch, void *arg)
{
	const int64_t by_us = *(const int64_t *)arg;
	uint32_t *ids = arena_alloc(ch->a, CLOCK_PEERS * sizeof(*ids));
	enum kodo_err err = ids == NULL ? KODO_ENOMEM : KODO_OK;
	struct peer *p;
	size_t n = 0, i;
	int class;

	for (class = 0; class < DUE_CLASSES && err == KODO_OK; class++)
		if (class != DUE_STRANGER && class < DUE_LIVENESS)
			err = waiting_list(ch, (enum due_class)class, by_us, ids, &n);
	for (i = 0; i < n && err == KODO_OK; i++) {
		err = change_peer(ch, ids[i], &p);
		if (err != KODO_OK)
			break;
		time_move(&p->out.due_us, by_us, ch->now_us);
		time_move(&p->out.check_us, by_us, ch->now_us);
		time_move(&p->out.asked_us, by_us, ch->now_us);
		time_move(&p->resync.at_us, by_us, ch->now_us);
	}
	return err;
}

const struct change_type change_clock_back = { .kind = CHANGE_CLOCK_BACK, .fn = clock_back_fn };

/* What waits for a time was to wait for a span: a clock set back makes it no longer. */
static enum kodo_err
clock_watch(struct registry *r, int64_t now_us)
{
	int64_t by_us = r->scheduled_us - now_us;
	struct change_run run = { .type = &change_clock_back, .r = r, .now_us = now_us,
		.arg = &by_us };

	r->scheduled_us = now_us;
	return by_us > CLOCK_SLACK_US ? registry_change(&run) : KODO_OK;
}

enum kodo_err
schedule_next_in(struct registry *r, struct arena *a, int64_t now_us, enum schedule_pool pool,
    const uint32_t *busy, size_t n_busy, struct exchange_job *job, int64_t *next_due_us,
    int64_t *active_due_us)
{
	struct due d;
	struct view v;
	enum kodo_err err = clock_watch(r, now_us);

	if (err != KODO_OK)
		return err;
	for (;;) {
		d = (struct due){ .busy = busy, .n_busy = n_busy, .now_us = now_us,
			.next_us = *next_due_us, .active_us = *active_due_us };
		err = view_begin(r, now_us, &v);
		if (err != KODO_OK)
			return err;
		err = next_in_view(&v, a, pool, job, &d);
		view_end(&v);
		if (err != KODO_OK || !d.found || job->kind < EXCHANGE_NOTHING)
			break;
		err = outcome_clear(r, job, now_us);
		if (err != KODO_OK)
			return err;
	}
	*next_due_us = d.next_us;
	*active_due_us = d.active_us;
	return err == KODO_OK && !d.found ? KODO_ENOTFOUND : err;
}

enum kodo_err
schedule_next(struct registry *r, struct arena *a, int64_t now_us, const uint32_t *busy,
    size_t n_busy, struct exchange_job *job, int64_t *next_due_us, int64_t *active_due_us)
{
	int64_t active_us = INT64_MAX;
	enum kodo_err err = KODO_ENOTFOUND;
	int pool;

	*next_due_us = INT64_MAX;
	for (pool = 0; pool < POOL_LIVENESS && err == KODO_ENOTFOUND; pool++)
		err = schedule_next_in(r, a, now_us, (enum schedule_pool)pool, busy, n_busy, job,
		    next_due_us, &active_us);
	if (active_due_us != NULL)
		*active_due_us = active_us;
	return err;
}
