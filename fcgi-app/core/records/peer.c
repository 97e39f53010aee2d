#include "core/records/codec.h"
#include "core/records/peer.h"
#include "core/records/url_ids.h"

void
peer_init(struct peer *p, struct head *h, struct str url, struct str key)
{
	*p = (struct peer){ .id = (uint32_t)h->next_peer++, .url = url, .key = key };
}

const struct peer_dialect *
peer_dialect(const struct peer *p)
{
	static const struct peer_dialect
	    kodo = { .has_versions = true, .takes_chunks = true, .hears_itself = true },
	    legacy = { .has_versions = false, .takes_chunks = false, .hears_itself = false };

	return (p->flags & PEER_KODO) != 0 ? &kodo : &legacy;
}

bool
peer_has_work(const struct peer *p)
{
	int i;

	for (i = 0; i < WORK_MAX; i++)
		if (p->work[i] != 0)
			return true;
	return false;
}

bool
peer_is_idle(const struct peer *p)
{
	return p->id != PEER_SELF && (p->flags & (PEER_TARGET | PEER_PROVIDER)) == 0 &&
	    !peer_has_work(p);
}

bool
peer_is_listener(const struct peer *p)
{
	if ((p->flags & PEER_TARGET) != 0 && (p->flags & PEER_LEFT) == 0)
		return true;
	return (p->flags & PEER_PROVIDER) != 0 && (p->flags & PEER_FEED) != 0;
}

#define PEER_TEXTS	7
#define PEER_NUMBERS	10

/* One list of the fields for both directions, so that they cannot part. */
static void
peer_fields(struct peer *p, struct str *text[PEER_TEXTS], int64_t *time[PEER_NUMBERS])
{
	struct str *const texts[PEER_TEXTS] = { &p->url, &p->key, &p->alias, &p->organization,
		&p->leave_urls, &p->acked_url, &p->error };
	int64_t *const times[PEER_NUMBERS] = { &p->created_us, &p->modified_us, &p->registered_us,
		&p->connected_us, &p->in_us, &p->out_us, &p->due_us, &p->look_us,
		&p->doubted_us, NULL };

	memcpy(text, texts, sizeof(texts));
	memcpy(time, times, sizeof(times));
}

static void
peer_encode(struct buf *b, const struct peer *p)
{
	struct peer copy = *p;
	struct str *text[PEER_TEXTS];
	int64_t *time[PEER_NUMBERS];
	int i;

	peer_fields(&copy, text, time);
	buf_put_u32(b, p->flags);
	buf_put_u32(b, p->attempts);
	buf_put_u32(b, p->ceiling_bytes);
	buf_put_u32(b, p->successes);
	buf_put_u32(b, p->doubts);
	buf_put_u64(b, p->order);
	buf_put_u64(b, p->piece);
	buf_put_u64(b, p->piece_order);
	buf_put_u64(b, p->out_piece);
	buf_put_u64(b, p->heard_life);
	buf_put_u64(b, p->heard_sent);
	buf_put_u64(b, p->part_id);
	buf_put_u32(b, p->part_node);
	buf_put_u32(b, p->part_next);
	buf_put_u32(b, p->part_tries);
	for (i = 0; time[i] != NULL; i++)
		buf_put_u64(b, (uint64_t)*time[i]);
	for (i = 0; i < WORK_MAX; i++) {
		buf_put_u64(b, p->work[i]);
		buf_put_u64(b, p->tried[i]);
	}
	for (i = 0; i < PEER_TEXTS; i++)
		write_str(b, *text[i]);
}

/*
 * Which class the peer's work has in T_DUE. With `retry: -1` a peer is never parked, but stops to
 * count after as many attempts.
 */
static enum due_class
peer_class(const struct peer *p)
{
	return (p->flags & PEER_PARKED) != 0 || p->attempts > PEER_PATIENCE ? DUE_QUIET
									    : DUE_ACTIVE;
}

static void
peer_remember_due(struct peer *p)
{
	p->was_due = peer_has_work(p);
	p->was_class = peer_class(p);
	p->was_due_us = p->due_us;
	p->was_look = p->look_us != 0;
	p->was_look_us = p->look_us;
}

/* All that stands before the texts. p is zeroed. */
static void
peer_read_numbers(struct reader *r, struct peer *p)
{
	struct str *text[PEER_TEXTS];
	int64_t *time[PEER_NUMBERS];
	int i;

	peer_fields(p, text, time);
	p->flags = read_u32(r);
	p->attempts = read_u32(r);
	p->ceiling_bytes = read_u32(r);
	p->successes = read_u32(r);
	p->doubts = read_u32(r);
	p->order = read_u64(r);
	p->piece = read_u64(r);
	p->piece_order = read_u64(r);
	p->out_piece = read_u64(r);
	p->heard_life = read_u64(r);
	p->heard_sent = read_u64(r);
	p->part_id = read_u64(r);
	p->part_node = read_u32(r);
	p->part_next = read_u32(r);
	p->part_tries = read_u32(r);
	for (i = 0; time[i] != NULL; i++)
		*time[i] = (int64_t)read_u64(r);
	for (i = 0; i < WORK_MAX; i++) {
		p->work[i] = read_u64(r);
		p->tried[i] = read_u64(r);
	}
}

static enum kodo_err
peer_decode(struct arena *a, uint32_t id, struct str v, struct peer *p)
{
	struct reader r = reader_of(v);
	struct str *text[PEER_TEXTS];
	int64_t *time[PEER_NUMBERS];
	enum kodo_err err = KODO_OK;
	int i;

	memset(p, 0, sizeof(*p));
	p->id = id;
	peer_read_numbers(&r, p);
	peer_fields(p, text, time);
	for (i = 0; i < PEER_TEXTS && err == KODO_OK; i++) {
		read_str(&r, text[i]);
		err = arena_str(a, *text[i], text[i]);
	}
	peer_remember_due(p);
	p->was_alias = p->alias;
	return r.bad ? KODO_ECORRUPT : err;
}

enum kodo_err
peer_get(struct txn *t, struct arena *a, uint32_t id, struct peer *out)
{
	unsigned char k[4];
	struct str v;
	enum kodo_err err = store_get(t, T_PEER, key_u32(k, id), &v);

	return err != KODO_OK ? err : peer_decode(a, id, v, out);
}

enum kodo_err
peer_get_times(struct txn *t, uint32_t id, int64_t *created_us, int64_t *modified_us)
{
	struct peer p = { .id = id };
	unsigned char k[4];
	struct reader r;
	struct str v;
	enum kodo_err err = store_get(t, T_PEER, key_u32(k, id), &v);

	*created_us = *modified_us = 0;
	if (err != KODO_OK)
		return err;
	r = reader_of(v);
	peer_read_numbers(&r, &p);
	*created_us = p.created_us;
	*modified_us = p.modified_us;
	return r.bad ? KODO_ECORRUPT : KODO_OK;
}

enum kodo_err
peer_find(struct txn *t, struct arena *a, struct str key, struct peer *out)
{
	uint32_t id;
	enum kodo_err err = id_find(t, T_PEER_URL, key, &id);

	return err != KODO_OK ? err : peer_get(t, a, id, out);
}

enum kodo_err
peer_next(struct txn *t, struct arena *a, uint32_t *id, struct peer *out)
{
	unsigned char kb[4];
	struct cursor c;
	struct str k, v;
	enum kodo_err err;

	if (*id == PEER_SELF)
		*id = PEER_SELF + 1;
	err = cursor_open(t, T_PEER, &c);
	if (err != KODO_OK)
		return err;
	err = cursor_seek(&c, key_u32(kb, *id), &k, &v);
	if (err == KODO_OK)
		err = peer_decode(a, get_be32(k.p), v, out);
	cursor_close(&c);
	if (err == KODO_OK)
		*id = out->id + 1;
	return err;
}

/* Key of T_DUE: class, due time, peer. */
static struct str
due_key(unsigned char out[13], enum due_class class, int64_t due_us, uint32_t peer)
{
	unsigned char rest[12];

	out[0] = (unsigned char)class;
	key_u64(rest, (uint64_t)due_us);
	key_u32(rest + 8, peer);
	memcpy(out + 1, rest, sizeof(rest));
	return (struct str){ (const char *)out, 13 };
}

static enum kodo_err
due_move(struct txn *t, uint32_t peer, bool was, enum due_class was_class, int64_t was_us, bool is,
    enum due_class class, int64_t us)
{
	unsigned char k[13];
	enum kodo_err err = KODO_OK;

	if (was == is && (!is || (was_class == class && was_us == us)))
		return KODO_OK;
	if (was)
		err = store_del(t, T_DUE, due_key(k, was_class, was_us, peer));
	if (err == KODO_OK && is)
		err = store_put(t, T_DUE, due_key(k, class, us, peer), STR(""));
	return err;
}

static enum kodo_err
peer_index(struct txn *t, struct peer *p, bool gone)
{
	unsigned char k[4];
	enum kodo_err err;

	err = due_move(t, p->id, p->was_due, p->was_class, p->was_due_us, !gone && peer_has_work(p),
	    peer_class(p), p->due_us);
	if (err == KODO_OK)
		err = due_move(t, p->id, p->was_look, DUE_QUIET, p->was_look_us,
		    !gone && p->look_us != 0, DUE_QUIET, p->look_us);
	if (err != KODO_OK)
		return err;
	peer_remember_due(p);
	if (!gone && peer_is_listener(p))
		return store_put(t, T_LISTENER, key_u32(k, p->id), STR(""));
	return store_del(t, T_LISTENER, key_u32(k, p->id));
}

bool
peer_is_filed(struct txn *t, const struct peer *p, unsigned *n_due)
{
	unsigned char k[13];
	struct str v;

	*n_due = (unsigned)p->was_due + (unsigned)p->was_look;
	return (!p->was_due || store_get(t, T_DUE,
	    due_key(k, p->was_class, p->was_due_us, p->id), &v) == KODO_OK) &&
	    (!p->was_look || store_get(t, T_DUE,
	    due_key(k, DUE_QUIET, p->was_look_us, p->id), &v) == KODO_OK) &&
	    (!peer_is_listener(p) || store_get(t, T_LISTENER, key_u32(k, p->id), &v) == KODO_OK);
}

/* p is found by that key, unless another peer is. */
static enum kodo_err
url_set(struct txn *t, const struct peer *p, struct str key)
{
	unsigned char k[4];
	struct str v;
	uint32_t id;
	enum kodo_err err = id_find(t, T_PEER_URL, key, &id);

	if (err == KODO_OK && id != p->id)
		err = store_get(t, T_PEER, key_u32(k, id), &v);
	return err == KODO_ENOTFOUND ? id_set(t, T_PEER_URL, key, p->id) : err;
}

static enum kodo_err
url_unset(struct txn *t, const struct peer *p, struct str key)
{
	uint32_t id;
	enum kodo_err err = id_find(t, T_PEER_URL, key, &id);

	if (err == KODO_OK && id == p->id)
		return id_set(t, T_PEER_URL, key, 0);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

enum kodo_err
peer_put(struct txn *t, struct peer *p)
{
	struct buf b = BUF_INIT(0);
	unsigned char k[4];
	enum kodo_err err;

	/*
	 * work goes before a look: a look that fell due earlier would have it tried outside of its
	 * backoff, and a look in the past without end
	 */
	if (p->look_us != 0 && peer_has_work(p) && p->look_us <= p->due_us)
		p->look_us = p->due_us + 1;
	peer_encode(&b, p);
	err = buf_failed(&b) ? b.err : store_put(t, T_PEER, key_u32(k, p->id), buf_str(&b));
	buf_free(&b);
	if (err == KODO_OK && p->id != PEER_SELF)
		err = url_set(t, p, p->key);
	if (err == KODO_OK && p->was_alias.p != NULL && !str_eq(p->was_alias, p->alias))
		err = url_unset(t, p, p->was_alias);
	if (err == KODO_OK && p->alias.p != NULL)
		err = url_set(t, p, p->alias);
	p->was_alias = p->alias;
	return err == KODO_OK && p->id != PEER_SELF ? peer_index(t, p, false) : err;
}

enum kodo_err
peer_del(struct txn *t, struct peer *p)
{
	unsigned char k[4];
	enum kodo_err err = store_del(t, T_PEER, key_u32(k, p->id));

	if (err == KODO_OK)
		err = url_unset(t, p, p->key);
	if (err == KODO_OK && p->was_alias.p != NULL)
		err = url_unset(t, p, p->was_alias);
	return err == KODO_OK ? peer_index(t, p, true) : err;
}
