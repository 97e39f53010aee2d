/*
 * T_NODE_CHUNK: under the peer's id (4 bytes) what is known of the node, under (peer id, number of
 * the first flow) a range of its flows, packed.
 */
#include "core/base/limit.h"
#include "core/flow/packed.h"
#include "core/records/node_chunks.h"

/* --- records --- */

#define HEAD_BYTES 20u /* of, has, bytes, length of id; then id and key */

static enum kodo_err
head_read(struct str v, struct node_chunks *out)
{
	uint32_t id_len;

	if (v.len < HEAD_BYTES)
		return KODO_ECORRUPT;
	id_len = get_be32(v.p + 16);
	if (id_len > v.len - HEAD_BYTES)
		return KODO_ECORRUPT;
	*out = (struct node_chunks){ .of = get_be32(v.p),
		.has = get_be32(v.p + 4),
		.bytes = get_be64(v.p + 8),
		.id = { v.p + HEAD_BYTES, id_len },
		.key = { v.p + HEAD_BYTES + id_len, v.len - HEAD_BYTES - id_len } };
	return KODO_OK;
}

enum kodo_err
node_chunks_get(struct txn *t, uint32_t peer, struct node_chunks *out)
{
	unsigned char kb[4];
	struct str v;
	enum kodo_err err = store_get(t, T_NODE_CHUNK, key_u32(kb, peer), &v);

	*out = (struct node_chunks){ .id = STR_NULL };
	return err == KODO_OK ? head_read(v, out) : err;
}

/* id and key may not point into the map. */
static enum kodo_err
chunks_put(struct txn *t, uint32_t peer, const struct node_chunks *chunks)
{
	struct buf b = BUF_INIT(0);
	unsigned char kb[8];
	enum kodo_err err;

	buf_put_str(&b, key_u32(kb, chunks->of));
	buf_put_str(&b, key_u32(kb, chunks->has));
	buf_put_str(&b, key_u64(kb, chunks->bytes));
	buf_put_str(&b, key_u32(kb, (uint32_t)chunks->id.len));
	buf_put_str(&b, chunks->id);
	buf_put_str(&b, chunks->key);
	err = buf_failed(&b) ? b.err : store_put(t, T_NODE_CHUNK, key_u32(kb, peer), buf_str(&b));
	buf_free(&b);
	return err;
}

enum kodo_err
node_chunks_drop(struct txn *t, uint32_t peer)
{
	unsigned char kb[8];

	return store_del_under(t, T_NODE_CHUNK, key_u32(kb, peer));
}

/* --- joining --- */

/* The runs that are there, in their order, and room for one more; all of it in a. */
static enum kodo_err
ranges_open(struct txn *t, struct arena *a, uint32_t peer, struct packed **ranges, size_t *n)
{
	unsigned char kb[8];
	size_t cap = 0;
	struct scan s;

	*n = 0;
	*ranges = arena_grow(a, NULL, 0, &cap, sizeof(**ranges));
	if (*ranges == NULL)
		return KODO_ENOMEM;
	s = scan_from(t, T_NODE_CHUNK, key_u32_u32(kb, peer, 0), 4);
	while (scan_next(&s)) {
		s.err = packed_open(s.v, &(*ranges)[(*n)++]);
		*ranges = arena_grow(a, *ranges, *n, &cap, sizeof(**ranges));
		if (*ranges == NULL)
			s.err = KODO_ENOMEM;
	}
	return scan_end(&s);
}

/* --- taking --- */

static bool
fits(const struct node_chunks *chunks, const struct wire_body *b)
{
	return str_eq(chunks->id, b->chunk.id) && str_eq(chunks->key, b->nodes[0].key) &&
	    chunks->of == b->chunk.of && chunks->has == b->chunk.from;
}

/* The last run is there. Runs that do not make one node are dropped. */
static enum kodo_err
chunks_end(struct txn *t, struct arena *a, uint32_t peer, struct node_chunks *chunks,
    const struct packed *last, struct buf *whole)
{
	struct packed *ranges;
	size_t n;
	enum kodo_err err = ranges_open(t, a, peer, &ranges, &n);

	if (err != KODO_OK)
		return err;
	ranges[n++] = *last;
	packed_join(whole, ranges, n);
	if (buf_failed(whole) && whole->err == KODO_ENOMEM)
		return KODO_ENOMEM;
	err = node_chunks_drop(t, peer);
	if (err != KODO_OK || buf_failed(whole))
		return err;
	chunks->has = chunks->of;
	return chunks_put(t, peer, chunks);
}

/* Another run is there, and not all. */
static enum kodo_err
chunks_add(struct txn *t, uint32_t peer, struct node_chunks *chunks, const struct packed *range)
{
	unsigned char kb[8];
	enum kodo_err err = KODO_OK;

	if (range->n_flows > 0)
		err = store_put(t, T_NODE_CHUNK, key_u32_u32(kb, peer, chunks->has), range->bytes);
	chunks->has += range->n_flows;
	return err == KODO_OK ? chunks_put(t, peer, chunks) : err;
}

enum kodo_err
node_chunks_take(struct txn *t, struct arena *a, uint32_t peer, const struct wire_body *b,
    struct buf *whole)
{
	struct node_chunks chunks;
	struct packed range;
	enum kodo_err err;

	if (b->n_nodes == 0)
		return node_chunks_drop(t, peer); /* it was left out */
	err = packed_open(b->nodes[0].bytes, &range);
	if (err == KODO_OK)
		err = node_chunks_get(t, peer, &chunks);
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	if (b->chunk.from == 0) {
		err = node_chunks_drop(t, peer);
		if (err != KODO_OK)
			return err;
		chunks = (struct node_chunks){ .of = (uint32_t)b->chunk.of };
	} else if (!fits(&chunks, b)) {
		return KODO_OK;
	}
	chunks.id = b->chunk.id;
	chunks.key = b->nodes[0].key;
	chunks.bytes += range.bytes.len;
	if (chunks.bytes > LIMIT_NODE_BYTES) {
		chunks.has = 0;
		err = node_chunks_drop(t, peer);
		return err == KODO_OK ? chunks_put(t, peer, &chunks) : err;
	}
	if (chunks.has + range.n_flows == chunks.of)
		return chunks_end(t, a, peer, &chunks, &range, whole);
	return chunks_add(t, peer, &chunks, &range);
}

enum kodo_err
node_chunks_pass(struct txn *t, uint32_t peer, const struct wire_body *b)
{
	struct node_chunks chunks;
	enum kodo_err err = node_chunks_get(t, peer, &chunks);
	bool over = chunks.has == chunks.of;
	size_t i;

	if (err != KODO_OK || (b->n_nodes == 0 && b->n_gone == 0))
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	for (i = 0; i < b->n_nodes && !over; i++)
		over = str_eq(b->nodes[i].key, chunks.key);
	return over ? node_chunks_drop(t, peer) : KODO_OK;
}

/* --- checking --- */

enum kodo_err
node_chunks_check(
    struct txn *t, void (*wrong)(void *arg, uint32_t peer, const char *what), void *arg)
{
	struct node_chunks chunks = { .id = STR_NULL };
	struct scan s = scan_prefix(t, T_NODE_CHUNK, STR_NULL);
	uint32_t peer = 0, has = 0;
	struct packed range;

	while (scan_next(&s)) {
		if (s.k.len == 4) {
			if (has != chunks.has && chunks.has != chunks.of)
				wrong(arg, peer, "flows are missing");
			peer = get_be32(s.k.p);
			has = 0;
			if (head_read(s.v, &chunks) != KODO_OK || chunks.has > chunks.of ||
			    chunks.of > LIMIT_NODE_FLOWS)
				wrong(arg, peer, "the record cannot be read");
		} else if (s.k.len != 8 || get_be32(s.k.p) != peer ||
		    get_be32(s.k.p + 4) != has ||
		    packed_check(s.v, NULL) != KODO_OK || packed_open(s.v, &range) != KODO_OK) {
			wrong(arg, s.k.len < 4 ? peer : get_be32(s.k.p),
			    "a range of flows cannot be read, or belongs to no node");
		} else {
			has += range.n_flows;
		}
	}
	if (has != chunks.has && chunks.has != chunks.of)
		wrong(arg, peer, "flows are missing");
	return scan_end(&s);
}
