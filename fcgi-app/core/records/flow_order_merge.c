/* Merging what was collected into the blocks. */
#include <stdlib.h>

#include "core/records/flow_order_private.h"

struct merge {
	struct txn *t;
	struct head *h;
	struct arena *a;			/* texts of rows in the store */
	const struct flow_order_row *gone;	/* those that go, by node and flow */
	size_t n_gone;
	struct flow_order_slot *slots;
	size_t n_slots, cap_slots;
};

/* --- what there is to do --- */

static int
at_cmp(struct flow_order_entry x, struct flow_order_entry y)
{
	if (x.node != y.node)
		return x.node > y.node ? 1 : -1;
	return (x.flow > y.flow) - (x.flow < y.flow);
}

static int
row_at_cmp(const void *x, const void *y)
{
	const struct flow_order_row *a = x, *b = y;
	const int c = at_cmp(a->key.at, b->key.at);

	return c != 0 ? c : (a->nth > b->nth) - (a->nth < b->nth);
}

static int
row_gone_cmp(const void *x, const void *y)
{
	const struct flow_order_row *a = x, *b = y;

	return at_cmp(a->key.at, b->key.at);
}

static int
row_cmp(const void *x, const void *y)
{
	const struct flow_order_row *a = x, *b = y;

	return row_key_cmp(&a->key, &b->key);
}

/*
 * Of all changes of a row in turn: it went with the texts of the first one, if that is a removal,
 * and came with those of the last one, if that is none. Returns how many are left, by node and
 * flow.
 */
static size_t
rows_reduce(struct flow_order_row *rows, size_t n)
{
	size_t i, end, left = 0;

	if (n > 0)
		qsort(rows, n, sizeof(*rows), row_at_cmp);
	for (i = 0; i < n; i = end) {
		const struct flow_order_row first = rows[i];
		struct flow_order_row last;

		for (end = i + 1; end < n && at_cmp(rows[end].key.at, first.key.at) == 0; end++)
			;
		last = rows[end - 1];
		if (first.is_gone && !last.is_gone && row_cmp(&first, &last) == 0)
			continue;
		if (first.is_gone)
			rows[left++] = first;
		if (!last.is_gone)
			rows[left++] = last;
	}
	return left;
}

/* Copies of the rows that go, in the order of rows. */
static enum kodo_err
gone_note(struct merge *m, const struct flow_order_row *rows, size_t n)
{
	struct flow_order_row *gone = arena_alloc(m->a, (n + 1) * sizeof(*gone));
	size_t i;

	if (gone == NULL)
		return KODO_ENOMEM;
	for (i = 0; i < n; i++)
		if (rows[i].is_gone)
			gone[m->n_gone++] = rows[i];
	m->gone = gone;
	return KODO_OK;
}

/* --- comparing --- */

/* A row in the store: what goes is not in the record of its node any more. */
static enum kodo_err
entry_key(struct merge *m, struct flow_order_entry at, struct row_key *out)
{
	const struct flow_order_row key = { .key = { .at = at } }, *gone;

	gone = m->n_gone == 0
	    ? NULL
	    : bsearch(&key, m->gone, m->n_gone, sizeof(key), row_gone_cmp);
	if (gone == NULL)
		return row_key_get(m->t, m->a, at, out);
	*out = gone->key;
	return KODO_OK;
}

/* The row against the reader's entry at hand: by the start of the name, if that will do. */
static enum kodo_err
entry_cmp(struct merge *m, const struct flow_order_row *row, const struct block_reader *r, int *out)
{
	const struct str name = row->key.name, hint = hint_str(&r->hint);
	struct row_key have;
	enum kodo_err err = KODO_OK;

	*out = 0;
	if (!str_starts(name, hint)) {
		*out = str_cmp(name, hint);
	} else if (!row->is_gone || at_cmp(row->key.at, r->at) != 0) {
		err = entry_key(m, r->at, &have);
		if (err == KODO_OK)
			*out = row_key_cmp(&row->key, &have);
	}
	return err;
}

/* --- blocks --- */

static enum kodo_err
slot_read(struct merge *m, size_t s, struct block_reader *r)
{
	unsigned char k[4];
	struct str v = STR("");
	enum kodo_err err = KODO_OK;

	if (m->slots[s].count > 0)
		err = store_get(m->t, T_ORDER, key_u32(k, m->slots[s].block), &v);
	*r = block_reader_of(v);
	return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
}

/* The reader at the first entry of a block. */
static enum kodo_err
slot_first(struct merge *m, size_t s, struct block_reader *r)
{
	enum kodo_err err = slot_read(m, s, r);

	return err == KODO_OK && !block_next(r) ? KODO_ECORRUPT : err;
}

/* The last slot from low on whose first row is not behind the row, or low. */
static enum kodo_err
slot_find(struct merge *m, const struct flow_order_row *row, size_t low, size_t *out)
{
	size_t high = m->n_slots;
	enum kodo_err err = KODO_OK;

	for (low++; err == KODO_OK && low < high; ) {
		const size_t mid = low + (high - low) / 2;
		struct block_reader first;
		int c = 0;

		err = slot_first(m, mid, &first);
		if (err == KODO_OK)
			err = entry_cmp(m, row, &first, &c);
		if (c >= 0)
			low = mid + 1;
		else
			high = mid;
	}
	*out = low - 1;
	return err;
}

/* Make room for one more slot at place s. */
static enum kodo_err
slot_insert(struct merge *m, size_t s)
{
	if (m->n_slots == m->cap_slots) {
		size_t cap = m->cap_slots * 2 + 16;
		struct flow_order_slot *p = realloc(m->slots, cap * sizeof(*p));

		if (p == NULL)
			return KODO_ENOMEM;
		m->slots = p;
		m->cap_slots = cap;
	}
	memmove(m->slots + s + 1, m->slots + s, (m->n_slots - s) * sizeof(*m->slots));
	m->slots[s] = (struct flow_order_slot){ (uint32_t)m->h->next_block++, 0 };
	m->n_slots++;
	return KODO_OK;
}

static enum kodo_err
slot_put(struct merge *m, size_t s, const struct block_writer *w)
{
	unsigned char k[4];

	if (buf_failed(&w->out))
		return w->out.err;
	m->slots[s].count = w->n;
	return store_put(
	    m->t, T_ORDER, key_u32(k, m->slots[s].block), buf_str(&w->out));
}

/* Cut what is too much for a block into blocks of about the same size, at slot s and behind it. */
static enum kodo_err
slot_split(struct merge *m, size_t *s, const struct block_writer *all)
{
	const size_t most = all->out.len / (all->out.len / (FLOW_ORDER_BLOCK_BYTES * 3 / 4) + 1);
	struct block_reader r = block_reader_of(buf_str(&all->out));
	struct block_writer w = BLOCK_WRITER_INIT;
	bool has = block_next(&r);
	enum kodo_err err = KODO_OK;

	while (has && err == KODO_OK) {
		buf_reset(&w.out);
		w = (struct block_writer){ .out = w.out };
		for (; has && block_size(&w) <= most; has = block_next(&r))
			block_copy(&w, &r);
		block_end(&w);
		err = slot_put(m, *s, &w);
		if (has && err == KODO_OK)
			err = slot_insert(m, ++*s);
	}
	buf_free(&w.out);
	return err == KODO_OK && r.bad ? KODO_ECORRUPT : err;
}

/* *s: where the next row may belong. */
static enum kodo_err
slot_write(struct merge *m, size_t *s, const struct block_writer *w)
{
	unsigned char k[4];
	const uint32_t block = m->slots[*s].block;

	if (buf_failed(&w->out))
		return w->out.err;
	if (w->out.len > FLOW_ORDER_BLOCK_BYTES)
		return slot_split(m, s, w);
	if (w->n > 0)
		return slot_put(m, *s, w);
	memmove(m->slots + *s, m->slots + *s + 1, (m->n_slots - *s - 1) * sizeof(*m->slots));
	m->n_slots--;
	return store_del(m->t, T_ORDER, key_u32(k, block));
}

/* --- merging --- */

/* As much of the name as tells it from what stands around it. */
static struct str
hint_of(const struct block_writer *w, const struct block_reader *r, bool has,
    const struct flow_order_row *row, const struct flow_order_row *next)
{
	const struct str name = row->key.name;
	const size_t around[3] = { same_start(name, hint_str(&w->last)),
		has ? same_start(name, hint_str(&r->hint)) : 0,
		next != NULL ? same_start(name, next->key.name) : 0 };
	size_t n = 0, i;

	for (i = 0; i < 3; i++)
		n = around[i] >= n ? around[i] + 2 : n;
	n = n < HINT_MAX ? n : HINT_MAX;
	return (struct str){ name.p, name.len < n ? name.len : n };
}

/* Take the row out, or put it in, where it belongs. next: the row after it, if there is one. */
static enum kodo_err
row_merge(struct merge *m, struct block_writer *w, struct block_reader *r, bool *has,
    const struct flow_order_row *row, const struct flow_order_row *next)
{
	size_t same = SIZE_MAX; /* bytes in common with the entry before */
	int c = -1;
	enum kodo_err err = KODO_OK;

	for (; *has; *has = block_next(r)) {
		err = entry_cmp(m, row, r, &c);
		if (err != KODO_OK || c <= 0)
			break;
		same = same_start(row->key.name, hint_str(&r->hint));
		block_copy(w, r);
		/* where the row differs from this entry, those are like it */
		block_copy_like(w, r, same);
	}
	if (err != KODO_OK)
		return err;
	if (row->is_gone != (*has && c == 0))
		return KODO_ECORRUPT;
	/* of the last entry that was copied the row tells as much as is needed */
	if (same <= HINT_MAX)
		hint_set(&w->last, (struct str){ row->key.name.p, same });
	if (row->is_gone) {
		*has = block_next(r);
		w->is_in_step = false;
	} else {
		block_put(w, row->key.at, hint_of(w, r, *has, row, next));
	}
	return KODO_OK;
}

/*
 * Merge rows[0..] into slot *s as far as they belong there, into a first one if there is none yet.
 * *done: how many; *s: where the next one may belong.
 */
static enum kodo_err
slot_merge(struct merge *m, const struct flow_order_row *rows, size_t n, size_t *s, size_t *done)
{
	struct block_writer w = BLOCK_WRITER_INIT;
	struct block_reader r, behind;
	const bool is_last = *s + 1 >= m->n_slots;
	bool has = false;
	int c = -1;
	enum kodo_err err = slot_read(m, *s, &r);

	if (err == KODO_OK && !is_last)
		err = slot_first(m, *s + 1, &behind);
	if (err == KODO_OK)
		has = block_next(&r);
	for (*done = 0; err == KODO_OK && *done < n; ++*done) {
		if (!is_last)
			err = entry_cmp(m, &rows[*done], &behind, &c);
		if (err != KODO_OK || c >= 0)
			break;
		err = row_merge(m, &w, &r, &has, &rows[*done],
		    *done + 1 < n ? &rows[*done + 1] : NULL);
	}
	if (err == KODO_OK && has)
		block_copy_rest(&w, &r);
	block_end(&w);
	if (err == KODO_OK && (r.bad || r.n != m->slots[*s].count))
		err = KODO_ECORRUPT;
	if (err == KODO_OK)
		err = slot_write(m, s, &w);
	buf_free(&w.out);
	return err;
}

static enum kodo_err
dir_read(struct merge *m)
{
	struct str dir;
	enum kodo_err err = order_dir_get(m->t, &dir);

	if (err != KODO_OK)
		return err;
	m->n_slots = dir.len / sizeof(*m->slots);
	m->cap_slots = m->n_slots + 16;
	m->slots = malloc(m->cap_slots * sizeof(*m->slots));
	if (m->slots == NULL)
		return KODO_ENOMEM;
	if (dir.len > 0)
		memcpy(m->slots, dir.p, dir.len);
	return KODO_OK;
}

static enum kodo_err
dir_put(struct merge *m)
{
	const struct str dir = { (const char *)m->slots, m->n_slots * sizeof(*m->slots) };
	unsigned char k[4];

	return store_put(m->t, T_ORDER, key_u32(k, ORDER_DIR), dir);
}

static enum kodo_err
rows_merge(struct merge *m, struct flow_order_row *rows, size_t n)
{
	size_t i, done, s = 0;
	enum kodo_err err = gone_note(m, rows, n);

	qsort(rows, n, sizeof(*rows), row_cmp);
	if (err == KODO_OK)
		err = dir_read(m);
	if (err == KODO_OK && m->n_slots == 0)
		err = slot_insert(m, 0);
	for (i = 0; err == KODO_OK && i < n; i += done) {
		err = slot_find(m, &rows[i], s, &s);
		if (err == KODO_OK)
			err = slot_merge(m, &rows[i], n - i, &s, &done);
	}
	if (err == KODO_OK)
		err = dir_put(m);
	free(m->slots);
	return err;
}

enum kodo_err
flow_order_save(struct txn *t, struct head *h, struct flow_order *ix)
{
	const size_t n = rows_reduce(ix->rows, ix->n);
	struct merge m = { .t = t, .h = h, .a = ix->a };
	enum kodo_err err = n == 0 ? KODO_OK : rows_merge(&m, ix->rows, n);

	if (err == KODO_OK)
		flow_order_free(ix);
	return err;
}
