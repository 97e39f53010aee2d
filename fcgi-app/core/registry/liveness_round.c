#include "core/base/log.h"
#include "core/liveness/liveness.h"
#include "core/liveness/watch.h"
#include "core/merge/statement.h"
#include "core/records/tally.h"
#include "core/registry/liveness_round.h"
#include "core/registry/registry_private.h"

#define DAY_US		(86400ll * 1000000)
#define EXPIRE_AT_ONCE	50u	/* all that a provider states goes with it, in one transaction */
#define GIVEN_UP_AT_ONCE 200u	/* read in a round; there may be as many as anybody invents */
#define SUSPECT_TIMES	4	/* so many expire_days long it may be our own line */

struct round {
	int64_t now_us, expire_us;
	struct watch was, w;
	uint64_t n_providers;
	uint64_t n_fallen, n_suspects;	/* lately; since the line is suspected */
	uint32_t expired[EXPIRE_AT_ONCE];
	size_t n_expired;
	uint32_t given_up;	/* where to go on */
};

static void
presence_note(struct round *o)
{
	struct watch *w = &o->w;
	const int64_t away_us = o->now_us - w->seen_us;

	if (w->seen_us == 0 || away_us < 0 || away_us > 2 * WATCH_ROUND_US)
		w->since_us = o->now_us;
	if (w->since_us == o->now_us || away_us >= WATCH_ROUND_US)
		w->seen_us = o->now_us;
}

/* Those that never answered are nobody's line: anybody can make them. */
static void
silent_count(struct round *o, const struct peer *p)
{
	const int64_t silent_us = o->now_us - p->liveness.fell_us;
	const bool counts = (p->flags & PEER_PROVIDER) != 0 && !peer_is_stranger(p);

	o->n_fallen += counts && silent_us >= 0 && silent_us <= LIVENESS_SILENT_US;
	o->n_suspects += counts && o->w.suspect_us != 0 &&
	    p->liveness.fell_us >= o->w.suspect_us - LIVENESS_SILENT_US;
	if (o->expire_us > 0 && o->n_expired < EXPIRE_AT_ONCE && silent_us >= o->expire_us)
		o->expired[o->n_expired++] = p->id;
}

static enum kodo_err
due_count(struct txn *t, struct arena *a, struct round *o, uint32_t id)
{
	struct peer p;
	enum kodo_err err = peer_get(t, a, id, &p);

	if (err == KODO_OK)
		silent_count(o, &p);
	arena_reset(a);
	return err;
}

/* Those that are asked still, and some of those that were given up: they can only expire. */
static enum kodo_err
silent_walk(struct txn *t, struct arena *a, struct round *o)
{
	struct peer_due due = { DUE_SILENT, LIVENESS_NEVER_US, o->given_up };
	struct scan s = peer_scan_due_from(t, DUE_SILENT, 0), rest;
	unsigned n = 0;

	rest = peer_scan_due_after(t, &due);
	while (peer_next_due(&s, &due) && due.at_us < LIVENESS_NEVER_US)
		s.err = due_count(t, a, o, due.peer);
	o->given_up = 0;
	while (s.err == KODO_OK && n++ < GIVEN_UP_AT_ONCE && o->n_expired < EXPIRE_AT_ONCE &&
	    peer_next_due(&rest, &due)) {
		rest.err = due_count(t, a, o, due.peer);
		o->given_up = due.peer;
	}
	if (n <= GIVEN_UP_AT_ONCE && o->n_expired < EXPIRE_AT_ONCE)
		o->given_up = 0;	/* that was the last one */
	if (s.err == KODO_OK)
		s.err = rest.err;
	(void)!scan_end(&rest);
	return scan_end(&s);
}

static enum kodo_err
providers_count(struct txn *t, struct round *o)
{
	struct scan s = peer_scan_providers(t);
	uint64_t n_unproven;
	uint32_t id;
	enum kodo_err err;

	while (peer_next_provider(&s, &id))
		o->n_providers++;
	err = scan_end(&s);
	if (err == KODO_OK)
		err = tally_unproven(t, &n_unproven);
	if (err == KODO_OK)
		o->n_providers -= n_unproven < o->n_providers ? n_unproven : o->n_providers;
	return err;
}

static void
suspect_judge(struct round *o)
{
	struct watch *w = &o->w;
	/* what ended by its time does not begin anew for the same peers */
	const bool is_over = w->suspect_us != 0 &&
	    (o->now_us >= w->until_us || o->now_us < w->suspect_us);

	if (w->suspect_us == 0 && o->expire_us > 0 &&
	    liveness_is_suspect(o->n_fallen, o->n_providers)) {
		w->suspect_us = o->now_us;
		w->until_us = o->now_us + SUSPECT_TIMES * o->expire_us;
	} else if (w->suspect_us != 0 &&
	    (is_over || (!liveness_is_suspect(o->n_suspects, o->n_providers) &&
		!liveness_is_suspect(o->n_fallen, o->n_providers)))) {
		w->suspect_us = w->until_us = 0;
	}
	/* nobody goes before the watch was long enough to hear it */
	if (w->suspect_us != 0 || o->now_us - w->since_us < LIVENESS_SILENT_US)
		o->n_expired = 0;
}

static enum kodo_err
look_at(struct registry *r, struct round *o)
{
	struct arena *a = arena_new();
	struct view v;
	enum kodo_err err = a == NULL ? KODO_ENOMEM : view_begin(r, o->now_us, &v);

	if (err == KODO_OK) {
		o->expire_us = (int64_t)v.options->expire_days * DAY_US;
		err = watch_get(&v.t, &o->w);
		o->was = o->w;
		presence_note(o);
		if (err == KODO_OK)
			err = providers_count(&v.t, o);
		if (err == KODO_OK)
			err = silent_walk(&v.t, a, o);
		view_end(&v);
	}
	arena_free(a);
	if (err == KODO_OK)
		suspect_judge(o);
	return err;
}

static enum kodo_err
peer_expire(struct change *ch, uint32_t id)
{
	struct withdrawal *w;
	struct peer *p;
	enum kodo_err err = change_peer(ch, id, &p);

	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	if (p->liveness.silent_us == 0)
		return KODO_OK;	/* it was heard meanwhile */
	if ((p->flags & PEER_PROVIDER) == 0) {
		p->flags &= ~(unsigned)PEER_TO_ASK;	/* nothing reminds of it any more */
		return KODO_OK;
	}
	log_info("%.*s was silent too long, and is withdrawn until its next word",
	    STR_ARG(p->url));
	err = withdrawal_begin(&ch->gone, p, false, &w);
	if (err == KODO_OK)
		err = statement_drop_all(ch, p);
	/* it is asked for as long again, and told to connect once it answers */
	p->flags |= PEER_TO_ASK;
	p->liveness.fell_us = ch->now_us;
	return err;
}

static bool
is_suspect_changed(const struct round *o)
{
	return (o->was.suspect_us != 0) != (o->w.suspect_us != 0);
}

static enum kodo_err
round_fn(struct change *ch, void *arg)
{
	const struct change_round *o = arg;
	size_t i;
	enum kodo_err err = watch_put(ch->t, &o->w);

	ch->is_view_changed |= o->is_suspect_changed;	/* the pages say so */

	for (i = 0; i < o->expired.n && err == KODO_OK; i++)
		err = peer_expire(ch, o->expired.all[i]);
	return err;
}

const struct change_type change_round = { .kind = CHANGE_ROUND, .fn = round_fn,
	.cause = WITHDRAWN_SILENT };

static enum kodo_err
watch_fn(struct txn *t, void *arg)
{
	const struct change_round *o = arg;

	return watch_put(t, &o->w);
}

const struct change_type change_watch = { .kind = CHANGE_WATCH, .plain = watch_fn };

static void
suspect_log(const struct round *o)
{
	if (o->was.suspect_us == 0 && o->w.suspect_us != 0)
		log_warning("%llu of %llu peers fell silent at once: it may be our own line, so"
			    " nobody is withdrawn", (unsigned long long)o->n_fallen,
		    (unsigned long long)o->n_providers);
	else if (o->was.suspect_us != 0 && o->w.suspect_us == 0)
		log_info("our own line is not suspected any more");
}

enum kodo_err
liveness_round(struct registry *r, int64_t now_us, bool *more)
{
	struct round o = { .now_us = now_us, .given_up = r->given_up };
	struct change_round found;
	struct change_run run = { .r = r, .now_us = now_us, .arg = &found };
	enum kodo_err err = look_at(r, &o);

	*more = false;
	if (err == KODO_OK)
		r->given_up = o.given_up;
	if (err != KODO_OK || (o.n_expired == 0 && memcmp(&o.was, &o.w, sizeof(o.w)) == 0))
		return err;
	suspect_log(&o);
	found = (struct change_round){ .w = o.w, .is_suspect_changed = is_suspect_changed(&o),
		.expired = { .all = o.expired, .n = o.n_expired } };
	run.type = o.n_expired == 0 && !found.is_suspect_changed ? &change_watch : &change_round;
	err = registry_change(&run);
	*more = err == KODO_OK && o.n_expired == EXPIRE_AT_ONCE;
	return err;
}
