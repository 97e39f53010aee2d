#include <stdlib.h>

#include "core/records/known.h"
#include "core/records/walk.h"

enum kodo_err
walk_stated(struct txn *t, uint32_t peer,
    enum kodo_err (*each)(void *arg, uint32_t node, const struct statement *s), void *arg)
{
	struct scan s = place_scan(t, peer);
	struct statement said;
	struct place at;

	while (place_next(&s, &at)) {
		s.err = known_statement(t, at.node, peer, &said);
		if (s.err == KODO_ENOTFOUND)
			s.err = KODO_ECORRUPT;
		if (s.err == KODO_OK)
			s.err = each(arg, at.node, &said);
	}
	return scan_end(&s);
}

/* Walk the providers in their order. */
enum kodo_err
walk_providers(struct txn *t, struct arena *a,
    enum kodo_err (*each)(void *arg, const struct peer *p), void *arg)
{
	struct scan s = peer_scan_providers(t);
	struct peer p;
	uint32_t id;

	while (peer_next_provider(&s, &id)) {
		s.err = peer_get(t, a, id, &p);
		if (s.err == KODO_ENOTFOUND)
			s.err = KODO_ECORRUPT;
		if (s.err == KODO_OK)
			s.err = each(arg, &p);
	}
	return scan_end(&s);
}

struct seen_walk {
	struct txn *t;
	enum kodo_err (*each)(
	    void *arg, uint32_t node, const struct statement *s, const struct peer *source);
	void *arg;
	const struct peer *source;
};

static enum kodo_err
seen_node(void *arg, uint32_t node, const struct statement *s)
{
	struct seen_walk *w = arg;
	struct statement winner;
	enum kodo_err err = record_get_seen(w->t, node, &winner);

	(void)s;
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	return winner.peer == w->source->id ? w->each(w->arg, node, &winner, w->source) : KODO_OK;
}

static enum kodo_err
seen_of(struct seen_walk *w, const struct peer *source)
{
	w->source = source;
	return walk_stated(w->t, source->id, seen_node, w);
}

struct source {
	uint64_t order;
	uint32_t peer;
};

static int
source_cmp(const void *x, const void *y)
{
	const struct source *a = x, *b = y;

	return (a->order > b->order) - (a->order < b->order);
}

/*
 * The providers that state something, in their order. There may be very many more that have
 * connected and state nothing.
 */
static enum kodo_err
sources_list(struct txn *t, struct arena *a, struct source **out, size_t *n)
{
	struct source one = { .peer = PEER_SELF + 1 };
	size_t cap = 0;
	enum kodo_err err;

	*out = NULL;
	for (*n = 0; (err = place_find_peer(t, &one.peer)) == KODO_OK; one.peer++) {
		struct source *list = arena_grow(a, *out, *n, &cap, sizeof(*list));

		if (list == NULL)
			return KODO_ENOMEM;
		*out = list;
		err = peer_get_order(t, one.peer, &one.order);
		if (err != KODO_OK)
			return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
		list[(*n)++] = one;
	}
	if (err != KODO_ENOTFOUND)
		return err;
	if (*n > 0)
		qsort(*out, *n, sizeof(**out), source_cmp);
	return KODO_OK;
}

enum kodo_err
walk_seen(struct txn *t, struct arena *a,
    enum kodo_err (*each)(
	void *arg, uint32_t node, const struct statement *s, const struct peer *source),
    void *arg)
{
	struct seen_walk w = { .t = t, .each = each, .arg = arg };
	struct source *list;
	struct peer source;
	size_t n, i;
	enum kodo_err err = peer_get(t, a, PEER_SELF, &source);

	if (err == KODO_OK)
		err = seen_of(&w, &source);
	if (err == KODO_OK)
		err = sources_list(t, a, &list, &n);
	for (i = 0; err == KODO_OK && i < n; i++) {
		err = peer_get(t, a, list[i].peer, &source);
		if (err == KODO_OK)
			err = seen_of(&w, &source);
	}
	return err;
}
