#include <stdlib.h>

#include "core/merge/ingest.h"
#include "core/merge/resync.h"
#include "core/merge/rules.h"
#include "core/merge/statement.h"
#include "core/records/node_chunks.h"
#include "core/records/outbox.h"
#include "core/records/walk.h"

/* --- what a body says, inside an edit --- */

static int
id_cmp(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return (a > b) - (a < b);
}

/* A body that is a part of a node: nothing is said before the node is complete. */
static enum kodo_err
part_body_take(struct edit *e, struct peer *p, const struct wire_body *b, bool renumber)
{
	const struct wire_node *n = &b->nodes[0];
	struct buf whole = BUF_INIT(0);
	uint32_t node;
	enum kodo_err err = part_take(e->t, e->a, p->id, b, &whole);

	if (err == KODO_OK && whole.len > 0 && !buf_failed(&whole))
		err = statement_take(
		    e, p, n->key, buf_str(&whole), n->version, renumber, &node);
	buf_free(&whole);
	return err;
}

/*
 * Take in the nodes and tombstones of a body. named (may be NULL) gets the ids of the nodes,
 * sorted.
 */
static enum kodo_err
body_take(struct edit *e, struct peer *p, const struct wire_body *b, bool renumber, uint32_t *named)
{
	enum kodo_err err = KODO_OK;
	uint32_t node;
	size_t i;

	if (b->has_kodo)
		p->flags |= PEER_KODO;
	err = b->has_part ? part_body_take(e, p, b, renumber) : part_pass(e->t, p->id, b);
	for (i = 0; i < b->n_nodes && err == KODO_OK && !b->has_part; i++) {
		const struct wire_node *n = &b->nodes[i];

		err = statement_take(e, p, n->key, n->bytes, n->version, renumber, &node);
		if (named != NULL)
			named[i] = node;
	}
	for (i = 0; i < b->n_gone && err == KODO_OK; i++)
		err = statement_take_gone(e, p, b->gone[i].url, b->gone[i].key, b->gone[i].version);
	if (named != NULL)
		qsort(named, b->n_nodes, sizeof(*named), id_cmp);
	return err;
}

struct stated {
	uint32_t *nodes;
	size_t n, cap;
	struct arena *a;
	uint64_t before_order; /* only those placed before; 0: all */
};

static enum kodo_err
stated_add(void *arg, uint32_t node, const struct statement *s)
{
	struct stated *l = arg;
	uint32_t *nodes;

	if (l->before_order != 0 && s->order >= l->before_order)
		return KODO_OK;
	nodes = arena_grow(l->a, l->nodes, l->n, &l->cap, sizeof(*nodes));
	if (nodes == NULL)
		return KODO_ENOMEM;
	l->nodes = nodes;
	l->nodes[l->n++] = node;
	return KODO_OK;
}

/*
 * Drop what p said before and does not say now: the nodes not in named, or, where named is NULL,
 * those placed before before_order.
 */
static enum kodo_err
unnamed_drop(
    struct edit *e, struct peer *p, const uint32_t *named, size_t n_named, uint64_t before_order)
{
	struct stated l = { .a = e->a, .before_order = before_order };
	enum kodo_err err = walk_stated(e->t, p->id, stated_add, &l);
	size_t i;

	for (i = 0; i < l.n && err == KODO_OK; i++)
		if (named == NULL ||
		    bsearch(&l.nodes[i], named, n_named, sizeof(*named), id_cmp) == NULL)
			err = statement_drop(e, p, l.nodes[i]);
	return err;
}

/*
 * A connect in pieces: every node that a piece names gets a new place behind piece_order, on disk,
 * so that the last piece, in whichever process it is taken in, can tell what was not named.
 */
static enum kodo_err
piece_take(struct edit *e, struct peer *p, const struct wire_body *b)
{
	struct part part;
	bool is_whole = true;
	enum kodo_err err;

	if (p->piece != b->piece) {
		p->piece = b->piece;
		p->piece_order = e->head.next_order;
	}
	err = body_take(e, p, b, true, NULL);
	/* a node of which flows are missing is not named yet */
	if (err == KODO_OK && b->has_part) {
		err = part_get(e->t, p->id, &part);
		is_whole = err == KODO_OK && str_eq(part.id, b->part.id) && part.has == part.of;
		if (err == KODO_ENOTFOUND)
			err = KODO_OK;
	}
	if (err == KODO_OK && !b->more && is_whole) {
		err = unnamed_drop(e, p, NULL, 0, p->piece_order);
		p->piece = 0;
	}
	return err;
}

/* What p did not take is tried again. */
static enum kodo_err
parked_tell(struct edit *e, struct peer *p)
{
	struct outbox_entry entry;
	uint32_t node = 0;
	enum kodo_err err;

	while ((err = outbox_next(e->t, p->id, node, &entry)) == KODO_OK) {
		if (entry.why.p != NULL)
			err = edit_tell_one(e, entry.node, p->id);
		if (err != KODO_OK || entry.node == UINT32_MAX)
			break;
		node = entry.node + 1;
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

enum kodo_err
intake_connect(struct edit *e, struct peer *p, const struct wire_body *b)
{
	uint32_t *named;
	enum kodo_err err = part_drop(e->t, p->id); /* its sender starts over */

	if (err == KODO_OK)
		err = parked_tell(e, p);
	if (err != KODO_OK)
		return err;
	if (b->has_piece && b->more) {
		p->piece =
		    0; /* a first piece restarts the naming, even under an id that was used */
		return piece_take(e, p, b);
	}
	p->piece = 0;
	e->is_list = true;
	named = arena_alloc(e->a, (b->n_nodes + 1) * sizeof(*named));
	if (named == NULL)
		return KODO_ENOMEM;
	err = body_take(e, p, b, false, named);
	return err == KODO_OK ? unnamed_drop(e, p, named, b->n_nodes, 0) : err;
}

enum kodo_err
intake_update(struct edit *e, struct peer *p, const struct wire_body *b)
{
	if (b->has_piece && b->piece != 0 && p->piece == b->piece)
		return piece_take(e, p, b);
	return body_take(e, p, b, false, NULL);
}

/* --- who says it --- */

enum kodo_err
provider_note(struct edit *e, struct peer *p, const struct greeting *g)
{
	unsigned char k[8], v[4];
	enum kodo_err err;

	if ((p->flags & PEER_PROVIDER) == 0) {
		p->flags |= PEER_PROVIDER;
		p->created_us = e->now_us;
		p->order = e->head.next_order++;
		err = store_put(e->t, T_PROVIDER, key_u64(k, p->order), key_u32(v, p->id));
		if (err != KODO_OK)
			return err;
	}
	p->flags &= ~(unsigned)(PEER_FEED | PEER_REGISTRY);
	p->flags |= (g->feed ? PEER_FEED : 0u) | (g->registry ? PEER_REGISTRY : 0u);
	p->modified_us = e->now_us;
	p->in_us = e->now_us;
	e->is_view_changed = true; /* created and modified of its nodes are shown */
	return arena_str(e->a, g->organization, &p->organization);
}

/*
 * Does the body come late, after one that its sender made later? Then whoever sent it has given it
 * up, and what it says is void: it would take back what was said since, or bring back who has left.
 */
bool
intake_is_late(const struct peer *p, const struct wire_body *b)
{
	return rule_5_is_late(b->life, b->sent, p->heard_life, p->heard_sent);
}

/*
 * Who heard more of this state than it has said knows that it was restored from an older copy. It
 * speaks as another one from now on, so that its words are taken neither for late nor for the same,
 * and asks everybody: some may have left since.
 */
enum kodo_err
intake_recall(struct edit *e, const struct wire_body *b)
{
	struct peer found, *p;
	uint32_t id = 0;
	enum kodo_err err;

	if (!rule_6_is_restored(b->heard_life, b->heard, head_life(&e->head), e->head.state))
		return KODO_OK;
	e->head.state_id = e->head.state_id * 0x9e3779b97f4a7c15u + (uint64_t)e->now_us;
	while ((err = peer_next(e->t, e->a, &id, &found)) == KODO_OK) {
		err = edit_peer(e, found.id, &p);
		if (err != KODO_OK)
			return err;
		doubt_restart(e, p);
		if ((p->flags & PEER_PROVIDER) != 0)
			edit_want(e, p, WORK_RECONNECT, false);
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/*
 * The state of p that told us these was lost. It does not know any more what it knew, so that it
 * may believe now what came from it once: whatever it says next must not be taken for the same.
 */
static enum kodo_err
life_end(struct edit *e, struct peer *p)
{
	uint32_t own;
	enum kodo_err err = node_find(e->t, p->key, &own);

	/* its own node it knows */
	if (err == KODO_OK || err == KODO_ENOTFOUND)
		err = unnamed_drop(e, p, &own, err == KODO_OK ? 1 : 0, 0);
	if (err == KODO_OK)
		err = part_drop(e->t, p->id);
	if (err == KODO_OK)
		doubt_restart(e, p);
	return err;
}

enum kodo_err
intake_heard(struct edit *e, struct peer *p, const struct wire_body *b)
{
	const bool is_other = rule_6_is_lost(b->life, p->heard_life);

	p->flags &= ~(unsigned)PEER_FADING;
	p->in_us = e->now_us;
	p->heard_life = b->life;
	p->heard_sent = b->sent;
	return is_other ? life_end(e, p) : KODO_OK;
}
