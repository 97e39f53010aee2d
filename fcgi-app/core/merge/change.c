#include <stdlib.h>

#include "core/merge/change.h"

enum kodo_err
edit_begin(struct edit *e, struct txn *t, struct arena *a, int64_t now_us, const struct options *o)
{
	enum kodo_err err;

	*e = (struct edit){ .t = t, .a = a, .o = o, .now_us = now_us };
	err = head_get(t, &e->head);
	e->head.state++;
	return err;
}

/*
 * Nothing known, nothing to do: the record can go, but not as long as a message that was sent
 * before the last one may still come (see tidy.c).
 */
static bool
peer_is_spent(const struct peer *p)
{
	return peer_is_idle(p) && p->heard_life == 0;
}

enum kodo_err
edit_end(struct edit *e, enum kodo_err err)
{
	size_t i;

	for (i = 0; i < e->n_peers && err == KODO_OK; i++)
		err = peer_is_spent(e->peers[i]) ? peer_del(e->t, e->peers[i])
						    : peer_put(e->t, e->peers[i]);
	if (err == KODO_OK)
		err = index_save(e->t, &e->index);
	if (e->is_view_changed)
		e->head.view++;
	if (err == KODO_OK)
		err = head_put(e->t, &e->head);
	index_free(&e->index);
	free(e->peers);
	e->peers = NULL;
	e->n_peers = 0;
	return err;
}

/* Where the peer is in the cache, or would be: it is sorted, for there may be very many. */
static size_t
cache_place(const struct edit *e, uint32_t id)
{
	size_t low = 0, high = e->n_peers;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (e->peers[mid]->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct peer *
cache_find(const struct edit *e, uint32_t id)
{
	const size_t at = cache_place(e, id);

	return at < e->n_peers && e->peers[at]->id == id ? e->peers[at] : NULL;
}

static enum kodo_err
cache_add(struct edit *e, const struct peer *p, struct peer **out)
{
	struct peer *copy;
	size_t at;

	*out = NULL;
	if (e->n_peers == e->cap_peers) {
		size_t cap = e->cap_peers == 0 ? 8 : e->cap_peers * 2;
		struct peer **grown = realloc(e->peers, cap * sizeof(struct peer *));

		if (grown == NULL)
			return KODO_ENOMEM;
		e->peers = grown;
		e->cap_peers = cap;
	}
	copy = arena_dup(e->a, p, sizeof(*p));
	if (copy == NULL)
		return KODO_ENOMEM;
	at = cache_place(e, p->id);
	memmove(&e->peers[at + 1], &e->peers[at], (e->n_peers++ - at) * sizeof(struct peer *));
	e->peers[at] = copy;
	*out = copy;
	return KODO_OK;
}

enum kodo_err
edit_peer(struct edit *e, uint32_t id, struct peer **out)
{
	struct peer p;
	enum kodo_err err;

	*out = cache_find(e, id);
	if (*out != NULL)
		return KODO_OK;
	err = peer_get(e->t, e->a, id, &p);
	return err == KODO_OK ? cache_add(e, &p, out) : err;
}

enum kodo_err
edit_peer_find(struct edit *e, struct str key, struct peer **out)
{
	struct peer p;
	enum kodo_err err;
	size_t i;

	*out = NULL;
	/* one that was made in this edit is not in the store yet */
	for (i = 0; i < e->n_peers; i++)
		if (str_eq(e->peers[i]->key, key)) {
			*out = e->peers[i];
			return KODO_OK;
		}
	err = peer_find(e->t, e->a, key, &p);
	return err == KODO_OK ? edit_peer(e, p.id, out) : err;
}

enum kodo_err
edit_peer_make(struct edit *e, struct str url, struct str key, struct peer **out)
{
	struct peer p;
	enum kodo_err err = edit_peer_find(e, key, out);

	if (err != KODO_ENOTFOUND)
		return err;
	err = arena_str(e->a, url, &url);
	if (err == KODO_OK)
		err = arena_str(e->a, key, &key);
	if (err != KODO_OK)
		return err;
	peer_init(&p, &e->head, url, key);
	return cache_add(e, &p, out);
}

void
edit_want(struct edit *e, struct peer *p, enum peer_work work, bool now)
{
	bool had = peer_has_work(p);

	p->work[work] = e->head.state;
	if (now) {
		p->flags &= ~(unsigned)PEER_PARKED;
		p->attempts = 0;
	}
	/* the end of an earlier backoff, without work since, may be long past */
	if (now || (!had && (p->attempts == 0 || p->due_us <= e->now_us))) {
		p->due_us = e->now_us;
		e->is_due = true;
	}
}

void
edit_want_connect(struct edit *e, struct peer *p)
{
	if ((p->flags & PEER_TARGET) != 0)
		p->acked_url = e->o->url;
	edit_want(e, p, WORK_CONNECT, true);
}

enum kodo_err
edit_unwant(struct edit *e, struct peer *p, enum peer_work work)
{
	unsigned char kb[8];

	p->work[work] = 0;
	/* what is parked too */
	return work == WORK_TELL ? store_del_under(e->t, T_OUT, key_u32(kb, p->id)) : KODO_OK;
}

static enum kodo_err
listeners_load(struct edit *e)
{
	struct cursor c;
	struct str k, v;
	size_t cap = 0;
	enum kodo_err err;

	e->has_listeners = true;
	err = cursor_open(e->t, T_LISTENER, &c);
	if (err != KODO_OK)
		return err;
	for (err = cursor_seek(&c, STR_NULL, &k, &v); err == KODO_OK;
	    err = cursor_next(&c, &k, &v)) {
		uint32_t *all =
		    arena_grow(e->a, e->listeners, e->n_listeners, &cap, sizeof(*all));

		if (all == NULL) {
			err = KODO_ENOMEM;
			break;
		}
		e->listeners = all;
		e->listeners[e->n_listeners++] = get_be32(k.p);
	}
	cursor_close(&c);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

bool
edit_is_told(const struct edit *e, const struct peer *p)
{
	if (!peer_is_listener(p))
		return false;
	return (p->flags & (PEER_TARGET | PEER_LEFT)) == PEER_TARGET ||
	    (e->o->registry && e->o->feed);
}

enum kodo_err
edit_tell_one(struct edit *e, uint32_t node, uint32_t peer)
{
	unsigned char k[8], v[8];
	struct peer *p;
	enum kodo_err err = edit_peer(e, peer, &p);

	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	if (!edit_is_told(e, p))
		return KODO_OK;
	edit_want(e, p, WORK_TELL, false);
	return store_put(e->t, T_OUT, key_u32_u32(k, peer, node), key_u64(v, e->head.state));
}

static int
peer_cmp(const void *x, const void *y)
{
	uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;

	return (a > b) - (a < b);
}

/* They are in the order of T_LISTENER's keys. */
static bool
is_listed(const struct edit *e, uint32_t peer)
{
	return e->n_listeners > 0 &&
	    bsearch(&peer, e->listeners, e->n_listeners, sizeof(peer), peer_cmp) != NULL;
}

enum kodo_err
edit_tell(struct edit *e, uint32_t node, uint32_t skip)
{
	enum kodo_err err = e->has_listeners ? KODO_OK : listeners_load(e);
	size_t i;

	for (i = 0; i < e->n_listeners && err == KODO_OK; i++)
		if (e->listeners[i] != skip || skip == PEER_SELF)
			err = edit_tell_one(e, node, e->listeners[i]);
	/* those who became listeners in this edit are not in the table yet */
	for (i = 0; i < e->n_peers && err == KODO_OK; i++)
		if (e->peers[i]->id != skip && e->peers[i]->id != PEER_SELF &&
		    !is_listed(e, e->peers[i]->id))
			err = edit_tell_one(e, node, e->peers[i]->id);
	return err;
}
