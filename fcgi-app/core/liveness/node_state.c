#include "core/liveness/node_state.h"
#include "core/records/codec.h"

/* Nothing stored leaves out as it is. */
static enum kodo_err
get(struct txn *t, enum store_table table, struct str key, uint64_t *out, size_t n)
{
	struct reader r;
	struct str v;
	size_t i;
	enum kodo_err err = store_get(t, table, key, &v);

	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	r = reader_of(v);
	for (i = 0; i < n; i++)
		out[i] = read_u64(&r);
	return r.bad ? KODO_ECORRUPT : KODO_OK;
}

static enum kodo_err
put(struct txn *t, enum store_table table, struct str key, const uint64_t *all, size_t n)
{
	struct buf b = BUF_INIT(0);
	size_t i;
	enum kodo_err err;

	for (i = 0; i < n; i++)
		buf_put_u64(&b, all[i]);
	err = buf_failed(&b) ? b.err : store_put(t, table, key, buf_str(&b));
	buf_free(&b);
	return err;
}

enum kodo_err
node_state_get(struct txn *t, uint32_t node, struct node_state *out)
{
	unsigned char k[4];
	uint64_t all[3] = { 0, 0, 0 };
	enum kodo_err err = get(t, T_LIVENESS, key_u32(k, node), all, 3);

	*out = (struct node_state){ (int64_t)all[0], all[1], all[2] };
	return err;
}

enum kodo_err
node_state_put(struct txn *t, uint32_t node, const struct node_state *s)
{
	const uint64_t all[3] = { (uint64_t)s->since_us, s->at, s->content_at };
	unsigned char k[4];

	if (s->since_us == 0 && s->at == 0)
		return store_del(t, T_LIVENESS, key_u32(k, node));
	return put(t, T_LIVENESS, key_u32(k, node), all, 3);
}

enum kodo_err
node_told_get(struct txn *t, uint32_t peer, uint32_t node, int64_t *since_us)
{
	unsigned char k[8];
	uint64_t told = 0;
	enum kodo_err err = get(t, T_TOLD, key_u32_u32(k, peer, node), &told, 1);

	*since_us = (int64_t)told;
	return err;
}

enum kodo_err
node_told_put(struct txn *t, uint32_t peer, uint32_t node, int64_t since_us)
{
	const uint64_t told = (uint64_t)since_us;
	unsigned char k[8];
	const struct str key = key_u32_u32(k, peer, node);

	return since_us == 0 ? store_del(t, T_TOLD, key) : put(t, T_TOLD, key, &told, 1);
}

struct scan
node_state_scan(struct txn *t)
{
	return scan_prefix(t, T_LIVENESS, STR_NULL);
}

bool
node_state_next(struct scan *s, uint32_t *node, int64_t *since_us)
{
	struct reader r;

	if (!scan_next_sized(s, 4, 24))
		return false;
	r = reader_of(s->v);
	*node = get_be32(s->k.p);
	*since_us = (int64_t)read_u64(&r);
	return true;
}
