#include <stdlib.h>

#include "core/base/limit.h"
#include "core/merge/alive.h"
#include "core/merge/ingest.h"
#include "core/merge/quota.h"
#include "core/merge/resync.h"
#include "core/merge/rules.h"
#include "core/merge/statement.h"
#include "core/records/known.h"
#include "core/records/node_chunks.h"
#include "core/records/outbox.h"
#include "core/records/walk.h"

/* how long what a copy has forgotten is given back, and taken */
#define OLDER_US	(600ll * 1000000)
/* clocks less apart than this take in each other's versions */
#define SKEW_US		(LIMIT_VERSION_AHEAD_US / 2)
#define BACK_US		(3600ull * 1000000)

/* --- what a body says --- */

static int
id_cmp(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return (a > b) - (a < b);
}

/* Does a quota allow the chunk, or (whole not null) the node that it made complete? */
static enum kodo_err
chunk_is_allowed(struct change *ch, struct peer *p, const struct wire_body *b, struct str whole,
    bool *out)
{
	struct wire_node n;
	const struct wire_body one = { .nodes = &n, .n_nodes = 1 };
	struct wire_body cut;
	enum kodo_err err;

	*out = true;
	if (b->n_nodes == 0)
		return KODO_OK;
	n = b->nodes[0];
	if (whole.p != NULL)
		n.bytes = whole;
	err = quota_cut(ch, p, &one, false, &cut);
	*out = cut.n_nodes > 0;
	return err;
}

/* A body with a node chunk: there is no statement before the node is complete. */
static enum kodo_err
chunk_take(struct change *ch, struct peer *p, const struct wire_body *b, bool renumber)
{
	const struct wire_node *n = &b->nodes[0];
	struct buf whole = BUF_INIT(0);
	uint32_t node = 0;
	bool may;
	enum kodo_err err = chunk_is_allowed(ch, p, b, STR_NULL, &may);

	if (err != KODO_OK || !may)
		return err;
	err = node_chunks_take(ch->t, ch->a, p->id, b, &whole);
	if (err == KODO_OK && whole.len > 0 && !buf_failed(&whole))
		err = chunk_is_allowed(ch, p, b, buf_str(&whole), &may);
	if (err == KODO_OK && whole.len > 0 && !buf_failed(&whole) && may)
		err = statement_take(
		    ch, p, n->key, buf_str(&whole), n->version, renumber, &node);
	buf_free(&whole);
	return err;
}

/*
 * A peer gives back what we said before this state was restored from a copy: it is the word of its
 * owner, who may have gone, and is asked.
 */
static enum kodo_err
back_take(struct change *ch, const struct wire_node *n)
{
	const uint64_t since_us = (uint64_t)ch->now_us - ch->head.restored_us;
	struct greeting g = { .feed = false };
	struct packed pk;
	struct peer *p;
	struct known kn = { .version = 0 };
	uint32_t node = 0;
	enum kodo_err err = packed_open(n->bytes, &pk);

	if (err != KODO_OK || ch->head.former == 0 || since_us > BACK_US || !ch->o->registry ||
	    str_eq(n->key, ch->o->url_key))
		return err;
	if (option_allows_peer(ch->o, pk.url, NULL) != KODO_OK && !change_is_own(ch, n->key))
		return KODO_OK;
	err = node_find(ch->t, n->key, &node);
	if (err == KODO_OK)
		err = known_get(ch->t, node, &kn);
	if (err == KODO_ENOTFOUND)
		err = KODO_OK;
	/* others have said it meanwhile */
	if (err != KODO_OK || kn.version >= n->version)
		return err;
	/* of ours this copy knows less than we have said: what it says is over that */
	if (change_is_own(ch, n->key))
		return statement_take_end(ch, PEER_SELF, pk.url, n->key, n->version);
	err = change_peer_make(ch, pk.url, n->key, &p);
	if (err != KODO_OK)
		return err;
	if ((p->flags & PEER_PROVIDER) == 0 && !peer_is_live_target(p)) {
		/* it has signed off since the copy was restored */
		if (p->in.epoch != 0)
			return statement_take_gone(
			    ch, p, pk.url, n->key, n->version + RULES_GIVEN);
		g.organization = pk.organization;
		err = ingest_greeting(ch, p, &g);
		/* until it is asked: what it stated did not come by answers */
		p->flags |= PEER_CONNECTS;
	}
	/* a target may have no link of its own: then it is others who have to say it */
	if (err == KODO_OK && (p->flags & PEER_PROVIDER) != 0)
		err = statement_take(ch, p, n->key, n->bytes, n->version, false, &node);
	if (err == KODO_OK && ch->o->retry != 0)
		change_want(ch, p, WORK_RECONNECT, false);
	return err;
}

enum kodo_err
ingest_back(struct change *ch, const struct peer *from, const struct wire_body *b)
{
	enum kodo_err err = KODO_OK;
	size_t i;

	/* it is the word of others, which not everybody may bring */
	if (peer_is_stranger(from))
		return KODO_OK;
	for (i = 0; i < b->n_nodes && err == KODO_OK; i++)
		if (b->nodes[i].is_back)
			err = back_take(ch, &b->nodes[i]);
	return err;
}

/*
 * The ids of a body's nodes, in its order, but of those that are given back; 0 for a node that was
 * in it before.
 */
static enum kodo_err
ids_make(struct change *ch, const struct wire_body *b, uint32_t *ids)
{
	struct str *keys = arena_alloc(ch->a, (b->n_nodes + 1) * sizeof(*keys));
	size_t i, n = 0;

	if (keys == NULL)
		return KODO_ENOMEM;
	for (i = 0; i < b->n_nodes; i++)
		if (!b->nodes[i].is_back)
			keys[n++] = b->nodes[i].key;
	for (i = n; i < b->n_nodes; i++)
		ids[i] = UINT32_MAX;
	return node_make_all(ch->t, ch->a, &ch->head, keys, n, ids);
}

static enum kodo_err
nodes_take(
    struct change *ch, struct peer *p, const struct wire_body *b, bool renumber, uint32_t *ids)
{
	size_t i, at = 0;
	enum kodo_err err = ids_make(ch, b, ids);

	for (i = 0; i < b->n_nodes && err == KODO_OK; i++) {
		const struct wire_node *n = &b->nodes[i];

		if (!n->is_back)
			err = statement_take(
			    ch, p, n->key, n->bytes, n->version, renumber, &ids[at++]);
	}
	return err == KODO_OK ? ingest_back(ch, p, b) : err;
}

/*
 * Take in the nodes and tombstones of a body. *named gets the ids of its nodes, sorted, in the
 * change's arena.
 */
static enum kodo_err
body_take(
    struct change *ch, struct peer *p, const struct wire_body *b, bool renumber, uint32_t **named)
{
	uint32_t *ids = arena_alloc(ch->a, (b->n_nodes + 1) * sizeof(*ids));
	size_t i;
	enum kodo_err err;

	*named = ids;
	if (ids == NULL)
		return KODO_ENOMEM;
	ingest_dialect(p, b);
	err = b->has_chunk ? chunk_take(ch, p, b, renumber) : node_chunks_pass(ch->t, p->id, b);
	if (err == KODO_OK && !b->has_chunk)
		err = nodes_take(ch, p, b, renumber, ids);
	for (i = 0; i < b->n_gone && err == KODO_OK; i++)
		err = statement_take_gone(
		    ch, p, b->gone[i].url, b->gone[i].key, b->gone[i].version);
	if (err == KODO_OK && b->has_kodo)
		err = alive_take(ch, p, b);
	if (err == KODO_OK && !b->has_chunk)
		qsort(ids, b->n_nodes, sizeof(*ids), id_cmp);
	return err;
}

struct stated {
	struct arena_ids nodes;
	struct arena *a;
	uint64_t before_order; /* only those placed before; 0: all */
};

static enum kodo_err
stated_add(void *arg, uint32_t node, const struct statement *s)
{
	struct stated *l = arg;

	if (l->before_order != 0 && s->order >= l->before_order)
		return KODO_OK;
	return arena_ids_add(l->a, &l->nodes, node);
}

/*
 * Drop what p said before and does not say now: the nodes not in named, or, where named is NULL,
 * those placed before before_order.
 */
static enum kodo_err
unnamed_drop(
    struct change *ch, struct peer *p, const uint32_t *named, size_t n_named, uint64_t before_order)
{
	struct stated l = { .a = ch->a, .before_order = before_order };
	enum kodo_err err;
	uint32_t own = 0;
	size_t i;

	/* a copy does not know all that it said, but of itself */
	err = (p->flags & PEER_OLDER) != 0 ? node_find(ch->t, p->key, &own) : KODO_OK;
	if (err == KODO_OK)
		err = walk_stated(ch->t, p->id, stated_add, &l);
	for (i = 0; i < l.nodes.n && err == KODO_OK; i++)
		if ((own == 0 || l.nodes.all[i] == own) &&
		    (named == NULL || bsearch(&l.nodes.all[i], named, n_named, sizeof(*named),
			id_cmp) == NULL))
			err = statement_drop(ch, p, l.nodes.all[i]);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/*
 * A list in chunks: every node that a chunk names gets a new place behind in.list_order, on disk,
 * so that the process that takes in the last chunk finds what was not named.
 */
static enum kodo_err
list_chunk_take(struct change *ch, struct peer *p, const struct wire_body *b)
{
	struct wire_body cut;
	struct node_chunks chunks;
	bool is_whole = true;
	uint32_t *named;
	enum kodo_err err;

	if (p->in.list != b->list_id) {
		p->in.list = b->list_id;
		p->in.list_order = ch->head.next_order;
	}
	err = b->has_chunk ? KODO_OK : quota_cut(ch, p, b, false, &cut);
	if (err == KODO_OK)
		err = body_take(ch, p, b->has_chunk ? b : &cut, true, &named);
	/* a node of which flows are missing is not named yet */
	if (err == KODO_OK && b->has_chunk) {
		err = node_chunks_get(ch->t, p->id, &chunks);
		is_whole =
		    err == KODO_OK && str_eq(chunks.id, b->chunk.id) && chunks.has == chunks.of;
		if (err == KODO_ENOTFOUND)
			err = KODO_OK;
	}
	if (err == KODO_OK && !b->more && is_whole) {
		err = unnamed_drop(ch, p, NULL, 0, p->in.list_order);
		p->in.list = 0;
	}
	return err;
}

/* What p did not take is tried again. */
static enum kodo_err
paused_notify(struct change *ch, struct peer *p)
{
	struct outbox_entry entry;
	uint32_t node = 0;
	enum kodo_err err;

	while ((err = outbox_first(ch->t, p->id, node, &entry)) == KODO_OK) {
		if (entry.why.p != NULL)
			err = change_notify(ch, entry.node, p->id);
		if (err != KODO_OK || entry.node == UINT32_MAX)
			break;
		node = entry.node + 1;
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

enum kodo_err
ingest_list(struct change *ch, struct peer *p, const struct wire_body *b)
{
	struct wire_body cut;
	uint32_t *named;
	enum kodo_err err = node_chunks_drop(ch->t, p->id); /* its sender starts over */

	if (err == KODO_OK)
		err = paused_notify(ch, p);
	if (err != KODO_OK)
		return err;
	if (b->has_list && b->more) {
		p->in.list =
		    0; /* a first chunk restarts the list, even under an id that was used */
		return list_chunk_take(ch, p, b);
	}
	p->in.list = 0;
	ch->is_list = true;
	err = quota_cut(ch, p, b, true, &cut);
	if (err == KODO_OK)
		err = body_take(ch, p, &cut, false, &named);
	return err == KODO_OK ? unnamed_drop(ch, p, named, cut.n_nodes, 0) : err;
}

enum kodo_err
ingest_update(struct change *ch, struct peer *p, const struct wire_body *b)
{
	struct wire_body cut;
	uint32_t *named;
	enum kodo_err err;

	if (b->has_list && b->list_id != 0 && p->in.list == b->list_id)
		return list_chunk_take(ch, p, b);
	err = b->has_chunk ? KODO_OK : quota_cut(ch, p, b, false, &cut);
	return err == KODO_OK ? body_take(ch, p, b->has_chunk ? b : &cut, false, &named) : err;
}

/* --- who says it --- */

void
ingest_dialect(struct peer *p, const struct wire_body *b)
{
	if (!b->has_kodo)
		return;
	p->flags &= ~(unsigned)PEER_ENTRIES;
	p->flags |= PEER_KODO | (b->keeps_entries ? PEER_ENTRIES : 0u);
}

enum kodo_err
ingest_clock(struct change *ch, struct peer *p, const struct greeting *g)
{
	const bool was_apart = llabs(p->in.skew_us) >= SKEW_US;

	if (g->now_us == 0)
		return KODO_OK;
	p->in.skew_us = g->now_us - ch->now_us;
	if (llabs(p->in.skew_us) >= SKEW_US)
		return KODO_OK;
	/* what was left out meanwhile */
	if (was_apart)
		resync_repeat(ch, p);
	return statement_reset_ahead(ch);
}

/* What p says of itself holds from now on. */
static void
role_set(struct change *ch, struct peer *p, const struct greeting *g)
{
	p->flags &= ~(unsigned)(PEER_FEED | PEER_REGISTRY);
	p->flags |= (g->feed ? PEER_FEED : 0u) | (g->registry ? PEER_REGISTRY : 0u);
	/* it refused our connect while it was none */
	if (g->registry && peer_is_live_target(p) && p->out.connected_us == 0 &&
	    p->out.work[WORK_CONNECT] == 0 && ch->o->retry != 0)
		change_want_connect(ch, p);
}

enum kodo_err
ingest_role(struct change *ch, struct peer *p, const struct greeting *g)
{
	role_set(ch, p, g);
	return g->feed ? KODO_OK : ingest_drop_answers(ch, p);
}

enum kodo_err
ingest_drop_answers(struct change *ch, struct peer *p)
{
	return (p->flags & (PEER_PROVIDER | PEER_CONNECTS)) == PEER_PROVIDER
	    ? statement_drop_all(ch, p)
	    : KODO_OK;
}

enum kodo_err
ingest_greeting(struct change *ch, struct peer *p, const struct greeting *g)
{
	enum kodo_err err;

	if ((p->flags & PEER_PROVIDER) == 0) {
		p->flags |= PEER_PROVIDER;
		p->created_us = peer_time_on(p->created_us, ch->now_us);
		err = peer_place_put(ch->t, &ch->head, p);
		if (err != KODO_OK)
			return err;
	}
	p->flags &= ~(unsigned)PEER_DROPPED;
	/* it may be reached by now; one probe for a connect is no burden for anybody */
	if (peer_is_stranger(p) && peer_has_work(p)) {
		p->out.due_us = ch->now_us;
		ch->is_due = true;
	}
	role_set(ch, p, g);
	p->modified_us = peer_time_on(p->modified_us, ch->now_us);
	p->in.at_us = ch->now_us;
	ch->is_view_changed = true; /* created and modified of its nodes are shown */
	err = alive_heard(ch, p);
	return err == KODO_OK ? arena_str(ch->a, g->organization, &p->organization) : err;
}

bool
ingest_is_copy_again(const struct peer *p, const struct wire_body *b)
{
	return b->epoch != 0 && b->epoch == p->in.former_epoch;
}

bool
ingest_is_late(const struct peer *p, const struct wire_body *b)
{
	/* or of a copy that was restored once more, and does not know that it is one */
	return ingest_is_copy_again(p, b) ||
	    rule_5_is_late(b->epoch, b->sequence, p->in.epoch, p->in.sequence);
}

static bool
is_restored(const struct change *ch, const struct wire_body *b)
{
	return rule_6_is_restored(b->acked_epoch, b->acked, head_epoch(&ch->head), ch->head.state);
}

bool
ingest_is_doubtful(const struct change *ch, const struct peer *p, const struct wire_body *b)
{
	/* it has answered before, or speaks for others; and no attempt has failed since */
	const bool is_callable = (p->flags & PEER_PROVIDER) != 0 && p->out.failed_us == 0 &&
	    (p->out.at_us != 0 || (p->flags & PEER_REGISTRY) != 0);

	return is_callable && !ingest_is_copy_again(p, b) &&
	    (rule_6_is_lost(b->epoch, p->in.epoch) || is_restored(ch, b));
}

void
ingest_call_back(struct change *ch, struct peer *p)
{
	const int64_t soon_us = ch->now_us > p->out.at_us + PEER_HEARD_US ||
		p->out.at_us > ch->now_us
	    ? ch->now_us
	    : p->out.at_us + PEER_HEARD_US;

	if (p->out.work[WORK_CONNECT] != 0 || p->out.work[WORK_RECONNECT] != 0) {
		return; /* it is asked already, and no hint puts that off */
	} else if (!peer_is_live_target(p) || p->out.connected_us == 0) {
		/* not by a connect: it may be no registry */
		change_want(ch, p, WORK_RECONNECT, true);
		resync_pace(ch, p);
	} else {
		resync_check(ch, p, soon_us);
	}
}

enum kodo_err
ingest_is_copy(struct change *ch)
{
	struct peer found, *p;
	uint32_t id = 0;
	enum kodo_err err;

	ch->head.former = head_epoch(&ch->head);
	ch->head.restored_us = (uint64_t)ch->now_us;
	ch->head.state_id = ch->head.state_id * 0x9e3779b97f4a7c15u + (uint64_t)ch->now_us;
	while ((err = peer_next(ch->t, ch->a, &id, &found)) == KODO_OK) {
		err = change_peer(ch, found.id, &p);
		if (err != KODO_OK)
			return err;
		resync_restart(ch, p);
		if ((p->flags & PEER_PROVIDER) != 0)
			change_want(ch, p, WORK_RECONNECT, false);
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

enum kodo_err
ingest_acknowledged(struct change *ch, const struct peer *from, const struct wire_body *b)
{
	/* of others that is not taken: it makes all the world be asked */
	return !is_restored(ch, b) || peer_is_stranger(from) ? KODO_OK : ingest_is_copy(ch);
}

/*
 * The state of p that made these statements was lost. It has forgotten its known versions, so that
 * it may take in now what came from it once: its next statements must not be taken for the same.
 */
static enum kodo_err
epoch_end(struct change *ch, struct peer *p)
{
	uint32_t own;
	enum kodo_err err = node_find(ch->t, p->key, &own);

	/* its own node excepted: that it knows */
	if (err == KODO_OK || err == KODO_ENOTFOUND)
		err = unnamed_drop(ch, p, &own, err == KODO_OK ? 1 : 0, 0);
	if (err == KODO_OK)
		err = node_chunks_drop(ch->t, p->id);
	if (err == KODO_OK)
		resync_repeat(ch, p);
	return err;
}

/* When one that speaks is tried: soon, but not at once after a failure. */
static int64_t
heard_due_us(const struct change *ch, const struct peer *p)
{
	const int64_t wait_us = peer_is_stranger(p) ? PEER_STRANGER_US : PEER_HEARD_US;
	const int64_t due_us = p->out.failed_us + wait_us;

	return due_us < ch->now_us || p->out.failed_us > ch->now_us ? ch->now_us : due_us;
}

/*
 * Who speaks can be reached again: what it must learn does not wait for the end of a pause. Its
 * failures go on counting, so that one that speaks and refuses all is not tried without end.
 */
static void
wait_shorten(struct change *ch, struct peer *p)
{
	const int64_t due_us = heard_due_us(ch, p);

	if (p->out.failed_us == 0 || !peer_has_work(p) || peer_is_asking(p, ch->now_us))
		return;
	if (p->out.due_us <= due_us)
		return;
	p->flags &= ~(unsigned)PEER_PAUSED;
	p->out.due_us = due_us;
	ch->is_due = true;
}

/*
 * Who was dropped, for it did not answer, speaks: one more probe, or some (stranger_retry) where
 * nothing comes back; if it answers that, it is asked for its connect, as it may have missed
 * something.
 */
static void
dropped_ask(struct change *ch, struct peer *p)
{
	if ((p->flags & PEER_DROPPED) == 0)
		return;
	p->flags &= ~(unsigned)PEER_DROPPED;
	p->out.attempts = change_patience(ch) - 1;
	if (!change_is_subscriber(ch, p))
		return;
	change_want(ch, p, WORK_RECONNECT, false);
	p->out.due_us = heard_due_us(ch, p);
	ch->is_due = true;
}

enum kodo_err
ingest_epoch(struct change *ch, struct peer *p, const struct wire_body *b)
{
	const bool is_other = rule_6_is_lost(b->epoch, p->in.epoch);
	const bool is_older = is_other && b->former_epoch != 0 &&
	    (b->former_epoch == p->in.epoch || b->former_epoch == p->in.former_epoch);
	enum kodo_err err;

	if (llabs(ch->now_us - p->in.older_us) > OLDER_US)
		p->flags &= ~(unsigned)PEER_OLDER;
	if (is_older) {
		p->flags |= PEER_OLDER;
		p->in.older_us = ch->now_us;
	}
	p->flags &= ~(unsigned)PEER_FADING;
	p->in.at_us = ch->now_us;
	wait_shorten(ch, p);
	dropped_ask(ch, p);
	if (is_other)
		p->in.former_epoch = b->former_epoch;
	p->in.epoch = b->epoch;
	p->in.sequence = b->sequence;
	err = alive_heard(ch, p);
	return err == KODO_OK && is_other && !is_older ? epoch_end(ch, p) : err;
}
