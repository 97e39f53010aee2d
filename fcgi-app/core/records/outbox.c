/* The entries of T_OUT: a state number, and after it, where one is parked, the reason. */
#include "core/base/buf.h"
#include "core/records/outbox.h"

#define GEN_BYTES 8u

enum kodo_err
outbox_read(struct str value, struct outbox_entry *out)
{
	if (value.len < GEN_BYTES)
		return KODO_ECORRUPT;
	out->gen = get_be64(value.p);
	out->why = value.len == GEN_BYTES
	    ? STR_NULL
	    : (struct str){ value.p + GEN_BYTES, value.len - GEN_BYTES };
	return KODO_OK;
}

enum kodo_err
outbox_get(struct txn *t, uint32_t peer, uint32_t node, struct outbox_entry *out)
{
	unsigned char kb[8];
	struct str v;
	enum kodo_err err = store_get(t, T_OUT, key_u32_u32(kb, peer, node), &v);

	out->node = node;
	return err == KODO_OK ? outbox_read(v, out) : err;
}

enum kodo_err
outbox_next(struct txn *t, uint32_t peer, uint32_t node, struct outbox_entry *out)
{
	unsigned char kb[8];
	struct cursor c;
	struct str k, v;
	enum kodo_err err = cursor_open(t, T_OUT, &c);

	if (err != KODO_OK)
		return err;
	err = cursor_seek(&c, key_u32_u32(kb, peer, node), &k, &v);
	if (err == KODO_OK && get_be32(k.p) != peer)
		err = KODO_ENOTFOUND;
	if (err == KODO_OK) {
		out->node = get_be32(k.p + 4);
		err = outbox_read(v, out);
	}
	cursor_close(&c);
	return err;
}

enum kodo_err
outbox_delivered(struct txn *t, uint32_t peer, uint32_t node, uint64_t gen)
{
	unsigned char kb[8];
	struct outbox_entry entry;
	enum kodo_err err = outbox_get(t, peer, node, &entry);

	if (err == KODO_OK && entry.gen <= gen)
		return store_del(t, T_OUT, key_u32_u32(kb, peer, node));
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

enum kodo_err
outbox_pause(struct txn *t, uint32_t peer, uint32_t node, uint64_t gen, struct str why)
{
	unsigned char kb[8], gen_bytes[GEN_BYTES];
	struct outbox_entry entry;
	struct buf b = BUF_INIT(0);
	enum kodo_err err = outbox_get(t, peer, node, &entry);

	if (err != KODO_OK || entry.gen > gen)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	buf_put_str(&b, key_u64(gen_bytes, entry.gen));
	buf_put_str(&b, why.len > 0 ? why : STR("not taken"));
	err = buf_failed(&b)
	    ? b.err
	    : store_put(t, T_OUT, key_u32_u32(kb, peer, node), buf_str(&b));
	buf_free(&b);
	return err;
}

enum kodo_err
outbox_has(struct txn *t, uint32_t peer, bool *to_notify, bool *paused)
{
	struct outbox_entry entry;
	uint32_t node = 0;
	enum kodo_err err = KODO_OK;

	*to_notify = false;
	if (paused != NULL)
		*paused = false;
	while (!(*to_notify && (paused == NULL || *paused)) &&
	    (err = outbox_next(t, peer, node, &entry)) == KODO_OK) {
		if (entry.why.p == NULL)
			*to_notify = true;
		else if (paused != NULL)
			*paused = true;
		if (entry.node == UINT32_MAX)
			break;
		node = entry.node + 1;
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}
