#include "core/registry/registry_private.h"
#include "core/views/node_source.h"

/* The list of moderation, read once a commit: a pass asks for each node. */
static enum kodo_err
moderation_read(struct view *v, const struct moderation **out)
{
	struct registry *r = v->registry;
	enum kodo_err err = KODO_OK;

	*out = &r->moderated.list;
	if (r->moderated.a != NULL && r->moderated.seen == store_seen(&v->t))
		return KODO_OK;
	if (r->moderated.a == NULL)
		r->moderated.a = arena_new();
	if (r->moderated.a == NULL)
		return KODO_ENOMEM;
	arena_reset(r->moderated.a);
	r->moderated.seen = 0;
	err = moderation_get(&v->t, r->moderated.a, &r->moderated.list);
	if (err == KODO_OK)
		r->moderated.seen = store_seen(&v->t);
	return err;
}

enum kodo_err
node_source_get(struct view *v, uint32_t node, uint32_t peer, struct str *out)
{
	const struct moderation *m;
	struct peer p;
	uint32_t own;
	enum kodo_err err;

	*out = v->options->url;
	if (peer == PEER_SELF)
		return KODO_OK;
	err = peer_get_mapped(&v->t, peer, &p);
	if (err == KODO_OK)
		err = node_find(&v->t, p.key, &own);
	if (err == KODO_OK && own == node)
		return KODO_OK;
	if (err == KODO_OK || err == KODO_ENOTFOUND)
		err = p.key.p == NULL ? KODO_ECORRUPT : moderation_read(v, &m);
	if (err != KODO_OK)
		return err;
	*out = moderation_verdict(moderation_of_peer(m, &p)) == VERDICT_SHOWN ? p.url : STR_NULL;
	return KODO_OK;
}
