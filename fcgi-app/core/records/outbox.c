/* A value is a state number and, where the entry is paused, the reason. */
#include "core/base/buf.h"
#include "core/records/changelog.h"
#include "core/records/outbox.h"

#define GEN_BYTES 8u

static enum kodo_err
entry_read(struct str key, struct str value, struct outbox_entry *out)
{
	if (key.len < 8 || value.len < GEN_BYTES)
		return KODO_ECORRUPT;
	out->peer = get_be32(key.p);
	out->node = get_be32(key.p + 4);
	out->gen = get_be64(value.p);
	out->why = value.len == GEN_BYTES
	    ? STR_NULL
	    : (struct str){ value.p + GEN_BYTES, value.len - GEN_BYTES };
	return KODO_OK;
}

/* A pause ends with the next change of the node: then the entry is one like others. */
static enum kodo_err
pause_read(struct txn *t, struct outbox_entry *out)
{
	struct changelog_entry logged;
	enum kodo_err err;

	if (out->why.p == NULL)
		return KODO_OK;
	err = changelog_get(t, out->node, &logged);
	if (err == KODO_OK && logged.at > out->gen)
		out->why = STR_NULL;
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

enum kodo_err
outbox_get(struct txn *t, uint32_t peer, uint32_t node, struct outbox_entry *out)
{
	unsigned char kb[8];
	struct str key = key_u32_u32(kb, peer, node), v;
	enum kodo_err err = store_get(t, T_OUT, key, &v);

	if (err == KODO_OK)
		err = entry_read(key, v, out);
	return err == KODO_OK ? pause_read(t, out) : err;
}

enum kodo_err
outbox_put(struct txn *t, uint32_t peer, uint32_t node, uint64_t gen)
{
	unsigned char k[8], v[8];

	return store_put(t, T_OUT, key_u32_u32(k, peer, node), key_u64(v, gen));
}

struct scan
outbox_scan(struct txn *t, uint32_t peer, uint32_t node)
{
	unsigned char kb[8];

	return scan_from(t, T_OUT, key_u32_u32(kb, peer, node), 4);
}

struct scan
outbox_scan_all(struct txn *t)
{
	return scan_prefix(t, T_OUT, STR_NULL);
}

bool
outbox_next(struct txn *t, struct scan *s, struct outbox_entry *out)
{
	if (!scan_next(s))
		return false;
	s->err = entry_read(s->k, s->v, out);
	if (s->err == KODO_OK)
		s->err = pause_read(t, out);
	return s->err == KODO_OK;
}

enum kodo_err
outbox_first(struct txn *t, uint32_t peer, uint32_t node, struct outbox_entry *out)
{
	struct str k, v;
	enum kodo_err err = scan_first(outbox_scan(t, peer, node), &k, &v);

	if (err == KODO_OK)
		err = entry_read(k, v, out);
	return err == KODO_OK ? pause_read(t, out) : err;
}

enum kodo_err
outbox_clear(struct txn *t, uint32_t peer)
{
	unsigned char kb[4];

	return store_del_under(t, T_OUT, key_u32(kb, peer));
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

	if (err == KODO_OK && entry.gen > gen)
		return KODO_OK;
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	buf_put_str(&b, key_u64(gen_bytes, gen));
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
	struct scan s = outbox_scan(t, peer, 0);

	*to_notify = false;
	if (paused != NULL)
		*paused = false;
	while (!(*to_notify && (paused == NULL || *paused)) && outbox_next(t, &s, &entry)) {
		if (entry.why.p == NULL)
			*to_notify = true;
		else if (paused != NULL)
			*paused = true;
	}
	return scan_end(&s);
}
