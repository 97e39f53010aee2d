#include <stdlib.h>

#include "core/records/flow_order.h"

/* A row with its texts, to be compared with what is in the list. */
struct row_key {
	struct str name;
	struct str url;
	struct flow_order_entry at;
};

/* Entries of one block while it is worked on. */
struct block {
	struct flow_order_entry e[FLOW_ORDER_BLOCK_MAX];
	size_t n;
};

static const unsigned char dir_key[4] = { 0, 0, 0, 0 };

#define DIR_KEY ((struct str){ (const char *)dir_key, sizeof(dir_key) })

/* --- comparing --- */

/* Name and url of a flow; texts with escapes go to a. */
static enum kodo_err
row_key_of(struct arena *a, const struct packed *p, struct flow_order_entry at, struct row_key *out)
{
	struct packed_flow f;
	enum kodo_err err;

	if (at.flow >= p->n_flows)
		return KODO_ECORRUPT;
	packed_flow(p, at.flow, &f);
	out->at = at;
	err = packed_raw(a, f.name, &out->name);
	return err == KODO_OK ? packed_raw(a, f.url, &out->url) : err;
}

static enum kodo_err
entry_key(struct txn *t, struct arena *a, struct flow_order_entry at, struct row_key *out)
{
	struct statement s;
	struct packed p;
	enum kodo_err err = record_get_seen(t, at.node, &s);

	if (err == KODO_OK)
		err = packed_open(s.bytes, &p);
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
	return row_key_of(a, &p, at, out);
}

static int
row_cmp(const struct row_key *x, const struct row_key *y)
{
	int c = str_cmp(x->name, y->name);

	if (c == 0)
		c = str_cmp(x->url, y->url);
	if (c == 0)
		c = (x->at.node > y->at.node) - (x->at.node < y->at.node);
	if (c == 0)
		c = (x->at.flow > y->at.flow) - (x->at.flow < y->at.flow);
	return c;
}

static int
row_cmp_qsort(const void *x, const void *y)
{
	return row_cmp(x, y);
}

/* --- directory and blocks --- */

static enum kodo_err
dir_load(struct txn *t, struct flow_order *ix)
{
	struct str v;
	enum kodo_err err;

	if (ix->is_loaded)
		return KODO_OK;
	err = store_get(t, T_ORDER, DIR_KEY, &v);
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	if (v.len % sizeof(struct flow_order_slot) != 0)
		return KODO_ECORRUPT;
	ix->n = v.len / sizeof(struct flow_order_slot);
	ix->cap = ix->n + 16;
	ix->slots = malloc(ix->cap * sizeof(*ix->slots));
	if (ix->slots == NULL)
		return KODO_ENOMEM;
	if (v.len > 0)
		memcpy(ix->slots, v.p, v.len);
	ix->is_loaded = true;
	ix->is_dirty = false;
	return KODO_OK;
}

enum kodo_err
flow_order_save(struct txn *t, struct flow_order *ix)
{
	enum kodo_err err;

	if (!ix->is_loaded || !ix->is_dirty)
		return KODO_OK;
	err = store_put(t, T_ORDER, DIR_KEY,
	    (struct str){ (const char *)ix->slots, ix->n * sizeof(*ix->slots) });
	ix->is_dirty = err != KODO_OK;
	return err;
}

void
flow_order_free(struct flow_order *ix)
{
	free(ix->slots);
	*ix = (struct flow_order){ 0 };
}

static enum kodo_err
block_load(struct txn *t, uint32_t id, struct block *b)
{
	unsigned char k[4];
	struct str v;
	enum kodo_err err = store_get(t, T_ORDER, key_u32(k, id), &v);

	b->n = 0;
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
	if (v.len % sizeof(b->e[0]) != 0 || v.len > sizeof(b->e))
		return KODO_ECORRUPT;
	memcpy(b->e, v.p, v.len);
	b->n = v.len / sizeof(b->e[0]);
	return KODO_OK;
}

static enum kodo_err
block_save(struct txn *t, uint32_t id, const struct block *b)
{
	unsigned char k[4];

	return store_put(
	    t, T_ORDER, key_u32(k, id), (struct str){ (const char *)b->e, b->n * sizeof(b->e[0]) });
}

/* The last slot whose first row is <= key, or 0. The list is not empty. */
static enum kodo_err
slot_find(
    struct txn *t, struct arena *a, struct flow_order *ix, const struct row_key *key, size_t *out)
{
	size_t lo = 0, hi = ix->n;	/* first rows of slots < lo are <= key */

	*out = 0;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		struct flow_order_entry first;
		struct row_key have;
		unsigned char k[4];
		struct str v;
		enum kodo_err err = store_get(t, T_ORDER, key_u32(k, ix->slots[mid].block), &v);

		if (err != KODO_OK || v.len < sizeof(first))
			return KODO_ECORRUPT;
		memcpy(&first, v.p, sizeof(first));
		err = entry_key(t, a, first, &have);
		if (err != KODO_OK)
			return err;
		if (row_cmp(&have, key) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*out = lo == 0 ? 0 : lo - 1;
	return KODO_OK;
}

/* Where in the block key is or belongs: the first row >= key. */
static enum kodo_err
block_find(
    struct txn *t, struct arena *a, const struct block *b, const struct row_key *key, size_t *out)
{
	size_t lo = 0, hi = b->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		struct row_key have;
		enum kodo_err err = entry_key(t, a, b->e[mid], &have);

		if (err != KODO_OK)
			return err;
		if (row_cmp(&have, key) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*out = lo;
	return KODO_OK;
}

/* Make room for one more slot at place i. */
static enum kodo_err
slot_insert(struct flow_order *ix, size_t i, struct flow_order_slot slot)
{
	if (ix->n == ix->cap) {
		size_t cap = ix->cap * 2;
		struct flow_order_slot *p = realloc(ix->slots, cap * sizeof(*p));

		if (p == NULL)
			return KODO_ENOMEM;
		ix->slots = p;
		ix->cap = cap;
	}
	memmove(ix->slots + i + 1, ix->slots + i, (ix->n - i) * sizeof(*ix->slots));
	ix->slots[i] = slot;
	ix->n++;
	ix->is_dirty = true;
	return KODO_OK;
}

/* --- removing and adding rows in runs that fall into one block --- */

/* The texts of the rows of a node, sorted; in a. */
static enum kodo_err
rows_sorted(struct arena *a, uint32_t node, struct str bytes, const uint32_t *rows, size_t n,
    struct row_key **out)
{
	struct row_key *keys = arena_alloc(a, (n + 1) * sizeof(*keys));
	struct packed p;
	enum kodo_err err = packed_open(bytes, &p);
	size_t i;

	*out = keys;
	if (keys == NULL)
		return KODO_ENOMEM;
	for (i = 0; i < n && err == KODO_OK; i++)
		err = row_key_of(a, &p, (struct flow_order_entry){ node, rows[i] }, &keys[i]);
	if (err == KODO_OK)
		qsort(keys, n, sizeof(*keys), row_cmp_qsort);
	return err;
}

/* Is key beyond the rows of slot s, that is, at or after the first row of slot s + 1? */
static enum kodo_err
is_beyond(struct txn *t, struct arena *a, struct flow_order *ix, size_t s,
    const struct row_key *key, bool *out)
{
	struct block next;
	struct row_key first;
	enum kodo_err err;

	*out = false;
	if (s + 1 >= ix->n)
		return KODO_OK;
	err = block_load(t, ix->slots[s + 1].block, &next);
	if (err == KODO_OK && next.n == 0)
		err = KODO_ECORRUPT;
	if (err == KODO_OK)
		err = entry_key(t, a, next.e[0], &first);
	if (err == KODO_OK)
		*out = row_cmp(key, &first) >= 0;
	return err;
}

static enum kodo_err
slot_write(struct txn *t, struct flow_order *ix, size_t s, const struct block *b)
{
	unsigned char k[4];
	uint32_t id = ix->slots[s].block;

	ix->is_dirty = true;
	if (b->n > 0) {
		ix->slots[s].count = (uint32_t)b->n;
		return block_save(t, id, b);
	}
	memmove(ix->slots + s, ix->slots + s + 1, (ix->n - s - 1) * sizeof(*ix->slots));
	ix->n--;
	return store_del(t, T_ORDER, key_u32(k, id));
}

/* Remove keys[0..] from the slot of keys[0] as far as they lie in it; *done: how many. */
static enum kodo_err
remove_run(struct txn *t, struct arena *a, struct flow_order *ix, const struct row_key *keys,
    size_t n, size_t *done)
{
	struct block b;
	size_t s, at;
	enum kodo_err err;

	*done = 0;
	err = ix->n == 0 ? KODO_ECORRUPT : slot_find(t, a, ix, &keys[0], &s);
	if (err == KODO_OK)
		err = block_load(t, ix->slots[s].block, &b);
	while (err == KODO_OK && *done < n) {
		const struct row_key *key = &keys[*done];

		err = block_find(t, a, &b, key, &at);
		if (err != KODO_OK)
			break;
		if (at == b.n || b.e[at].node != key->at.node || b.e[at].flow != key->at.flow) {
			if (*done == 0)
				err = KODO_ECORRUPT;	/* it should be here */
			break;
		}
		memmove(b.e + at, b.e + at + 1, (b.n - at - 1) * sizeof(b.e[0]));
		b.n--;
		++*done;
	}
	return err == KODO_OK ? slot_write(t, ix, s, &b) : err;
}

enum kodo_err
flow_order_remove(
    struct txn *t, struct flow_order *ix, uint32_t node, struct str bytes, uint32_t *rows, size_t n)
{
	struct arena *a = arena_new(), *scratch = arena_new();
	struct row_key *keys = NULL;
	size_t i, done;
	enum kodo_err err = a == NULL || scratch == NULL ? KODO_ENOMEM : dir_load(t, ix);

	/* bytes may lie in the map, where the first put moves them */
	if (err == KODO_OK)
		err = arena_str(a, bytes, &bytes);
	if (err == KODO_OK)
		err = rows_sorted(a, node, bytes, rows, n, &keys);
	for (i = 0; err == KODO_OK && i < n; i += done) {
		err = remove_run(t, scratch, ix, keys + i, n - i, &done);
		arena_reset(scratch);
	}
	arena_free(scratch);
	arena_free(a);
	return err;
}

/* Cut the full block of slot s in two halves. */
static enum kodo_err
block_split(struct txn *t, struct head *h, struct flow_order *ix, size_t s, struct block *b)
{
	struct block upper;
	struct flow_order_slot slot;
	enum kodo_err err;

	upper.n = b->n - b->n / 2;
	b->n /= 2;
	memcpy(upper.e, b->e + b->n, upper.n * sizeof(b->e[0]));
	slot = (struct flow_order_slot){ (uint32_t)h->next_block++, (uint32_t)upper.n };
	err = slot_insert(ix, s + 1, slot);
	if (err == KODO_OK)
		err = block_save(t, slot.block, &upper);
	return err == KODO_OK ? slot_write(t, ix, s, b) : err;
}

/*
 * Add keys[0..] to the slot where keys[0] belongs, as far as they belong there; *done: how many, at
 * least 1 or a split was made.
 */
static enum kodo_err
add_run(struct txn *t, struct arena *a, struct head *h, struct flow_order *ix,
    const struct row_key *keys, size_t n, size_t *done)
{
	struct block b;
	size_t s, at;
	bool beyond = false;
	enum kodo_err err;

	*done = 0;
	err = slot_find(t, a, ix, &keys[0], &s);
	if (err == KODO_OK)
		err = block_load(t, ix->slots[s].block, &b);
	if (err == KODO_OK && b.n == FLOW_ORDER_BLOCK_MAX)
		return block_split(t, h, ix, s, &b);
	while (err == KODO_OK && *done < n && b.n < FLOW_ORDER_BLOCK_MAX) {
		const struct row_key *key = &keys[*done];

		if (*done > 0)
			err = is_beyond(t, a, ix, s, key, &beyond);
		if (err != KODO_OK || beyond)
			break;
		err = block_find(t, a, &b, key, &at);
		if (err != KODO_OK)
			break;
		memmove(b.e + at + 1, b.e + at, (b.n - at) * sizeof(b.e[0]));
		b.e[at] = key->at;
		b.n++;
		++*done;
	}
	return err == KODO_OK ? slot_write(t, ix, s, &b) : err;
}

/* An empty list gets its first block from the first row. */
static enum kodo_err
flow_order_start(struct txn *t, struct head *h, struct flow_order *ix, const struct row_key *key)
{
	struct block b = { .n = 1 };
	struct flow_order_slot slot = { (uint32_t)h->next_block++, 1 };
	enum kodo_err err;

	b.e[0] = key->at;
	err = slot_insert(ix, 0, slot);
	return err == KODO_OK ? block_save(t, slot.block, &b) : err;
}

enum kodo_err
flow_order_add(struct txn *t, struct head *h, struct flow_order *ix, uint32_t node, uint32_t *rows,
    size_t n)
{
	struct arena *a = arena_new(), *scratch = arena_new();
	struct row_key *keys = NULL;
	struct statement s;
	struct str bytes;
	size_t i = 0, done;
	enum kodo_err err = a == NULL || scratch == NULL ? KODO_ENOMEM : dir_load(t, ix);

	if (err == KODO_OK)
		err = record_get_seen(t, node, &s);
	/* the record moves when other records are put: its bytes are copied */
	if (err == KODO_OK)
		err = arena_str(a, s.bytes, &bytes);
	if (err == KODO_OK)
		err = rows_sorted(a, node, bytes, rows, n, &keys);
	if (err == KODO_OK && n > 0 && ix->n == 0) {
		err = flow_order_start(t, h, ix, &keys[0]);
		i = 1;
	}
	for (; err == KODO_OK && i < n; i += done) {
		err = add_run(t, scratch, h, ix, keys + i, n - i, &done);
		arena_reset(scratch);
	}
	arena_free(scratch);
	arena_free(a);
	return err;
}

/* --- reading --- */

enum kodo_err
flow_order_page(struct txn *t, struct arena *a, uint64_t skip, uint64_t take,
    const struct flow_order_entry **out, size_t *n)
{
	struct flow_order_slot slot;
	struct flow_order_entry *e;
	struct str dir, v;
	unsigned char k[4];
	uint64_t room;
	size_t i, got = 0;
	enum kodo_err err;

	*out = NULL;
	*n = 0;
	err = store_get(t, T_ORDER, DIR_KEY, &dir);
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	if (dir.len % sizeof(slot) != 0)
		return KODO_ECORRUPT;
	/* not more than there can be; how many there are is known to those who keep the head */
	room = dir.len / sizeof(slot) * FLOW_ORDER_BLOCK_MAX;
	room = take < room ? take : room;
	e = arena_alloc(a, room * sizeof(*e));
	if (e == NULL)
		return KODO_ENOMEM;
	for (i = 0; i < dir.len && got < room; i += sizeof(slot)) {
		size_t part;

		memcpy(&slot, dir.p + i, sizeof(slot));
		if (slot.count == 0 || slot.count > FLOW_ORDER_BLOCK_MAX)
			return KODO_ECORRUPT;
		if (skip >= slot.count) {
			skip -= slot.count;
			continue;
		}
		err = store_get(t, T_ORDER, key_u32(k, slot.block), &v);
		if (err != KODO_OK || v.len != slot.count * sizeof(*e))
			return KODO_ECORRUPT;
		part = slot.count - skip < room - got ? slot.count - skip : room - got;
		memcpy(e + got, v.p + skip * sizeof(*e), part * sizeof(*e));
		got += part;
		skip = 0;
	}
	*out = e;
	*n = got;
	return KODO_OK;
}

enum kodo_err
flow_order_check(struct txn *t, uint64_t *n, struct why *why)
{
	struct arena *a = arena_new(), *b = arena_new(), *swap;
	const struct flow_order_entry *e;
	struct row_key last, have;
	uint64_t at;
	size_t got;
	enum kodo_err err = a == NULL || b == NULL ? KODO_ENOMEM : KODO_OK;

	*n = 0;
	/*
	 * in pages, so that memory stays flat; the last row of a page is kept for the next one's
	 * first
	 */
	for (at = 0; err == KODO_OK; at += got) {
		size_t i;

		arena_reset(b);
		err = flow_order_page(t, b, at, 10000, &e, &got);
		for (i = 0; i < got && err == KODO_OK; i++) {
			err = entry_key(t, b, e[i], &have);
			if (err == KODO_OK && at + i > 0 && row_cmp(&last, &have) >= 0)
				err = KODO_ECORRUPT;
			last = have;
		}
		if (err != KODO_OK || got == 0)
			break;
		swap = a;
		a = b;
		b = swap;
	}
	*n = at;
	if (err == KODO_ECORRUPT)
		why_set(why, err, "the default order is damaged after %llu flows",
		    (unsigned long long)at);
	arena_free(a);
	arena_free(b);
	return err;
}
