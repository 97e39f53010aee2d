/* Who is believed about a node, and what follows from a change of that (claim.h). */
#include "settle.h"
#include "url.h"

/* --- writing records --- */

static enum kodo_err
shadow_put(struct edit *e, uint32_t node, uint32_t peer, const struct statement *s)
{
	unsigned char k[8];

	return statement_put(e->t, T_SHADOW, key_u32_u32(k, node, peer), s);
}

enum kodo_err
settle_shadow_del(struct edit *e, uint32_t node, uint32_t peer)
{
	unsigned char k[8];

	return store_del(e->t, T_SHADOW, key_u32_u32(k, node, peer));
}

static bool
is_same_row(const struct packed *x, const struct packed *y, uint32_t i)
{
	struct packed_flow fx, fy;

	packed_flow(x, i, &fx);
	packed_flow(y, i, &fy);
	return str_eq(fx.name, fy.name) && str_eq(fx.url, fy.url);
}

/*
 * The flow numbers of p whose place in the default order is not the same in other (which may be
 * NULL); in a.
 */
static enum kodo_err
rows_apart(
    struct arena *a, const struct packed *p, const struct packed *other, uint32_t **rows, size_t *n)
{
	uint32_t i;

	*n = 0;
	*rows = arena_alloc(a, ((size_t)p->n_flows + 1) * sizeof(**rows));
	if (*rows == NULL)
		return KODO_ENOMEM;
	for (i = 0; i < p->n_flows; i++)
		if (other == NULL || i >= other->n_flows || !is_same_row(p, other, i))
			(*rows)[(*n)++] = i;
	return KODO_OK;
}

/*
 * Make s (NULL: nothing) what is seen of the node instead of old (NULL: nothing was). s->bytes must
 * not lie in the map.
 */
static enum kodo_err
seen_put(struct edit *e, uint32_t node, const struct statement *old, const struct statement *s)
{
	struct packed was, is;
	uint32_t *out = NULL, *in = NULL;
	size_t n_out = 0, n_in = 0;
	unsigned char k[4];
	enum kodo_err err = KODO_OK;

	if (old != NULL)
		err = packed_open(old->bytes, &was);
	if (err == KODO_OK && s != NULL)
		err = packed_open(s->bytes, &is);
	if (err == KODO_OK && old != NULL)
		err = rows_apart(e->a, &was, s == NULL ? NULL : &is, &out, &n_out);
	if (err == KODO_OK && s != NULL)
		err = rows_apart(e->a, &is, old == NULL ? NULL : &was, &in, &n_in);
	if (err == KODO_OK && old != NULL)
		e->head.total -= was.n_flows;
	if (err == KODO_OK && s != NULL)
		e->head.total += is.n_flows;
	if (err == KODO_OK && n_out > 0)
		err = index_remove(e->t, &e->index, node, old->bytes, out, n_out);
	if (err == KODO_OK)
		err = s == NULL ? store_del(e->t, T_NODE, key_u32(k, node))
				: statement_put(e->t, T_NODE, key_u32(k, node), s);
	if (err == KODO_OK && n_in > 0)
		err = index_add(e->t, &e->head, &e->index, node, in, n_in);
	return err;
}

/* --- who is believed --- */

static enum kodo_err
provider_order(struct edit *e, uint32_t peer, uint64_t *out)
{
	struct peer p;
	struct peer *cached = NULL;
	size_t i;
	enum kodo_err err;

	for (i = 0; i < e->n_peers; i++)
		if (e->peers[i]->id == peer)
			cached = e->peers[i];
	if (cached != NULL) {
		*out = cached->order;
		return KODO_OK;
	}
	err = peer_get(e->t, e->a, peer, &p);
	*out = err == KODO_OK ? p.order : UINT64_MAX;
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/*
 * Is x believed rather than y? seen: whose statement is seen now, which stays where nothing else
 * decides.
 */
static enum kodo_err
is_better(
    struct edit *e, const struct statement *x, const struct statement *y, uint32_t seen, bool *out)
{
	uint64_t ox = 0, oy = 0;
	int c;
	enum kodo_err err;

	*out = x->peer == PEER_SELF;
	if (x->peer == PEER_SELF || y->peer == PEER_SELF)
		return KODO_OK;
	if (x->version != y->version) {
		*out = x->version > y->version;
		return KODO_OK;
	}
	if (x->version == 0) {
		err = provider_order(e, x->peer, &ox);
		if (err == KODO_OK)
			err = provider_order(e, y->peer, &oy);
		*out = ox < oy;
		return err;
	}
	c = str_cmp(x->bytes, y->bytes);
	*out = c > 0 || (c == 0 && x->peer == seen);
	return KODO_OK;
}

/*
 * Find the best among the statements of a node, with now (NULL: nothing) in place of what peer said
 * before. best->bytes NULL: none.
 */
static enum kodo_err
best_find(struct edit *e, uint32_t node, uint32_t peer, const struct statement *now,
    const struct known *kn, struct statement *best)
{
	unsigned char kb[8];
	struct cursor c;
	struct str k, v;
	struct statement s;
	bool yes;
	uint32_t seen = kn->is_seen ? kn->winner.peer : PEER_TOMB;
	enum kodo_err err;

	*best = (struct statement){ .bytes = STR_NULL };
	if (now != NULL)
		*best = *now;
	if (kn->is_seen && kn->winner.peer != peer) {
		yes = true;
		err = best->bytes.p == NULL ? KODO_OK : is_better(e, &kn->winner, best, seen, &yes);
		if (err != KODO_OK)
			return err;
		if (yes)
			*best = kn->winner;
	}
	err = cursor_open(e->t, T_SHADOW, &c);
	if (err != KODO_OK)
		return err;
	for (err = cursor_seek(&c, key_u32_u32(kb, node, 0), &k, &v);
	    err == KODO_OK && get_be32(k.p) == node; err = cursor_next(&c, &k, &v)) {
		if (get_be32(k.p + 4) == peer || get_be32(k.p + 4) == PEER_TOMB)
			continue;
		err = statement_read(v, &s);
		yes = true;
		if (err == KODO_OK && best->bytes.p != NULL)
			err = is_better(e, &s, best, seen, &yes);
		if (err != KODO_OK)
			break;
		if (yes)
			*best = s;
	}
	cursor_close(&c);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/*
 * Put the records where they belong: the winner to be into T_NODE, the others into T_SHADOW.
 * Nothing given may lie in the map.
 */
static enum kodo_err
records_move(struct edit *e, uint32_t node, uint32_t peer, const struct statement *now,
    const struct statement *old, const struct statement *best)
{
	bool now_wins = best != NULL && now != NULL && best->peer == now->peer;
	enum kodo_err err = KODO_OK;

	if (now != NULL && !now_wins)
		err = shadow_put(e, node, peer, now);
	else if (peer != PEER_TOMB)
		err = settle_shadow_del(e, node, peer);
	if (err == KODO_OK && best != NULL && !now_wins)
		err = settle_shadow_del(e, node, best->peer);
	if (err == KODO_OK && old != NULL && old->peer != peer &&
	    (best == NULL || best->peer != old->peer))
		err = shadow_put(e, node, old->peer, old);
	if (old != NULL && best != NULL && old->peer == best->peer &&
	    old->version == best->version && old->order == best->order &&
	    str_eq(old->bytes, best->bytes))
		return err;
	/*
	 * where only the version or the source is another, seen_put finds no rows apart and leaves
	 * the index alone
	 */
	if (err == KODO_OK && (old != NULL || best != NULL))
		err = seen_put(e, node, old, best);
	return err;
}

static enum kodo_err
statement_keep(struct arena *a, struct statement *s)
{
	return arena_str(a, s->bytes, &s->bytes);
}

/* A node of which nothing is said or known any more gives its id back. */
enum kodo_err
settle_tidy(struct edit *e, uint32_t node, struct str key)
{
	unsigned char kb[8];
	struct statement s;
	struct cursor c;
	struct str k, v;
	enum kodo_err err = known_winner(e->t, node, &s);

	if (err == KODO_ENOTFOUND)
		err = cursor_open(e->t, T_SHADOW, &c);
	else
		return err;
	if (err != KODO_OK)
		return err;
	err = cursor_seek(&c, key_u32_u32(kb, node, 0), &k, &v);
	if (err == KODO_OK && get_be32(k.p) != node)
		err = KODO_ENOTFOUND;
	cursor_close(&c);
	return err == KODO_ENOTFOUND ? node_forget(e->t, key) : err;
}

/* --- versions --- */

/*
 * Does p speak for the owner of the node? The owner himself, this service, and a provider that does
 * not feed and does not know versions: it passes on what its own nodes said, and since nobody sends
 * it the view, it cannot be an echo.
 */
bool
settle_is_authority(const struct peer *p, struct str key)
{
	return p->id == PEER_SELF || str_eq(p->key, key) ||
	    (p->flags & (PEER_OURS | PEER_FEED)) == 0;
}

/*
 * Does p pass on whatever it hears, without versions? Then an update of it may be an echo even
 * where it is about itself.
 */
bool
settle_is_echoing(const struct peer *p)
{
	return (p->flags & (PEER_OURS | PEER_FEED)) == PEER_FEED;
}

static uint64_t
version_over(const struct edit *e, uint64_t known)
{
	uint64_t now = e->now_us > 0 ? (uint64_t)e->now_us : 1;

	return now > known ? now : known + 1;
}

/*
 * The version under which a word of the owner's side is taken in: raised over what is known unless
 * it says what is known.
 */
uint64_t
settle_stamp(const struct edit *e, const struct known *kn, struct str bytes, uint64_t version)
{
	if (version > kn->version)
		return version;
	if (kn->is_seen && kn->version == kn->winner.version && kn->version > 0 &&
	    str_eq(kn->winner.bytes, bytes))
		return kn->version;
	return version_over(e, kn->version);
}

/*
 * The version under which the word of an original is taken in that does not speak for the owner, so
 * that all of ours agree on which of two contents was heard last. Of what is known from an owner's
 * side it has no news.
 */
uint64_t
settle_hearsay(const struct edit *e, const struct known *kn, const struct statement *prev,
    struct str bytes)
{
	uint64_t now = e->now_us > 0 ? (uint64_t)e->now_us / 1000000 : 1;

	if (kn->version >= CLAIM_HEARSAY_END)
		return 0;
	if (kn->is_seen && str_eq(kn->winner.bytes, bytes))
		return kn->winner.version;
	/* said again: no news */
	if (prev != NULL && str_eq(prev->bytes, bytes))
		return prev->version;
	return now > kn->version ? now : kn->version + 1;
}

enum kodo_err
settle_tomb_put(struct edit *e, uint32_t node, uint32_t peer, struct str url, uint64_t version)
{
	struct statement s = { .version = version, .at_us = e->now_us, .peer = peer, .bytes = url };

	return shadow_put(e, node, PEER_TOMB, &s);
}

/* --- what follows from a statement --- */

/* Peers whose statements of a node lie in T_SHADOW, in a; those are few. */
static enum kodo_err
shadow_peers(struct edit *e, uint32_t node, struct str seen, uint32_t **peers, size_t *n)
{
	unsigned char kb[8];
	struct statement s;
	struct cursor c;
	struct str k, v;
	size_t cap = 0;
	enum kodo_err err = cursor_open(e->t, T_SHADOW, &c);

	*peers = NULL;
	*n = 0;
	if (err != KODO_OK)
		return err;
	for (err = cursor_seek(&c, key_u32_u32(kb, node, 0), &k, &v);
	    err == KODO_OK && get_be32(k.p) == node; err = cursor_next(&c, &k, &v)) {
		err = statement_read(v, &s);
		if (err == KODO_OK && (get_be32(k.p + 4) == PEER_TOMB || str_eq(s.bytes, seen)))
			continue;
		if (err == KODO_OK) {
			*peers = arena_grow(e->a, *peers, *n, &cap, sizeof(**peers));
			err = *peers == NULL ? KODO_ENOMEM : KODO_OK;
		}
		if (err != KODO_OK)
			break;
		(*peers)[(*n)++] = get_be32(k.p + 4);
	}
	cursor_close(&c);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/*
 * What is seen of the node became another: listeners are told. Who says something else of it but is
 * not told of our changes (an owner that is a node, a provider that does not feed) is asked to
 * connect again: an owner's word is then raised over what is known, others learn from our answer.
 */
enum kodo_err
settle_tell(struct edit *e, uint32_t node, struct str seen, uint32_t skip)
{
	struct peer *p;
	uint32_t *peers;
	size_t n, i;
	enum kodo_err err = edit_tell(e, node, skip);

	if (err == KODO_OK)
		err = shadow_peers(e, node, seen, &peers, &n);
	for (i = 0; err == KODO_OK && i < n; i++) {
		if (peers[i] == PEER_SELF)
			continue;
		err = edit_peer(e, peers[i], &p);
		if (err == KODO_OK && (p->flags & PEER_PROVIDER) != 0 && !edit_is_told(e, p))
			edit_want(e, p, WORK_RECONNECT, false);
	}
	return err;
}

/*
 * What peer said was seen, and it does not say so any more: is to put a tombstone? So that the
 * version that is known of a node never falls, and nobody else's word of the same version, which
 * may stem from here, steps in (claim.h). The owner's side removes with a version of its own.
 */
static enum kodo_err
withdrawn_end(struct edit *e, uint32_t node, const struct statement *was, const struct known *kn)
{
	struct packed pk;
	struct peer *p;
	struct str url, key;
	uint64_t version = 0;
	enum kodo_err err = packed_open(was->bytes, &pk);

	if (err == KODO_OK)
		err = arena_str(e->a, pk.url, &url);
	if (err == KODO_OK)
		err = url_key(e->a, url, &key);
	if (err == KODO_OK)
		err = edit_peer(e, was->peer, &p);
	if (err != KODO_OK)
		return err;
	if (was->version > 0)
		version =
		    settle_is_authority(p, key) ? version_over(e, kn->version) : kn->version + 1;
	return settle_tomb_put(
	    e, node, PEER_SELF, url, version); /* made here: its cause does not know it */
}

/*
 * Peer says now (NULL: nothing) of the node: find who is believed, move the records, and tell
 * others what changed. skip: who need not be told of a disappearance, because it told us.
 */
enum kodo_err
settle_peer(
    struct edit *e, uint32_t node, uint32_t peer, const struct statement *now, uint32_t skip)
{
	struct known kn;
	struct statement old, best;
	struct statement *was = NULL, *is = NULL;
	bool content, withdrawn;
	enum kodo_err err;

	err = known_get(e->t, node, &kn);
	if (err == KODO_OK)
		err = best_find(e, node, peer, now, &kn, &best);
	if (err == KODO_OK && best.bytes.p != NULL) {
		is = &best;
		/* what is said now does not lie in the map, and may be large */
		if (now == NULL || is->bytes.p != now->bytes.p)
			err = statement_keep(e->a, is);
	}
	if (err == KODO_OK && kn.is_seen) {
		old = kn.winner;
		was = &old;
		err = statement_keep(e->a, was);
	}
	if (err != KODO_OK)
		return err;
	/*
	 * a tombstone hides all but the own node and what is newer; that in turn ends the tombstone
	 */
	if (is != NULL && kn.is_gone && kn.tomb.version > 0 && is->peer != PEER_SELF &&
	    is->version <= kn.tomb.version)
		is = NULL;
	withdrawn = was != NULL && was->peer == peer &&
	    (now == NULL || now->version < was->version) &&
	    (is == NULL ||
		(was->version > 0 && is->peer != PEER_SELF && is->version <= was->version)) &&
	    !(kn.is_gone && kn.tomb.version > 0 && kn.tomb.version >= was->version);
	if (withdrawn) {
		is = NULL;
		err = withdrawn_end(e, node, was, &kn);
	} else if (is != NULL && kn.is_gone) {
		err = settle_shadow_del(e, node, PEER_TOMB);
	}
	if (err == KODO_OK)
		err = records_move(e, node, peer, now, was, is);
	if (err != KODO_OK || (was == NULL && is == NULL))
		return err;
	content = was == NULL || is == NULL || !str_eq(was->bytes, is->bytes);
	if (content || was->peer != is->peer)
		e->is_view_changed = true;
	if (content)
		return settle_tell(
		    e, node, is == NULL ? STR_NULL : is->bytes, is != NULL ? is->peer : skip);
	return was->version != is->version ? edit_tell(e, node, is->peer) : KODO_OK;
}

/*
 * Somebody spoke of our own node with a version that is not below ours: raise ours over it, or,
 * where we offer no flows, our tombstone.
 */
enum kodo_err
settle_own_defend(struct edit *e, uint32_t node, struct str url, uint64_t version)
{
	struct statement s;
	struct known kn;
	enum kodo_err err = known_get(e->t, node, &kn);

	if (err != KODO_OK || version < kn.version)
		return err;
	if (kn.is_seen && kn.winner.peer == PEER_SELF) {
		s = kn.winner;
		err = statement_keep(e->a, &s);
		s.version = version_over(e, version);
		return err == KODO_OK ? settle_peer(e, node, PEER_SELF, &s, PEER_SELF) : err;
	}
	err = settle_tomb_put(e, node, PEER_SELF, url, version_over(e, version));
	if (err == KODO_OK)
		err = settle_peer(e, node, PEER_TOMB, NULL, PEER_SELF);
	return err == KODO_OK ? edit_tell(e, node, PEER_SELF) : err;
}
