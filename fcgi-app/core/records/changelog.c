/*
 * T_CHANGES: number of the change -> node, peer to skip; T_CHANGED: node -> number of its last
 * change, and how often another peer than before made one.
 */
#include "core/records/changelog.h"
#include "core/records/codec.h"

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

/* What T_CHANGED has of a node. */
struct last {
	uint64_t at;		/* its entry */
	int64_t since_us;	/* turns are counted since then */
	uint32_t turns;
	uint32_t skip;		/* of the entry */
};

static enum kodo_err
last_get(struct txn *t, uint32_t node, struct last *out)
{
	unsigned char kb[4];
	struct str v;
	enum kodo_err err = store_get(t, T_CHANGED, key_u32(kb, node), &v);

	*out = (struct last){ 0 };
	if (err != KODO_OK)
		return err;
	if (v.len != CHANGELOG_LAST_BYTES || !is_time((int64_t)get_be64(v.p + 8)))
		return KODO_ECORRUPT;
	*out = (struct last){ .at = get_be64(v.p), .since_us = (int64_t)get_be64(v.p + 8),
		.turns = get_be32(v.p + 16) };
	return KODO_OK;
}

static enum kodo_err
last_put(struct txn *t, uint32_t node, const struct last *last)
{
	unsigned char kb[4], v[CHANGELOG_LAST_BYTES], part[8];

	memcpy(v, key_u64(part, last->at).p, 8);
	memcpy(v + 8, key_u64(part, (uint64_t)last->since_us).p, 8);
	memcpy(v + 16, key_u32(part, last->turns).p, 4);
	return store_put(
	    t, T_CHANGED, key_u32(kb, node), (struct str){ (const char *)v, sizeof(v) });
}

/* What is known of the node's last entry, which is taken out of T_CHANGES. KODO_ENOTFOUND. */
static enum kodo_err
entry_take(struct txn *t, uint32_t node, struct last *last)
{
	unsigned char kb[8];
	struct str v;
	enum kodo_err err = last_get(t, node, last);

	if (err == KODO_OK && store_get(t, T_CHANGES, key_u64(kb, last->at), &v) == KODO_OK &&
	    v.len == 8)
		last->skip = get_be32(v.p + 4);
	return err == KODO_OK ? store_del(t, T_CHANGES, key_u64(kb, last->at)) : err;
}

/* Count one more change by skip. Who was over the ceiling is over it again with the next turn. */
static bool
turns_count(struct last *last, uint32_t skip, int64_t now_us)
{
	const int64_t passed_us = now_us - last->since_us;

	if (passed_us < 0 || passed_us > CHANGELOG_HOLD_US) {
		last->turns = last->turns > CHANGELOG_TURNS && passed_us > 0 &&
			passed_us <= 2 * CHANGELOG_HOLD_US ? CHANGELOG_TURNS : 0;
		last->since_us = now_us;
	}
	if (skip != last->skip && last->at != 0)
		last->turns++;
	return last->turns > CHANGELOG_TURNS;
}

enum kodo_err
changelog_put(struct txn *t, struct head *h, uint32_t node, uint32_t skip, int64_t now_us,
    bool *is_hot)
{
	unsigned char k[8], v[8];
	struct last last;
	enum kodo_err err = entry_take(t, node, &last);

	*is_hot = false;
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	*is_hot = turns_count(&last, skip, now_us);
	last.at = h->logged = ++h->state;
	err = store_put(t, T_CHANGES, key_u64(k, h->logged), key_u32_u32(v, node, skip));
	return err == KODO_OK ? last_put(t, node, &last) : err;
}

enum kodo_err
changelog_del(struct txn *t, struct head *h, uint32_t node)
{
	unsigned char k[4];
	struct last last;
	enum kodo_err err = entry_take(t, node, &last);

	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	if (last.at > h->log_floor)
		h->log_floor = last.at;
	return store_del(t, T_CHANGED, key_u32(k, node));
}

struct scan
changelog_scan(struct txn *t, uint64_t behind)
{
	unsigned char k[8];

	return scan_from(t, T_CHANGES, key_u64(k, behind + 1), 0);
}

struct scan
changelog_scan_back(struct txn *t)
{
	return scan_back(t, T_CHANGES);
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
	struct last last;
	enum kodo_err err = last_get(t, node, &last);

	if (err != KODO_OK)
		return err;
	key = key_u64(kb, last.at);
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
