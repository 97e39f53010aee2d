#include "core/records/flow_order_private.h"

/* --- rows --- */

static enum kodo_err
row_key_of(struct arena *a, const struct packed *p, struct flow_order_entry at, struct row_key *out)
{
	struct packed_flow f;
	enum kodo_err err;

	if (at.flow >= p->n_flows)
		return KODO_ECORRUPT;
	out->at = at;
	err = packed_flow(p, at.flow, &f);
	if (err == KODO_OK)
		err = packed_raw(a, f.name, &out->name);
	return err == KODO_OK ? packed_raw(a, f.url, &out->url) : err;
}

enum kodo_err
row_key_get(struct txn *t, struct arena *a, struct flow_order_entry at, struct row_key *out)
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

int
row_key_cmp(const struct row_key *x, const struct row_key *y)
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

/* --- collecting --- */

static enum kodo_err
row_collect(struct flow_order *ix, const struct packed *p, struct flow_order_entry at, bool is_gone)
{
	struct flow_order_row *row;
	enum kodo_err err;

	row = arena_grow(ix->a, ix->rows, ix->n, &ix->cap, sizeof(*row));
	if (row == NULL)
		return KODO_ENOMEM;
	ix->rows = row;
	row = &ix->rows[ix->n];
	*row = (struct flow_order_row){ .nth = ix->n, .is_gone = is_gone };
	err = row_key_of(ix->a, p, at, &row->key);
	if (err == KODO_OK)
		err = arena_str(ix->a, row->key.name, &row->key.name);
	if (err == KODO_OK)
		err = arena_str(ix->a, row->key.url, &row->key.url);
	if (err == KODO_OK)
		ix->n++;
	return err;
}

static enum kodo_err
rows_collect(struct flow_order *ix, uint32_t node, struct str bytes, const uint32_t *flows,
    size_t n, bool is_gone)
{
	struct packed p;
	size_t i;
	enum kodo_err err = packed_open(bytes, &p);

	if (ix->a == NULL)
		ix->a = arena_new();
	if (ix->a == NULL)
		return KODO_ENOMEM;
	for (i = 0; i < n && err == KODO_OK; i++)
		err = row_collect(ix, &p, (struct flow_order_entry){ node, flows[i] }, is_gone);
	return err;
}

enum kodo_err
flow_order_remove(struct flow_order *ix, uint32_t node, struct str bytes, const uint32_t *flows,
    size_t n)
{
	return rows_collect(ix, node, bytes, flows, n, true);
}

enum kodo_err
flow_order_add(struct flow_order *ix, uint32_t node, struct str bytes, const uint32_t *flows,
    size_t n)
{
	return rows_collect(ix, node, bytes, flows, n, false);
}

void
flow_order_free(struct flow_order *ix)
{
	arena_free(ix->a);
	*ix = (struct flow_order){ 0 };
}

/* --- reading --- */

enum kodo_err
order_dir_get(struct txn *t, struct str *out)
{
	unsigned char k[4];
	enum kodo_err err = store_get(t, T_ORDER, key_u32(k, ORDER_DIR), out);

	if (err == KODO_ENOTFOUND)
		return KODO_OK;
	return err == KODO_OK && out->len % sizeof(struct flow_order_slot) != 0 ? KODO_ECORRUPT
										: err;
}

static struct flow_order_slot
slot_of(struct str dir, size_t i)
{
	struct flow_order_slot slot;

	memcpy(&slot, dir.p + i * sizeof(slot), sizeof(slot));
	return slot;
}

/* Entries of a block from skip on, as many as there are or take says. */
static enum kodo_err
block_page(struct txn *t, struct flow_order_slot slot, uint64_t skip, uint64_t take,
    struct flow_order_entry *out, size_t *n)
{
	struct block_reader r;
	unsigned char k[4];
	struct str v;
	enum kodo_err err = store_get(t, T_ORDER, key_u32(k, slot.block), &v);

	*n = 0;
	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
	r = block_reader_of(v);
	block_skip(&r, skip);
	*n = block_entries(&r, out, take);
	/* what follows is not looked at */
	if (r.bad || r.n > slot.count || (r.next == r.end && r.n != slot.count))
		return KODO_ECORRUPT;
	return KODO_OK;
}

enum kodo_err
flow_order_page(struct txn *t, struct arena *a, uint64_t skip, uint64_t take,
    const struct flow_order_entry **out, size_t *n)
{
	struct flow_order_slot slot;
	struct flow_order_entry *e;
	uint64_t room = 0;
	struct str dir;
	size_t i, part, got = 0;
	enum kodo_err err = order_dir_get(t, &dir);

	*out = NULL;
	*n = 0;
	/* not more than there are */
	for (i = 0; i < dir.len / sizeof(slot) && err == KODO_OK && room < take; i++)
		room += slot_of(dir, i).count;
	if (err != KODO_OK)
		return err;
	room = take < room ? take : room;
	e = arena_alloc(a, room * sizeof(*e));
	if (e == NULL)
		return KODO_ENOMEM;
	for (i = 0; i < dir.len / sizeof(slot) && got < room; i++) {
		slot = slot_of(dir, i);
		if (slot.count == 0 || slot.count > FLOW_ORDER_BLOCK_BYTES)
			return KODO_ECORRUPT;
		if (skip >= slot.count) {
			skip -= slot.count;
			continue;
		}
		err = block_page(t, slot, skip, room - got, e + got, &part);
		if (err != KODO_OK)
			return err;
		got += part;
		skip = 0;
	}
	*out = e;
	*n = got;
	return KODO_OK;
}

/* The slot of the place: the last one whose first entry is not behind, or the first. */
static enum kodo_err
slot_find(struct txn *t, struct str dir,
    enum kodo_err (*is_behind)(void *arg, struct flow_order_entry at, bool *out), void *arg,
    size_t *out)
{
	size_t low = 1, high = dir.len / sizeof(struct flow_order_slot), n;
	enum kodo_err err = KODO_OK;

	while (low < high && err == KODO_OK) {
		const size_t mid = low + (high - low) / 2;
		struct flow_order_entry first;
		bool behind = false;

		err = block_page(t, slot_of(dir, mid), 0, 1, &first, &n);
		if (err == KODO_OK)
			err = n == 0 ? KODO_ECORRUPT : is_behind(arg, first, &behind);
		if (behind)
			high = mid;
		else
			low = mid + 1;
	}
	*out = low - 1;
	return err;
}

enum kodo_err
flow_order_find(struct txn *t, struct arena *a,
    enum kodo_err (*is_behind)(void *arg, struct flow_order_entry at, bool *out), void *arg,
    uint64_t *place)
{
	struct flow_order_entry *e;
	struct str dir;
	size_t low = 0, high = 0, s = 0, i;
	enum kodo_err err = order_dir_get(t, &dir);

	*place = 0;
	if (err != KODO_OK || dir.len == 0)
		return err;
	err = slot_find(t, dir, is_behind, arg, &s);
	if (err == KODO_OK && slot_of(dir, s).count > FLOW_ORDER_BLOCK_BYTES)
		err = KODO_ECORRUPT;
	if (err != KODO_OK)
		return err;
	e = arena_alloc(a, (size_t)slot_of(dir, s).count * sizeof(*e));
	if (e == NULL)
		return KODO_ENOMEM;
	err = block_page(t, slot_of(dir, s), 0, slot_of(dir, s).count, e, &high);
	while (err == KODO_OK && low < high) {
		const size_t mid = low + (high - low) / 2;
		bool behind = false;

		err = is_behind(arg, e[mid], &behind);
		if (behind)
			high = mid;
		else
			low = mid + 1;
	}
	for (i = 0; i < s; i++)
		*place += slot_of(dir, i).count;
	*place += low;
	return err;
}

/* --- checking --- */

/* last: the row before the block, then its last one; texts in a. */
static enum kodo_err
block_check(struct txn *t, struct arena *a, struct flow_order_slot slot, uint64_t *n,
    struct row_key *last)
{
	struct block_reader r;
	struct row_key have;
	unsigned char k[4];
	struct str v;
	enum kodo_err err = store_get(t, T_ORDER, key_u32(k, slot.block), &v);

	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
	if (v.len > FLOW_ORDER_BLOCK_BYTES || slot.count == 0)
		return KODO_ECORRUPT;
	r = block_reader_of(v);
	while (err == KODO_OK && block_next(&r)) {
		err = row_key_get(t, a, r.at, &have);
		if (err == KODO_OK && (!str_starts(have.name, hint_str(&r.hint)) ||
		    (*n > 0 && row_key_cmp(last, &have) >= 0)))
			err = KODO_ECORRUPT;
		*last = have;
		*n += err == KODO_OK;
	}
	return err == KODO_OK && (r.bad || r.n != slot.count) ? KODO_ECORRUPT : err;
}

enum kodo_err
flow_order_check(struct txn *t, uint64_t *n, struct why *why)
{
	struct arena *a = arena_new(), *before = arena_new(), *swap;
	struct row_key last;
	struct str dir = STR_NULL;
	size_t i;
	enum kodo_err err = a == NULL || before == NULL ? KODO_ENOMEM : order_dir_get(t, &dir);

	*n = 0;
	for (i = 0; i < dir.len / sizeof(struct flow_order_slot) && err == KODO_OK; i++) {
		arena_reset(a);
		err = block_check(t, a, slot_of(dir, i), n, &last);
		/* the last row of a block is kept for the first one of the next */
		swap = a;
		a = before;
		before = swap;
	}
	if (err == KODO_ECORRUPT)
		why_set(why, err, "the default order is damaged after %llu flows",
		    (unsigned long long)*n);
	arena_free(a);
	arena_free(before);
	return err;
}
