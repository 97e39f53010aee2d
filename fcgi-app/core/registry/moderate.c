#include "core/base/url.h"
#include "core/merge/resolve.h"
#include "core/registry/moderate.h"
#include "core/registry/registry_private.h"

/* what one transaction looks at: some milliseconds */
#define SWEEP_NODES	200u
#define SWEEP_BYTES	(4u << 20)

struct wish {
	const struct moderation_entry *e;
	bool forget;
	enum moderate_outcome *out;
	uint32_t ticket;
};

static enum kodo_err
list_change(struct change *ch, struct moderation *m, struct wish *w)
{
	const struct moderation_entry *was = moderation_entry(m, w->e);
	const bool is_allowed = w->e->verdict == VERDICT_SHOWN;

	*w->out = MODERATE_NOTHING;
	if (w->forget || (is_allowed && was != NULL && was->verdict != VERDICT_SHOWN)) {
		if (moderation_remove(m, w->e))
			*w->out = MODERATE_UNDONE;
		return KODO_OK;
	}
	if ((was != NULL && was->verdict == w->e->verdict) || (is_allowed && m->n == 0))
		return KODO_OK;
	*w->out = is_allowed ? MODERATE_EXCEPTED : MODERATE_SET;
	return moderation_set(ch->a, m, w->e);
}

static enum kodo_err
list_fn(struct change *ch, void *arg)
{
	struct wish *w = arg;
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

/* A pass over the nodes of one table. */
struct sweep {
	enum verdict verdict;
	uint32_t next;
	bool is_over;
};

struct swept {
	uint32_t node;
	struct str key;
};

/* The next nodes, and whether there are more behind them. */
static enum kodo_err
nodes_collect(struct change *ch, const struct sweep *w, struct swept *all, size_t *n, bool *is_over)
{
	struct scan s = record_scan_winners(ch->t, w->verdict, w->next);
	struct record rec;
	struct packed p;
	size_t bytes = 0;

	*n = 0;
	*is_over = false;
	while (*n < SWEEP_NODES && bytes < SWEEP_BYTES) {
		if (!record_next(&s, &rec)) {
			*is_over = true;
			break;
		}
		bytes += rec.said.bytes.len;
		all[*n].node = rec.node;
		s.err = packed_open(rec.said.bytes, &p);
		if (s.err == KODO_OK)
			s.err = url_key(ch->a, p.url, &all[*n].key);
		++*n;
	}
	return scan_end(&s);
}

static enum kodo_err
sweep_fn(struct change *ch, void *arg)
{
	struct sweep *w = arg;
	struct swept *all = arena_alloc(ch->a, SWEEP_NODES * sizeof(*all));
	bool is_over;
	size_t i, n;
	enum kodo_err err = all == NULL ? KODO_ENOMEM : nodes_collect(ch, w, all, &n, &is_over);

	for (i = 0; err == KODO_OK && i < n; i++)
		err = resolve_judge(ch, all[i].node, all[i].key);
	if (err != KODO_OK)
		return err == KODO_EINVAL || err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
	if (ch->head.logged != ch->logged)
		return KODO_OK;
	/* nothing is to be written: on without a commit, which costs the disk */
	w->is_over = is_over || all[n - 1].node == UINT32_MAX;
	w->next = is_over ? 0 : all[n - 1].node + 1;
	return KODO_ENOTFOUND;
}

enum kodo_err
moderate_sweep(struct registry *r, uint32_t ticket, int64_t now_us)
{
	struct sweep w;
	struct change_run run = { .r = r, .now_us = now_us, .fn = sweep_fn, .arg = &w };
	int verdict;
	enum kodo_err err = KODO_OK;

	for (verdict = 0; verdict < VERDICTS && err == KODO_OK; verdict++) {
		w = (struct sweep){ .verdict = (enum verdict)verdict };
		while (err == KODO_OK && !w.is_over) {
			err = registry_change(&run);
			if (err == KODO_ENOTFOUND)
				err = KODO_OK;
		}
	}
	run.fn = finished_fn;
	run.arg = &ticket;
	return err == KODO_OK ? registry_change(&run) : err;
}

enum kodo_err
moderate_list(struct registry *r, const struct moderation_entry *e, bool forget, int64_t now_us,
    enum moderate_outcome *out, uint32_t *ticket)
{
	struct wish w = { .e = e, .forget = forget, .out = out };
	struct change_run run = { .r = r, .now_us = now_us, .fn = list_fn, .arg = &w };
	enum kodo_err err = registry_change(&run);

	*ticket = w.ticket;
	return err;
}

enum kodo_err
registry_moderate(struct registry *r, const struct moderation_entry *e, bool forget,
    int64_t now_us, enum moderate_outcome *out)
{
	uint32_t ticket;
	enum kodo_err err = moderate_list(r, e, forget, now_us, out, &ticket);

	return err == KODO_OK ? moderate_sweep(r, ticket, now_us) : err;
}

enum kodo_err
moderate_finish(struct registry *r, int64_t now_us)
{
	struct arena *a = arena_new();
	struct moderation m;
	struct txn t;
	enum kodo_err err = a == NULL ? KODO_ENOMEM : store_begin(r->store, STORE_READ, &t);

	if (err == KODO_OK)
		err = store_end(&t, moderation_get(&t, a, &m));
	arena_free(a);
	return err == KODO_OK && m.unfinished != 0 ? moderate_sweep(r, m.unfinished, now_us)
						 : err;
}
