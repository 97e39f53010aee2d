#include "core/records/known.h"
#include "core/records/walk.h"

enum kodo_err
walk_stated(struct txn *t, uint32_t peer,
    enum kodo_err (*each)(void *arg, uint32_t node, const struct statement *s), void *arg)
{
	unsigned char kb[12];
	struct statement s;
	struct cursor c;
	struct str k, v;
	enum kodo_err err = cursor_open(t, T_STATED, &c);

	if (err != KODO_OK)
		return err;
	for (err = cursor_seek(&c, key_u32_u64(kb, peer, 0), &k, &v);
	    err == KODO_OK && get_be32(k.p) == peer; err = cursor_next(&c, &k, &v)) {
		uint32_t node = get_be32(v.p);

		err = known_statement(t, node, peer, &s);
		if (err == KODO_ENOTFOUND)
			err = KODO_ECORRUPT;
		if (err == KODO_OK)
			err = each(arg, node, &s);
		if (err != KODO_OK)
			break;
	}
	cursor_close(&c);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/* Walk the providers in their order. */
enum kodo_err
walk_providers(struct txn *t, struct arena *a,
    enum kodo_err (*each)(void *arg, const struct peer *p), void *arg)
{
	struct cursor c;
	struct peer p;
	struct str k, v;
	enum kodo_err err = cursor_open(t, T_PROVIDER, &c);

	if (err != KODO_OK)
		return err;
	for (err = cursor_seek(&c, STR_NULL, &k, &v); err == KODO_OK;
	    err = cursor_next(&c, &k, &v)) {
		err = peer_get(t, a, get_be32(v.p), &p);
		if (err == KODO_OK)
			err = each(arg, &p);
		if (err != KODO_OK)
			break;
	}
	cursor_close(&c);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
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
	unsigned char k[4];
	struct str v;
	enum kodo_err err = store_get(w->t, T_NODE, key_u32(k, node), &v);

	(void)s;
	if (err == KODO_OK)
		err = statement_read(v, &winner);
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
