/*
 * T_CHANGES: number of the change -> node, peer to skip; T_CHANGED: node -> number of its last
 * change.
 */
#include "core/records/changelog.h"

static enum kodo_err
entry_of(struct str key, struct str value, struct changelog_entry *out)
{
	if (key.len != 8 || value.len != 8)
		return KODO_ECORRUPT;
	*out = (struct changelog_entry){ .at = get_be64(key.p),
		.node = get_be32(value.p),
		.skip = get_be32(value.p + 4) };
	return KODO_OK;
}

/* The number of the node's entry, which is taken out of T_CHANGES. KODO_ENOTFOUND. */
static enum kodo_err
entry_take(struct txn *t, uint32_t node, uint64_t *at)
{
	unsigned char kb[8];
	struct str v;
	enum kodo_err err = store_get(t, T_CHANGED, key_u32(kb, node), &v);

	*at = 0;
	if (err != KODO_OK)
		return err;
	if (v.len != 8)
		return KODO_ECORRUPT;
	*at = get_be64(v.p);
	return store_del(t, T_CHANGES, key_u64(kb, *at));
}

enum kodo_err
changelog_put(struct txn *t, struct head *h, uint32_t node, uint32_t skip)
{
	unsigned char k[8], v[8];
	uint64_t at;
	enum kodo_err err = entry_take(t, node, &at);

	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	h->logged = ++h->state;
	err = store_put(t, T_CHANGES, key_u64(k, h->logged), key_u32_u32(v, node, skip));
	if (err != KODO_OK)
		return err;
	return store_put(t, T_CHANGED, key_u32(k, node), key_u64(v, h->logged));
}

enum kodo_err
changelog_del(struct txn *t, struct head *h, uint32_t node)
{
	unsigned char k[4];
	uint64_t at;
	enum kodo_err err = entry_take(t, node, &at);

	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	if (at > h->log_floor)
		h->log_floor = at;
	return store_del(t, T_CHANGED, key_u32(k, node));
}

struct scan
changelog_scan(struct txn *t, uint64_t behind)
{
	unsigned char k[8];

	return scan_from(t, T_CHANGES, key_u64(k, behind + 1), 0);
}

bool
changelog_next(struct scan *s, struct changelog_entry *out)
{
	if (!scan_next(s))
		return false;
	s->err = entry_of(s->k, s->v, out);
	return s->err == KODO_OK;
}

enum kodo_err
changelog_get(struct txn *t, uint32_t node, struct changelog_entry *out)
{
	unsigned char kb[8];
	struct str v, key;
	enum kodo_err err = store_get(t, T_CHANGED, key_u32(kb, node), &v);

	if (err == KODO_OK && v.len != 8)
		err = KODO_ECORRUPT;
	if (err != KODO_OK)
		return err;
	key = key_u64(kb, get_be64(v.p));
	err = store_get(t, T_CHANGES, key, &v);
	return err == KODO_OK ? entry_of(key, v, out) : err;
}

enum kodo_err
changelog_check(struct txn *t, uint64_t *n)
{
	struct scan s = changelog_scan(t, 0);
	struct changelog_entry entry, other;
	uint64_t n_nodes = 0;
	enum kodo_err err;

	*n = 0;
	while (changelog_next(&s, &entry)) {
		++*n;
		s.err = changelog_get(t, entry.node, &other);
		if (s.err == KODO_ENOTFOUND || (s.err == KODO_OK && other.at != entry.at))
			s.err = KODO_ECORRUPT;
	}
	err = scan_end(&s);
	if (err != KODO_OK)
		return err;
	s = scan_prefix(t, T_CHANGED, STR_NULL);
	while (scan_next(&s))
		n_nodes++;
	err = scan_end(&s);
	return err == KODO_OK && n_nodes != *n ? KODO_ECORRUPT : err;
}
