#include "hash.h"
#include "limit.h"
#include "record_part.h"

static const char head_name[] = "head";

/* --- meta and head --- */

enum kodo_err
meta_get(struct txn *t, const char *name, struct str *value)
{
	return store_get(t, T_META, str_of(name), value);
}

enum kodo_err
meta_put(struct txn *t, const char *name, struct str value)
{
	return store_put(t, T_META, str_of(name), value);
}

static void
head_fields(struct head *h, uint64_t *field[10])
{
	uint64_t *const all[10] = { &h->view, &h->state, &h->total, &h->state_id, NULL,
		&h->options_gen, &h->next_node, &h->next_peer, &h->next_order, &h->next_block };

	memcpy(field, all, sizeof(all));
}

enum kodo_err
head_get(struct txn *t, struct head *h)
{
	uint64_t *field[10];
	struct str v;
	struct reader r;
	enum kodo_err err;
	size_t i;

	memset(h, 0, sizeof(*h));
	err = meta_get(t, head_name, &v);
	if (err != KODO_OK)
		return err;
	head_fields(h, field);
	r = reader_of(v);
	for (i = 0; i < 10; i++) {
		uint64_t n = read_u64(&r);

		if (field[i] == NULL)
			h->started_us = (int64_t)n;
		else
			*field[i] = n;
	}
	return r.bad ? KODO_ECORRUPT : KODO_OK;
}

enum kodo_err
head_put(struct txn *t, const struct head *h)
{
	struct head copy = *h;
	uint64_t *field[10];
	struct buf b = BUF_INIT(0);
	enum kodo_err err;
	size_t i;

	head_fields(&copy, field);
	for (i = 0; i < 10; i++)
		buf_put_u64(&b, field[i] == NULL ? (uint64_t)h->started_us : *field[i]);
	err = buf_failed(&b) ? b.err : meta_put(t, head_name, buf_str(&b));
	buf_free(&b);
	return err;
}

uint64_t
head_life(const struct head *h)
{
	return h->state_id & LIMIT_VERSION_MAX;
}

/*
 * --- ids by url key: the value is a list of (id, length, key), for keys whose hashes are equal ---
 */

enum kodo_err
id_find(struct txn *t, enum store_table table, struct str key, uint32_t *id)
{
	unsigned char k[8];
	struct reader r;
	struct str v, found;
	enum kodo_err err;

	*id = 0;
	err = store_get(t, table, key_u64(k, hash_text(HASH_KEPT, key)), &v);
	if (err != KODO_OK)
		return err;
	for (r = reader_of(v); r.p < r.end && !r.bad; ) {
		uint32_t one = read_u32(&r);

		read_str(&r, &found);
		if (!r.bad && str_eq(found, key)) {
			*id = one;
			return KODO_OK;
		}
	}
	return r.bad ? KODO_ECORRUPT : KODO_ENOTFOUND;
}

/* Rewrite the list under key's hash without key, and with (id, key) where id is not 0. */
enum kodo_err
id_set(struct txn *t, enum store_table table, struct str key, uint32_t id)
{
	struct buf b = BUF_INIT(0);
	unsigned char k[8];
	struct str hash = key_u64(k, hash_text(HASH_KEPT, key)), v, found;
	struct reader r;
	enum kodo_err err;

	err = store_get(t, table, hash, &v);
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	for (r = reader_of(v); r.p < r.end && !r.bad; ) {
		uint32_t one = read_u32(&r);

		read_str(&r, &found);
		if (!r.bad && !str_eq(found, key)) {
			buf_put_u32(&b, one);
			write_str(&b, found);
		}
	}
	if (id != 0) {
		buf_put_u32(&b, id);
		write_str(&b, key);
	}
	if (r.bad)
		err = KODO_ECORRUPT;
	else if (buf_failed(&b))
		err = b.err;
	else
		err =
		    b.len == 0 ? store_del(t, table, hash) : store_put(t, table, hash, buf_str(&b));
	buf_free(&b);
	return err;
}

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

enum kodo_err
node_forget(struct txn *t, struct str key)
{
	return id_set(t, T_NODE_URL, key, 0);
}

/* --- statements --- */

enum kodo_err
statement_read(struct str value, struct statement *out)
{
	struct reader r = reader_of(value);

	out->version = read_u64(&r);
	out->order = read_u64(&r);
	out->at_us = (int64_t)read_u64(&r);
	out->peer = read_u32(&r);
	out->bytes = r.bad ? STR_NULL : (struct str){ (const char *)r.p, (size_t)(r.end - r.p) };
	return r.bad ? KODO_ECORRUPT : KODO_OK;
}

enum kodo_err
statement_put(struct txn *t, enum store_table table, struct str key, const struct statement *s)
{
	struct buf b = BUF_INIT(0);
	enum kodo_err err;

	buf_put_u64(&b, s->version);
	buf_put_u64(&b, s->order);
	buf_put_u64(&b, (uint64_t)s->at_us);
	buf_put_u32(&b, s->peer);
	err = buf_failed(&b) ? b.err : store_put_pair(t, table, key, buf_str(&b), s->bytes);
	buf_free(&b);
	return err;
}
