#include "core/base/url.h"
#include "core/liveness/node_state.h"
#include "core/liveness/watch.h"
#include "core/merge/alive.h"
#include "core/records/changelog.h"
#include "core/records/known.h"
#include "core/records/walk.h"

/* Of a node whose owner is not connected here; what p tells is as old as its last word. */
static enum kodo_err
told_find(struct change *ch, uint32_t node, const struct peer *p, int64_t *out)
{
	enum kodo_err err = node_told_get(ch->t, p->id, node, out);

	if (err == KODO_OK && *out == 0 &&
	    (!peer_dialect(p)->has_versions || liveness_heard_us(p) == 0))
		*out = LIVENESS_NOT_KNOWN;
	if (p->liveness.silent_us != 0 && (*out <= 0 || p->liveness.silent_us < *out))
		*out = p->liveness.silent_us;
	return err;
}

/* The owner of a node, where it states that here itself. KODO_ENOTFOUND. */
static enum kodo_err
owner_find(struct change *ch, uint32_t node, struct str bytes, struct peer **out)
{
	struct statement s;
	struct packed pk;
	struct str key = STR_NULL;
	enum kodo_err err = packed_open(bytes, &pk);

	if (err == KODO_OK)
		err = url_key(ch->a, pk.url, &key);
	if (err == KODO_OK)
		err = change_peer_find(ch, key, out);
	return err == KODO_OK ? known_statement(ch->t, node, (*out)->id, &s) : err;
}

/* What is known of a node: of its owner, or else by the statement that wins. */
static enum kodo_err
since_find(struct change *ch, uint32_t node, const struct statement *s, int64_t *out)
{
	struct peer *p;
	enum kodo_err err;

	*out = 0;
	if (s->peer == PEER_SELF)
		return KODO_OK;
	err = owner_find(ch, node, s->bytes, &p);
	if (err == KODO_OK) {
		*out = liveness_since_us(p);
		return KODO_OK;
	}
	if (err == KODO_ENOTFOUND)
		err = change_peer(ch, s->peer, &p);
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	return told_find(ch, node, p, out);
}

/* Subscribers learn of it, and of nothing else where they have the node already. */
static enum kodo_err
since_log(struct change *ch, uint32_t node, struct node_state *s)
{
	struct changelog_entry last;
	enum kodo_err err = changelog_get(ch->t, node, &last);

	if (err == KODO_ENOTFOUND || (err == KODO_OK && last.at > ch->began))
		return KODO_OK; /* with the node itself */
	if (err == KODO_OK && last.at != s->at)
		s->content_at = last.at;
	if (err == KODO_OK)
		err = change_notify_all(ch, node, PEER_SELF);
	s->at = ch->head.logged;
	return err;
}

enum kodo_err
alive_settle(struct change *ch, uint32_t node)
{
	struct node_state s;
	struct known kn;
	int64_t since_us;
	enum kodo_err err = node_state_get(ch->t, node, &s);

	if (err == KODO_OK)
		err = known_get(ch->t, node, &kn);
	if (err != KODO_OK)
		return err;
	if (!kn.is_seen)
		return s.since_us != 0 || s.at != 0
		    ? node_state_put(ch->t, node, &(struct node_state){ 0 })
		    : KODO_OK;
	err = since_find(ch, node, &kn.winner, &since_us);
	if (err != KODO_OK || since_us == s.since_us)
		return err;
	s.since_us = since_us;
	ch->is_view_changed = true;
	err = since_log(ch, node, &s);
	return err == KODO_OK ? node_state_put(ch->t, node, &s) : err;
}

struct nodes {
	struct arena *a;
	struct arena_ids ids;
};

static enum kodo_err
node_add(void *arg, uint32_t node, const struct statement *s)
{
	struct nodes *l = arg;

	(void)s;
	return arena_ids_add(l->a, &l->ids, node);
}

/* Is anything else known of p than its nodes have? */
static enum kodo_err
peer_settle(struct change *ch, struct peer *p)
{
	struct nodes l = { .a = ch->a };
	size_t i;
	enum kodo_err err = KODO_OK;

	if (p->liveness.shown_us == liveness_since_us(p))
		return KODO_OK;
	p->liveness.shown_us = liveness_since_us(p);
	err = walk_stated(ch->t, p->id, node_add, &l);
	for (i = 0; i < l.ids.n && err == KODO_OK; i++)
		err = alive_settle(ch, l.ids.all[i]);
	return err;
}

enum kodo_err
alive_heard(struct change *ch, struct peer *p)
{
	if (!peer_is_watched(p))
		return KODO_OK;
	if (liveness_is_given_up(p) && liveness_heard_us(p) == 0)
		liveness_try_again(p, ch->now_us);
	else if (p->liveness.due_us == 0 || (liveness_heard_us(p) != 0 &&
	    (p->liveness.tries > 0 || p->liveness.silent_us != 0)))
		liveness_begin(p, ch->now_us);
	return peer_settle(ch, p);
}

enum kodo_err
alive_missed(struct change *ch, struct peer *p)
{
	struct watch w;
	enum kodo_err err = watch_get(ch->t, &w);

	if (err != KODO_OK || !liveness_missed(p, w.since_us, ch->now_us))
		return err;
	return peer_settle(ch, p);
}

static enum kodo_err
alive_told(struct change *ch, const struct peer *p, uint32_t node, int64_t since_us)
{
	int64_t was_us;
	enum kodo_err err = node_told_get(ch->t, p->id, node, &was_us);

	if (err == KODO_OK && was_us != since_us)
		err = node_told_put(ch->t, p->id, node, since_us);
	return err == KODO_OK ? alive_settle(ch, node) : err;
}

static enum kodo_err
told_take(struct change *ch, const struct peer *p, struct str key, int64_t since_us)
{
	struct statement s;
	uint32_t node;
	enum kodo_err err = node_find(ch->t, key, &node);

	if (err == KODO_OK)
		err = known_statement(ch->t, node, p->id, &s);
	if (err == KODO_OK)
		err = alive_told(ch, p, node, since_us);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

enum kodo_err
alive_take(struct change *ch, const struct peer *p, const struct wire_body *b)
{
	size_t i;
	enum kodo_err err = KODO_OK;

	if (liveness_heard_us(p) == 0)
		return KODO_OK;	/* anybody may have said it */
	for (i = 0; i < b->n_nodes && err == KODO_OK; i++)
		if (!b->nodes[i].is_back && !str_eq(b->nodes[i].key, p->key))
			err = told_take(ch, p, b->nodes[i].key, b->nodes[i].silent_us);
	for (i = 0; i < b->n_silent && err == KODO_OK; i++)
		err = told_take(ch, p, b->silent[i].key, b->silent[i].since_us);
	return err;
}
