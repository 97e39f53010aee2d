/*
 * T_PART: under the peer's id (4 bytes) what is known of the node, under (peer id, number of the
 * first flow) a run of its flows, packed.
 */
#include "core/base/limit.h"
#include "core/flow/packed.h"
#include "core/records/node_chunks.h"

/* --- records --- */

#define HEAD_BYTES 20u /* of, has, bytes, length of id; then id and key */

static enum kodo_err
head_read(struct str v, struct part *out)
{
	uint32_t id_len;

	if (v.len < HEAD_BYTES)
		return KODO_ECORRUPT;
	id_len = get_be32(v.p + 16);
	if (id_len > v.len - HEAD_BYTES)
		return KODO_ECORRUPT;
	*out = (struct part){ .of = get_be32(v.p),
		.has = get_be32(v.p + 4),
		.bytes = get_be64(v.p + 8),
		.id = { v.p + HEAD_BYTES, id_len },
		.key = { v.p + HEAD_BYTES + id_len, v.len - HEAD_BYTES - id_len } };
	return KODO_OK;
}

enum kodo_err
part_get(struct txn *t, uint32_t peer, struct part *out)
{
	unsigned char kb[4];
	struct str v;
	enum kodo_err err = store_get(t, T_PART, key_u32(kb, peer), &v);

	*out = (struct part){ .id = STR_NULL };
	return err == KODO_OK ? head_read(v, out) : err;
}

/* id and key may not point into the map. */
static enum kodo_err
part_put(struct txn *t, uint32_t peer, const struct part *part)
{
	struct buf b = BUF_INIT(0);
	unsigned char kb[8];
	enum kodo_err err;

	buf_put_str(&b, key_u32(kb, part->of));
	buf_put_str(&b, key_u32(kb, part->has));
	buf_put_str(&b, key_u64(kb, part->bytes));
	buf_put_str(&b, key_u32(kb, (uint32_t)part->id.len));
	buf_put_str(&b, part->id);
	buf_put_str(&b, part->key);
	err = buf_failed(&b) ? b.err : store_put(t, T_PART, key_u32(kb, peer), buf_str(&b));
	buf_free(&b);
	return err;
}

enum kodo_err
part_drop(struct txn *t, uint32_t peer)
{
	unsigned char kb[8];

	return store_del_under(t, T_PART, key_u32(kb, peer));
}

/* --- joining --- */

/* The runs that are there, in their order, and room for one more; all of it in a. */
static enum kodo_err
runs_open(struct txn *t, struct arena *a, uint32_t peer, struct packed **runs, size_t *n)
{
	unsigned char kb[8];
	struct cursor c;
	struct str k, v;
	size_t cap = 0;
	enum kodo_err err;

	*n = 0;
	*runs = arena_grow(a, NULL, 0, &cap, sizeof(**runs));
	if (*runs == NULL)
		return KODO_ENOMEM;
	err = cursor_open(t, T_PART, &c);
	if (err != KODO_OK)
		return err;
	for (err = cursor_seek(&c, key_u32_u32(kb, peer, 0), &k, &v);
	    err == KODO_OK && get_be32(k.p) == peer; err = cursor_next(&c, &k, &v)) {
		err = packed_open(v, &(*runs)[(*n)++]);
		if (err != KODO_OK)
			break;
		*runs = arena_grow(a, *runs, *n, &cap, sizeof(**runs));
		if (*runs == NULL) {
			err = KODO_ENOMEM;
			break;
		}
	}
	cursor_close(&c);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/* --- taking --- */

static bool
fits(const struct part *part, const struct wire_body *b)
{
	return str_eq(part->id, b->part.id) && str_eq(part->key, b->nodes[0].key) &&
	    part->of == b->part.of && part->has == b->part.from;
}

/* The last run is there. Runs that do not make one node are dropped. */
static enum kodo_err
part_end(struct txn *t, struct arena *a, uint32_t peer, struct part *part,
    const struct packed *last, struct buf *whole)
{
	struct packed *runs;
	size_t n;
	enum kodo_err err = runs_open(t, a, peer, &runs, &n);

	if (err != KODO_OK)
		return err;
	runs[n++] = *last;
	packed_join(whole, runs, n);
	if (buf_failed(whole) && whole->err == KODO_ENOMEM)
		return KODO_ENOMEM;
	err = part_drop(t, peer);
	if (err != KODO_OK || buf_failed(whole))
		return err;
	part->has = part->of;
	return part_put(t, peer, part);
}

/* Another run is there, and not all. */
static enum kodo_err
part_add(struct txn *t, uint32_t peer, struct part *part, const struct packed *run)
{
	unsigned char kb[8];
	enum kodo_err err = KODO_OK;

	if (run->n_flows > 0)
		err = store_put(t, T_PART, key_u32_u32(kb, peer, part->has), run->bytes);
	part->has += run->n_flows;
	return err == KODO_OK ? part_put(t, peer, part) : err;
}

enum kodo_err
part_take(struct txn *t, struct arena *a, uint32_t peer, const struct wire_body *b,
    struct buf *whole)
{
	struct part part;
	struct packed run;
	enum kodo_err err;

	if (b->n_nodes == 0)
		return part_drop(t, peer); /* it was left out */
	err = packed_open(b->nodes[0].bytes, &run);
	if (err == KODO_OK)
		err = part_get(t, peer, &part);
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	if (b->part.from == 0) {
		err = part_drop(t, peer);
		if (err != KODO_OK)
			return err;
		part = (struct part){ .of = (uint32_t)b->part.of };
	} else if (!fits(&part, b)) {
		return KODO_OK;
	}
	part.id = b->part.id;
	part.key = b->nodes[0].key;
	part.bytes += run.bytes.len;
	if (part.bytes > LIMIT_NODE_BYTES) {
		part.has = 0;
		err = part_drop(t, peer);
		return err == KODO_OK ? part_put(t, peer, &part) : err;
	}
	if (part.has + run.n_flows == part.of)
		return part_end(t, a, peer, &part, &run, whole);
	return part_add(t, peer, &part, &run);
}

enum kodo_err
part_pass(struct txn *t, uint32_t peer, const struct wire_body *b)
{
	struct part part;
	enum kodo_err err = part_get(t, peer, &part);
	bool over = part.has == part.of;
	size_t i;

	if (err != KODO_OK || (b->n_nodes == 0 && b->n_gone == 0))
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	for (i = 0; i < b->n_nodes && !over; i++)
		over = str_eq(b->nodes[i].key, part.key);
	return over ? part_drop(t, peer) : KODO_OK;
}

/* --- checking --- */

enum kodo_err
part_check(struct txn *t, void (*wrong)(void *arg, uint32_t peer, const char *what), void *arg)
{
	struct part part = { .id = STR_NULL };
	uint32_t peer = 0, has = 0;
	struct packed run;
	struct cursor c;
	struct str k, v;
	enum kodo_err err = cursor_open(t, T_PART, &c);

	if (err != KODO_OK)
		return err;
	for (err = cursor_seek(&c, STR_NULL, &k, &v); err == KODO_OK;
	    err = cursor_next(&c, &k, &v)) {
		if (k.len == 4) {
			if (has != part.has && part.has != part.of)
				wrong(arg, peer, "flows are missing");
			peer = get_be32(k.p);
			has = 0;
			if (head_read(v, &part) != KODO_OK || part.has > part.of ||
			    part.of > LIMIT_NODE_FLOWS)
				wrong(arg, peer, "the record cannot be read");
		} else if (get_be32(k.p) != peer || get_be32(k.p + 4) != has ||
		    packed_check(v, NULL) != KODO_OK || packed_open(v, &run) != KODO_OK) {
			wrong(arg, get_be32(k.p), "a run of flows cannot be read, or is no part");
		} else {
			has += run.n_flows;
		}
	}
	if (has != part.has && part.has != part.of)
		wrong(arg, peer, "flows are missing");
	cursor_close(&c);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}
