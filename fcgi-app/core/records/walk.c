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

/* A node that is seen, and its place among those of its peer. */
struct seen_node {
	uint64_t order;
	uint32_t node, peer;
};

/* A peer of which something is seen. */
struct seen_source {
	struct peer p;
	const struct seen_node *nodes;
	size_t n_nodes;
};

struct seen {
	struct seen_node *nodes;
	struct seen_source *sources;
	size_t n_nodes, cap_nodes, n_sources, cap_sources;
};

static int
seen_node_cmp(const void *x, const void *y)
{
	const struct seen_node *a = x, *b = y;
	const int c = (a->peer > b->peer) - (a->peer < b->peer);

	return c != 0 ? c : (a->order > b->order) - (a->order < b->order);
}

/* The own node first, then in the order of first connect. */
static int
seen_source_cmp(const void *x, const void *y)
{
	const struct peer *a = &((const struct seen_source *)x)->p,
			  *b = &((const struct seen_source *)y)->p;

	if (a->id == PEER_SELF || b->id == PEER_SELF)
		return (a->id != PEER_SELF) - (b->id != PEER_SELF);
	return (a->order > b->order) - (a->order < b->order);
}

static enum kodo_err
nodes_collect(struct txn *t, struct arena *a, enum verdict verdict, struct seen *out)
{
	struct scan s = record_scan_winners(t, verdict, 0);
	struct seen_node *nodes;
	struct record rec;

	while (record_next(&s, &rec)) {
		nodes = arena_grow(a, out->nodes, out->n_nodes, &out->cap_nodes, sizeof(*nodes));
		if (nodes == NULL) {
			s.err = KODO_ENOMEM;
			continue;
		}
		out->nodes = nodes;
		nodes[out->n_nodes++] =
		    (struct seen_node){ rec.said.order, rec.node, rec.said.peer };
	}
	return scan_end(&s);
}

/* The peers of the nodes, which get sorted. */
static enum kodo_err
sources_collect(struct txn *t, struct arena *a, struct seen *out)
{
	struct seen_source *sources;
	size_t i, end;
	enum kodo_err err = KODO_OK;

	if (out->n_nodes > 0)
		qsort(out->nodes, out->n_nodes, sizeof(*out->nodes), seen_node_cmp);
	for (i = 0; i < out->n_nodes && err == KODO_OK; i = end) {
		sources = arena_grow(
		    a, out->sources, out->n_sources, &out->cap_sources, sizeof(*sources));
		if (sources == NULL)
			return KODO_ENOMEM;
		out->sources = sources;
		for (end = i; end < out->n_nodes && out->nodes[end].peer == out->nodes[i].peer; )
			end++;
		sources += out->n_sources++;
		sources->nodes = &out->nodes[i];
		sources->n_nodes = end - i;
		err = peer_get(t, a, out->nodes[i].peer, &sources->p);
	}
	if (err == KODO_OK && out->n_sources > 0)
		qsort(out->sources, out->n_sources, sizeof(*out->sources), seen_source_cmp);
	return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
}

/* The winners of the verdicts up to last. */
static enum kodo_err
winners_walk(struct txn *t, struct arena *a, enum verdict last,
    enum kodo_err (*each)(
	void *arg, uint32_t node, const struct statement *s, const struct peer *source),
    void *arg)
{
	struct seen seen = { .n_nodes = 0 };
	struct statement winner;
	enum verdict verdict;
	size_t i, k;
	enum kodo_err err = KODO_OK;

	for (i = 0; i <= (size_t)last && err == KODO_OK; i++)
		err = nodes_collect(t, a, (enum verdict)i, &seen);
	if (err == KODO_OK)
		err = sources_collect(t, a, &seen);
	for (i = 0; i < seen.n_sources && err == KODO_OK; i++) {
		const struct seen_source *source = &seen.sources[i];

		for (k = 0; k < source->n_nodes && err == KODO_OK; k++) {
			err = record_get_winner(
			    t, source->nodes[k].node, &winner, &verdict);
			if (err == KODO_OK)
				err = each(arg, source->nodes[k].node, &winner, &source->p);
		}
	}
	return err;
}

enum kodo_err
walk_seen(struct txn *t, struct arena *a,
    enum kodo_err (*each)(
	void *arg, uint32_t node, const struct statement *s, const struct peer *source),
    void *arg)
{
	return winners_walk(t, a, VERDICT_SHOWN, each, arg);
}

enum kodo_err
walk_passed_on(struct txn *t, struct arena *a,
    enum kodo_err (*each)(
	void *arg, uint32_t node, const struct statement *s, const struct peer *source),
    void *arg)
{
	return winners_walk(t, a, VERDICT_HIDDEN, each, arg);
}
