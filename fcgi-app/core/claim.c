/* Taking in what peers say of nodes; who is believed is decided in settle.c. */
#include "doubt.h"
#include "part.h"
#include "settle.h"
#include "url.h"

static enum kodo_err
stated_put(struct edit *e, uint32_t peer, uint64_t order, uint32_t node)
{
	unsigned char k[12], v[4];

	return store_put(e->t, T_STATED, key_u32_u64(k, peer, order), key_u32(v, node));
}

static enum kodo_err
stated_del(struct edit *e, uint32_t peer, uint64_t order)
{
	unsigned char k[12];

	return store_del(e->t, T_STATED, key_u32_u64(k, peer, order));
}

/* Give s its place in p's list: the one that prev had, or a new one at the end. */
static enum kodo_err
place_give(struct edit *e, const struct peer *p, const struct statement *prev, bool renumber,
    uint32_t node, struct statement *s)
{
	enum kodo_err err = KODO_OK;

	if (prev != NULL && !renumber) {
		s->order = prev->order;
		return KODO_OK;
	}
	if (prev != NULL)
		err = stated_del(e, p->id, prev->order);
	s->order = e->head.next_order++;
	return err == KODO_OK ? stated_put(e, p->id, s->order, node) : err;
}

/*
 * What follows where p was not believed: it must learn what is known, or the owner must speak
 * again.
 */
static enum kodo_err
take_follow(struct edit *e, struct peer *p, struct str key, struct str bytes, uint32_t node,
    uint64_t version)
{
	struct packed pk;
	struct known kn;
	struct str url;
	bool differs;
	enum kodo_err err = known_get(e->t, node, &kn);

	if (err == KODO_OK)
		err = packed_open(bytes, &pk);
	if (err != KODO_OK || p->id == PEER_SELF)
		return err;
	differs = !kn.is_seen || !str_eq(kn.winner.bytes, bytes);
	if (str_eq(key, e->o->url_key)) {
		if (!(kn.is_gone && version <= kn.tomb.version) &&
		    (version > kn.version ||
			(version == kn.version && (differs || kn.winner.peer != PEER_SELF))))
			return settle_own_defend(e, node, pk.url, version);
		return differs && !settle_is_echoing(p) ? edit_tell_one(e, node, p->id) : KODO_OK;
	}
	/* an original could only echo it */
	if (!differs || settle_is_echoing(p) || version > kn.version ||
	    (version == kn.version && version == 0))
		return KODO_OK;
	/* a tombstone that p itself told of, before it lost its state: now it is ours to tell */
	if (kn.is_gone && kn.tomb.peer == p->id) {
		err = arena_str(e->a, kn.tomb.bytes, &url);
		if (err == KODO_OK)
			err = settle_tomb_put(e, node, PEER_SELF, url, kn.tomb.version);
	}
	return err == KODO_OK ? edit_tell_one(e, node, p->id) : err;
}

/*
 * An update of one that passes on whatever it hears may be an echo of what was said long ago: where
 * it says something else than what is known it is not taken in; its whole list tells. Two contents
 * of a node would chase each other through a ring for ever.
 */
static bool
is_doubtful(const struct peer *p, const struct known *kn, struct str bytes)
{
	if (!settle_is_echoing(p) || (!kn->is_seen && kn->version == 0))
		return false;
	return !kn->is_seen || !str_eq(kn->winner.bytes, bytes);
}

/*
 * An original that speaks for another's node says again what it said, and something else is seen by
 * now: that is no news. Two that differ would raise their words over each other's for ever.
 */
static bool
is_old_word(const struct peer *p, struct str key, const struct known *kn, struct str before,
    struct str bytes)
{
	return p->id != PEER_SELF && (p->flags & PEER_OURS) == 0 && !str_eq(p->key, key) &&
	    kn->is_seen && str_eq(before, bytes) && !str_eq(kn->winner.bytes, bytes);
}

enum kodo_err
claim_take(struct edit *e, struct peer *p, struct str key, struct str bytes, uint64_t version,
    bool renumber, uint32_t *node, bool *changed)
{
	struct statement prev, s;
	struct known kn;
	bool had, same;
	enum kodo_err err;

	*changed = false;
	err = node_make(e->t, &e->head, key, node);
	if (err == KODO_OK)
		err = known_get(e->t, *node, &kn);
	if (err != KODO_OK)
		return err;
	if (!e->is_list && is_doubtful(p, &kn, bytes)) {
		if (kn.version == 0 || !kn.is_seen || kn.winner.peer == p->id ||
		    str_eq(p->key, key))
			doubt_raise(e, p);
		return KODO_OK;
	}
	err = known_statement(e->t, *node, p->id, &prev);
	had = err == KODO_OK;
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	if (had && is_old_word(p, key, &kn, prev.bytes, bytes))
		version = prev.version;
	else if (settle_is_authority(p, key))
		version = settle_stamp(e, &kn, bytes, version);
	else if (settle_is_echoing(p))
		version = settle_hearsay(e, &kn, had ? &prev : NULL, bytes);
	same = had && prev.version == version && str_eq(prev.bytes, bytes);
	/* said again: as long as it is not believed, it must learn why */
	if (same && !renumber)
		return kn.is_seen && kn.winner.peer == p->id
		    ? KODO_OK
		    : take_follow(e, p, key, bytes, *node, version);
	*changed = !same;
	s = (struct statement){ .version = version,
		.at_us = same ? prev.at_us : e->now_us,
		.peer = p->id,
		.bytes = bytes };
	err = place_give(e, p, had ? &prev : NULL, renumber, *node, &s);
	if (err == KODO_OK)
		err = settle_peer(e, *node, p->id, &s, p->id);
	return err == KODO_OK ? take_follow(e, p, key, bytes, *node, version) : err;
}

enum kodo_err
claim_drop(struct edit *e, struct peer *p, uint32_t node)
{
	struct statement s;
	struct packed pk;
	struct str key = STR_NULL;
	uint64_t order = 0;
	enum kodo_err err = known_statement(e->t, node, p->id, &s);

	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	order = s.order;
	err = packed_open(s.bytes, &pk);
	if (err == KODO_OK)
		err = url_key(e->a, pk.url, &key);
	if (err == KODO_OK)
		err = stated_del(e, p->id, order);
	if (err == KODO_OK)
		err = settle_peer(e, node, p->id, NULL, p->id);
	return err == KODO_OK ? settle_tidy(e, node, key) : err;
}

/*
 * p says that the node is gone, but that is not news: what it said before is void, and where we
 * know better it must learn.
 */
static enum kodo_err
gone_late(struct edit *e, struct peer *p, uint32_t node, const struct statement *said,
    uint64_t version, const struct known *kn)
{
	uint64_t known = kn->version;
	enum kodo_err err = KODO_OK;

	if (said != NULL)
		err = stated_del(e, p->id, said->order);
	if (err == KODO_OK && said != NULL)
		err = settle_peer(e, node, p->id, NULL, PEER_SELF);
	return err == KODO_OK && version < known ? edit_tell_one(e, node, p->id) : err;
}

enum kodo_err
claim_take_gone(struct edit *e, struct peer *p, struct str url, struct str key, uint64_t version)
{
	struct statement s = { 0 };
	struct known kn;
	uint32_t node;
	bool had, was_seen;
	enum kodo_err err;

	err = node_make(e->t, &e->head, key, &node);
	if (err == KODO_OK)
		err = known_get(e->t, node, &kn);
	if (err != KODO_OK)
		return err;
	if (kn.is_seen && kn.winner.peer == PEER_SELF)
		return settle_own_defend(e, node, url, version);
	err = known_statement(e->t, node, p->id, &s);
	had = err == KODO_OK;
	if (err == KODO_ENOTFOUND)
		err = KODO_OK;
	if (err != KODO_OK)
		return err;
	if (version < kn.version || (version == kn.version && !kn.is_seen))
		return gone_late(e, p, node, had ? &s : NULL, version, &kn);
	was_seen = kn.is_seen;
	err = settle_tomb_put(e, node, p->id, url, version);
	if (err == KODO_OK && had)
		err = stated_del(e, p->id, s.order);
	if (err == KODO_OK)
		err = settle_peer(e, node, had ? p->id : PEER_TOMB, NULL, p->id);
	/* a newer tombstone than ours travels on */
	return err == KODO_OK && !was_seen ? settle_tell(e, node, STR_NULL, p->id) : err;
}

enum kodo_err
claim_drop_all(struct edit *e, struct peer *p)
{
	unsigned char kb[12];
	struct cursor c;
	struct str k, v;
	uint64_t order = 0;
	uint32_t node = 0;
	enum kodo_err err;

	/* the cursor ends before each change, which could move what it stands on */
	for (;;) {
		err = cursor_open(e->t, T_STATED, &c);
		if (err != KODO_OK)
			return err;
		err = cursor_seek(&c, key_u32_u64(kb, p->id, order), &k, &v);
		if (err == KODO_OK && get_be32(k.p) != p->id)
			err = KODO_ENOTFOUND;
		if (err == KODO_OK) {
			order = get_be64(k.p + 4);
			node = get_be32(v.p);
		}
		cursor_close(&c);
		if (err != KODO_OK)
			break;
		err = claim_drop(e, p, node);
		if (err == KODO_OK)
			err = stated_del(e, p->id, order);
		if (err != KODO_OK)
			break;
	}
	if (err != KODO_ENOTFOUND)
		return err;
	p->flags &= ~(unsigned)PEER_PROVIDER;
	p->work[WORK_RECONNECT] = 0;
	p->piece = 0;
	/* it was connected to for the sake of its word alone */
	if ((p->flags & PEER_TARGET) == 0) {
		p->work[WORK_CONNECT] = 0;
		doubt_drop(p);
	}
	err = part_drop(e->t, p->id);
	if (err == KODO_OK && !edit_is_told(e, p))
		err = edit_unwant(e, p, WORK_TELL);
	if (err != KODO_OK)
		return err;
	if (p->order != 0) {
		err = store_del(e->t, T_PROVIDER, key_u64(kb, p->order));
		p->order = 0;
		return err;
	}
	return KODO_OK;
}

enum kodo_err
claim_expire(struct edit *e, int64_t before_us)
{
	unsigned char kb[8];
	struct statement s;
	struct cursor c;
	struct str k, v, key = STR_NULL;
	uint32_t node = 0;
	bool found;
	enum kodo_err err;

	for (;;) {
		found = false;
		err = cursor_open(e->t, T_SHADOW, &c);
		if (err != KODO_OK)
			return err;
		for (err = cursor_seek(&c, key_u32_u32(kb, node, 0), &k, &v);
		    err == KODO_OK && !found;) {
			node = get_be32(k.p);
			err = get_be32(k.p + 4) == PEER_TOMB ? statement_read(v, &s) : KODO_OK;
			found =
			    err == KODO_OK && get_be32(k.p + 4) == PEER_TOMB && s.at_us < before_us;
			if (err == KODO_OK && found)
				err = url_key(e->a, s.bytes, &key);
			if (err == KODO_OK && !found)
				err = cursor_next(&c, &k, &v);
		}
		cursor_close(&c);
		if (!found)
			return err == KODO_ENOTFOUND ? KODO_OK : err;
		err = settle_shadow_del(e, node, PEER_TOMB);
		if (err == KODO_OK)
			err = settle_peer(e, node, PEER_TOMB, NULL, PEER_SELF);
		if (err == KODO_OK)
			err = settle_tidy(e, node, key);
		if (err != KODO_OK)
			return err;
	}
}
