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
