#include "core/base/clock.h"
#include "core/base/url.h"
#include "core/merge/resolve.h"
#include "core/records/known.h"
#include "core/registry/moderate.h"
#include "core/registry/registry_private.h"
#include "core/trust/rejudge.h"

/* what one transaction looks at: some milliseconds */
#define SWEEP_NODES	200u
#define SWEEP_BYTES	(4u << 20)

static enum kodo_err
list_change(struct change *ch, struct moderation *m, struct change_moderate *w)
{
	const struct moderation_entry *was = moderation_entry(m, w->e);
	const bool is_allowed = w->e->verdict == VERDICT_SHOWN;

	w->outcome = MODERATE_NOTHING;
	if (w->forget || (is_allowed && was != NULL && was->verdict != VERDICT_SHOWN)) {
		if (moderation_remove(m, w->e))
			w->outcome = MODERATE_UNDONE;
		return KODO_OK;
	}
	if ((was != NULL && was->verdict == w->e->verdict) || (is_allowed && m->n == 0))
		return KODO_OK;
	w->outcome = is_allowed ? MODERATE_EXCEPTED : MODERATE_SET;
	return moderation_set(ch->a, m, w->e);
}

static enum kodo_err
list_fn(struct change *ch, void *arg)
{
	struct change_moderate *w = arg;
	struct moderation m;
	enum kodo_err err = moderation_get(ch->t, ch->a, &m);

	if (err == KODO_OK)
		err = list_change(ch, &m, w);
	m.unfinished = w->ticket = (uint32_t)ch->head.state != 0 ? (uint32_t)ch->head.state : 1;
	return err == KODO_OK ? moderation_put(ch->t, &m) : err;
}

/* Unless the list was changed since: nodes passed by then are for whoever changed it. */
static enum kodo_err
finished_fn(struct change *ch, void *arg)
{
	const uint32_t *ticket = arg;
	struct moderation m;
	enum kodo_err err = moderation_get(ch->t, ch->a, &m);

	if (err != KODO_OK || m.unfinished != *ticket)
		return err;
	m.unfinished = 0;
	return moderation_put(ch->t, &m);
}

struct swept {
	uint32_t node;
	struct str key;
};

/* The nodes of one transaction. */
struct batch {
	struct swept *all;
	size_t n, bytes;
	uint64_t next;
	bool is_over;		/* none follows */
};

static bool
batch_is_full(const struct batch *b)
{
	return b->n == SWEEP_NODES || b->bytes >= SWEEP_BYTES;
}

static enum kodo_err
batch_add(struct change *ch, struct batch *b, uint32_t node, struct str bytes, uint64_t at)
{
	struct packed p;
	enum kodo_err err = packed_open(bytes, &p);

	b->all[b->n].node = node;
	if (err == KODO_OK)
		err = url_key(ch->a, p.url, &b->all[b->n].key);
	b->n++;
	b->bytes += bytes.len;
	b->next = at + 1;
	return err;
}

static enum kodo_err
winners_collect(struct change *ch, const struct change_sweep *w, struct batch *b)
{
	struct scan s = record_scan_winners(ch->t, (enum verdict)w->verdict, (uint32_t)w->next);
	struct record rec;

	while (!batch_is_full(b) && !b->is_over) {
		b->is_over = !record_next(&s, &rec);
		if (!b->is_over)
			s.err = batch_add(ch, b, rec.node, rec.said.bytes, rec.node);
	}
	b->is_over |= b->next > UINT32_MAX;
	return scan_end(&s);
}

static enum kodo_err
stated_collect(struct change *ch, const struct change_sweep *w, struct batch *b)
{
	struct scan s = place_scan_from(ch->t, w->peer, w->next);
	struct statement said;
	struct place at;

	while (!batch_is_full(b) && !b->is_over) {
		b->is_over = !place_next(&s, &at);
		if (b->is_over)
			break;
		s.err = known_statement(ch->t, at.node, w->peer, &said);
		if (s.err == KODO_OK)
			s.err = batch_add(ch, b, at.node, said.bytes, at.order);
	}
	return scan_end(&s);
}

static enum kodo_err
sweep_fn(struct change *ch, void *arg)
{
	struct change_sweep *w = arg;
	struct batch b = { .all = arena_alloc(ch->a, SWEEP_NODES * sizeof(*b.all)),
		.next = w->next };
	size_t i;
	enum kodo_err err;

	if (w->verdict >= VERDICTS)
		return KODO_EINVAL;
	ch->gone.cause = w->peer != PEER_SELF ? WITHDRAWN_REJUDGED : WITHDRAWN_MODERATED;
	err = b.all == NULL ? KODO_ENOMEM
	    : w->peer == PEER_SELF ? winners_collect(ch, w, &b) : stated_collect(ch, w, &b);

	for (i = 0; err == KODO_OK && i < b.n; i++)
		err = resolve_judge(ch, b.all[i].node, b.all[i].key);
	if (err != KODO_OK)
		return err == KODO_EINVAL || err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
	if (ch->head.logged != ch->logged)
		return KODO_OK;
	/* nothing is to be written: on without a commit, which costs the disk */
	w->is_over = b.is_over;
	w->next = b.next;
	return KODO_ENOTFOUND;
}

const struct change_type change_sweep = { .kind = CHANGE_SWEEP, .fn = sweep_fn };
const struct change_type change_swept = { .kind = CHANGE_SWEPT, .fn = finished_fn };

/* To its end, or until then, but one transaction at least. */
static enum kodo_err
sweep_run(struct registry *r, struct change_sweep *w, int64_t now_us, int64_t until_us)
{
	struct change_run run = { .type = &change_sweep, .r = r, .now_us = now_us, .arg = w };
	enum kodo_err err;

	do {
		err = registry_change(&run);
		if (err == KODO_ENOTFOUND)
			err = KODO_OK;
	} while (err == KODO_OK && !w->is_over && clock_mono_us() < until_us);
	return err;
}

/* All nodes, from where the pass is. */
static enum kodo_err
pass_run(struct registry *r, struct moderate_pass *at, int64_t now_us, int64_t until_us)
{
	struct change_run run = { .type = &change_swept, .r = r, .now_us = now_us,
		.arg = &at->ticket };
	struct change_sweep w = { .is_over = true };
	enum kodo_err err = KODO_OK;

	while (at->verdict < VERDICTS && err == KODO_OK && w.is_over) {
		w = (struct change_sweep){ .verdict = at->verdict, .next = at->next };
		err = sweep_run(r, &w, now_us, until_us);
		at->next = w.is_over ? 0 : w.next;
		at->verdict += w.is_over;
	}
	return err == KODO_OK && w.is_over ? registry_change(&run) : err;
}

enum kodo_err
moderate_sweep(struct registry *r, uint32_t ticket, int64_t now_us, int64_t until_us)
{
	struct moderate_pass at = { .ticket = ticket };

	return pass_run(r, &at, now_us, until_us);
}

const struct change_type change_moderate = { .kind = CHANGE_MODERATE, .fn = list_fn };

enum kodo_err
moderate_list(struct registry *r, const struct moderation_entry *e, bool forget, int64_t now_us,
    enum moderate_outcome *out, uint32_t *ticket)
{
	struct change_moderate w = { .e = e, .forget = forget };
	struct change_run run = { .type = &change_moderate, .r = r, .now_us = now_us,
		.arg = &w };
	enum kodo_err err = registry_change(&run);

	*out = (enum moderate_outcome)w.outcome;
	*ticket = w.ticket;
	return err;
}

enum kodo_err
registry_moderate(struct registry *r, const struct moderation_entry *e, bool forget,
    int64_t now_us, int64_t until_us, enum moderate_outcome *out)
{
	uint32_t ticket;
	enum kodo_err err = moderate_list(r, e, forget, now_us, out, &ticket);

	return err == KODO_OK ? moderate_sweep(r, ticket, now_us, until_us) : err;
}

static enum kodo_err
step_fn(struct change *ch, void *arg)
{
	const struct change_rejudged *s = arg;

	return rejudge_move(ch->t, ch->a, &s->at, s->is_over);
}

const struct change_type change_rejudged = { .kind = CHANGE_REJUDGED, .fn = step_fn };

/* What one peer states, as far as time allows. */
static enum kodo_err
peer_follow(struct registry *r, const struct rejudge *first, int64_t now_us, int64_t until_us)
{
	struct change_sweep w = { .peer = first->peer, .next = first->order };
	struct change_rejudged step = { .at = *first };
	struct change_run run = { .type = &change_rejudged, .r = r, .now_us = now_us,
		.arg = &step };
	enum kodo_err err = sweep_run(r, &w, now_us, until_us);

	step.at.order = w.next;
	step.is_over = w.is_over;
	return err == KODO_OK ? registry_change(&run) : err;
}

/* What is to be done: all nodes, if unfinished is not 0; what one peer states, if any. */
static enum kodo_err
waiting_get(struct registry *r, uint32_t *unfinished, struct rejudge *first, bool *any)
{
	struct txn t;
	enum kodo_err err = store_begin(r->store, STORE_READ, &t);

	*any = false;
	if (err != KODO_OK)
		return err;
	err = moderation_unfinished(&t, unfinished);
	if (err == KODO_OK)
		err = rejudge_first(&t, first);
	*any = err == KODO_OK;
	return store_end(&t, err == KODO_ENOTFOUND ? KODO_OK : err);
}

enum kodo_err
moderate_follow(struct registry *r, struct moderate_pass *at, int64_t now_us, int64_t limit_us,
    bool *more)
{
	const int64_t until_us = clock_mono_us() + limit_us;
	uint32_t unfinished;
	struct rejudge first;
	enum kodo_err err;

	do {
		err = waiting_get(r, &unfinished, &first, more);
		if (err != KODO_OK)
			break;
		if (unfinished != at->ticket)
			*at = (struct moderate_pass){ .ticket = unfinished };
		if (unfinished != 0)
			err = pass_run(r, at, now_us, until_us);
		else if (*more)
			err = peer_follow(r, &first, now_us, until_us);
		*more |= unfinished != 0;
	} while (err == KODO_OK && *more && clock_mono_us() < until_us);
	return err;
}
