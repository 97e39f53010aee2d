#include <stdlib.h>

#include "core/records/codec.h"
#include "core/records/record.h"
#include "core/records/url_ids.h"

/* --- node ids --- */

enum kodo_err
node_find(struct txn *t, struct str key, uint32_t *id)
{
	return id_find(t, T_NODE_URL, key, id);
}

enum kodo_err
node_make(struct txn *t, struct head *h, struct str key, uint32_t *id)
{
	enum kodo_err err = node_find(t, key, id);

	if (err != KODO_ENOTFOUND)
		return err;
	*id = (uint32_t)h->next_node++;
	return id_set(t, T_NODE_URL, key, *id);
}

/* A key of which the id is wanted. */
struct wanted {
	uint64_t hash;
	struct str key;
	size_t nth;	/* of the keys */
	bool is_new;
};

static int
wanted_cmp(const void *x, const void *y)
{
	const struct wanted *a = x, *b = y;
	int c = (a->hash > b->hash) - (a->hash < b->hash);

	if (c == 0)
		c = str_cmp(a->key, b->key);
	return c != 0 ? c : (a->nth > b->nth) - (a->nth < b->nth);
}

enum kodo_err
node_make_all(struct txn *t, struct arena *a, struct head *h, const struct str *keys, size_t n,
    uint32_t *ids)
{
	struct wanted *all = arena_alloc(a, (n + 1) * sizeof(*all));
	size_t i;
	enum kodo_err err = all == NULL ? KODO_ENOMEM : KODO_OK;

	for (i = 0; i < n && err == KODO_OK; i++)
		all[i] = (struct wanted){ id_hash(keys[i]), keys[i], i, false };
	if (err == KODO_OK)
		qsort(all, n, sizeof(*all), wanted_cmp);
	for (i = 0; i < n && err == KODO_OK; i++) {
		ids[all[i].nth] = 0;
		if (i > 0 && str_eq(all[i].key, all[i - 1].key))
			continue;
		err = id_find_hashed(
		    t, T_NODE_URL, all[i].hash, all[i].key, &ids[all[i].nth]);
		all[i].is_new = err == KODO_ENOTFOUND;
		if (all[i].is_new) {
			ids[all[i].nth] = UINT32_MAX;
			err = KODO_OK;
		}
	}
	for (i = 0; i < n && err == KODO_OK; i++)
		if (ids[i] == UINT32_MAX)
			ids[i] = (uint32_t)h->next_node++;
	for (i = 0; i < n && err == KODO_OK; i++)
		if (all[i].is_new)
			err = id_set_hashed(
			    t, T_NODE_URL, all[i].hash, all[i].key, ids[all[i].nth]);
	return err;
}

enum kodo_err
node_forget(struct txn *t, struct str key)
{
	return id_set(t, T_NODE_URL, key, 0);
}

/* --- statements --- */

static enum kodo_err
statement_read(struct str value, struct statement *out)
{
	struct reader r = reader_of(value);

	out->version = read_u64(&r);
	out->order = read_u64(&r);
	out->at_us = read_time(&r);
	out->peer = read_u32(&r);
	out->bytes = r.bad ? STR_NULL : (struct str){ (const char *)r.p, (size_t)(r.end - r.p) };
	return r.bad ? KODO_ECORRUPT : KODO_OK;
}

static enum kodo_err
statement_get(struct txn *t, enum store_table table, struct str key, struct statement *out)
{
	struct str v;
	enum kodo_err err = store_get(t, table, key, &v);

	return err == KODO_OK ? statement_read(v, out) : err;
}

static enum kodo_err
statement_put(struct txn *t, enum store_table table, struct str key, const struct statement *s)
{
	unsigned char head[28];

	put_le64(head, s->version);
	put_le64(head + 8, s->order);
	put_le64(head + 16, (uint64_t)s->at_us);
	put_le32(head + 24, s->peer);
	return store_put_pair(
	    t, table, key, (struct str){ (const char *)head, sizeof(head) }, s->bytes);
}

static const enum store_table winners[VERDICTS] = {
	[VERDICT_SHOWN] = T_NODE,
	[VERDICT_HIDDEN] = T_HIDDEN,
	[VERDICT_DENIED] = T_DENIED,
};

enum kodo_err
record_get_winner(struct txn *t, uint32_t node, struct statement *out, enum verdict *verdict)
{
	unsigned char k[4];
	const struct str key = key_u32(k, node);
	enum kodo_err err = statement_get(t, winners[VERDICT_SHOWN], key, out);
	int i;

	*verdict = VERDICT_SHOWN;
	for (i = VERDICT_SHOWN + 1; i < VERDICTS && err == KODO_ENOTFOUND; i++) {
		*verdict = (enum verdict)i;
		err = statement_get(t, winners[i], key, out);
	}
	return err;
}

enum kodo_err
record_put_winner(
    struct txn *t, uint32_t node, enum verdict verdict, const struct statement *s)
{
	unsigned char k[4];

	return statement_put(t, winners[verdict], key_u32(k, node), s);
}

enum kodo_err
record_del_winner(struct txn *t, uint32_t node, enum verdict verdict)
{
	unsigned char k[4];

	return store_del(t, winners[verdict], key_u32(k, node));
}

enum kodo_err
record_get_seen(struct txn *t, uint32_t node, struct statement *out)
{
	unsigned char k[4];

	return statement_get(t, winners[VERDICT_SHOWN], key_u32(k, node), out);
}

enum kodo_err
record_get_shadow(struct txn *t, uint32_t node, uint32_t peer, struct statement *out)
{
	unsigned char k[8];

	return statement_get(t, T_SHADOW, key_u32_u32(k, node, peer), out);
}

enum kodo_err
record_put_shadow(struct txn *t, uint32_t node, uint32_t peer, const struct statement *s)
{
	unsigned char k[8];

	return statement_put(t, T_SHADOW, key_u32_u32(k, node, peer), s);
}

enum kodo_err
record_del_shadow(struct txn *t, uint32_t node, uint32_t peer)
{
	unsigned char k[8];

	return store_del(t, T_SHADOW, key_u32_u32(k, node, peer));
}

struct scan
record_scan_seen(struct txn *t)
{
	return scan_prefix(t, T_NODE, STR_NULL);
}

struct scan
record_scan_winners(struct txn *t, enum verdict verdict, uint32_t node)
{
	unsigned char k[4];

	return scan_from(t, winners[verdict], key_u32(k, node), 0);
}

struct scan
record_scan_shadows(struct txn *t, uint32_t node)
{
	unsigned char k[4];

	return scan_prefix(t, T_SHADOW, key_u32(k, node));
}

struct scan
record_scan_shadows_from(struct txn *t, uint32_t node)
{
	unsigned char k[4];

	return scan_from(t, T_SHADOW, key_u32(k, node), 0);
}

enum kodo_err
record_read(struct str k, struct str v, struct record *out)
{
	if (k.len != 4 && k.len != 8)
		return KODO_ECORRUPT;
	out->node = get_be32(k.p);
	out->is_tomb = k.len == 8 && get_be32(k.p + 4) == PEER_TOMB;
	return statement_read(v, &out->said);
}

bool
record_next(struct scan *s, struct record *out)
{
	if (scan_next(s))
		s->err = record_read(s->k, s->v, out);
	return s->err == KODO_OK && !s->is_over;
}

/* --- places --- */

enum kodo_err
place_put(struct txn *t, uint32_t peer, uint64_t order, uint32_t node)
{
	unsigned char k[12], v[4];

	return store_put(t, T_STATED, key_u32_u64(k, peer, order), key_u32(v, node));
}

enum kodo_err
place_del(struct txn *t, uint32_t peer, uint64_t order)
{
	unsigned char k[12];

	return store_del(t, T_STATED, key_u32_u64(k, peer, order));
}

struct scan
place_scan(struct txn *t, uint32_t peer)
{
	unsigned char k[4];

	return scan_prefix(t, T_STATED, key_u32(k, peer));
}

struct scan
place_scan_from(struct txn *t, uint32_t peer, uint64_t order)
{
	unsigned char k[12];

	return scan_from(t, T_STATED, key_u32_u64(k, peer, order), 4);
}

bool
place_next(struct scan *s, struct place *out)
{
	if (!scan_next_sized(s, 12, 4))
		return false;
	out->order = get_be64(s->k.p + 4);
	out->node = get_be32(s->v.p);
	return true;
}
