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
seen_provider(void *arg, const struct peer *p)
{
	struct seen_walk *w = arg;

	w->source = p;
	return walk_stated(w->t, p->id, seen_node, w);
}

enum kodo_err
walk_seen(struct txn *t, struct arena *a,
    enum kodo_err (*each)(
	void *arg, uint32_t node, const struct statement *s, const struct peer *source),
    void *arg)
{
	struct seen_walk w = { .t = t, .each = each, .arg = arg };
	struct peer self;
	enum kodo_err err = peer_get(t, a, PEER_SELF, &self);

	if (err == KODO_OK)
		err = seen_provider(&w, &self);
	return err == KODO_OK ? walk_providers(t, a, seen_provider, &w) : err;
}
