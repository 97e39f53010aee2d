#include <limits.h>

#include "core/base/limit.h"
#include "core/query/order_private.h"
#include "core/query/sort.h"

/*
 * The page of rows skip to skip + take - 1 in one pass. Up to limit rows are held. At limit, the
 * best skip + take of them are selected and the others' slots are free again; the worst row kept is
 * the bar: a later row beyond it costs one comparison and is not held. Selecting and sorting is by
 * quickselect and quicksort on eight bytes of each row as a number; the next eight bytes count only
 * among rows that are equal in these.
 */

#define HELD_MIN	4096u	/* rows held before the first selection */
#define CHUNK_ENTRIES	512u
#define SMALL		12u	/* rows sorted by insertion */
#define KEY_NULL	UINT64_MAX	/* after all others; no text and no time has it */

/*
 * A row held: an entry of words and a key, the eight bytes that are compared now. The entry: ref; a
 * word for each key of the order (a text's address, or a time as a number); where tags are a key,
 * the address of the memory for them; the lengths of the texts, and of that memory, as uint32_t.
 */
struct held {
	uint64_t key;
	uint64_t *entry;
};

struct chunk {
	struct chunk *next;
	size_t n;
	uint64_t entries[];
};

struct sorter {
	struct arena *a;
	const struct order *order;
	size_t skip;
	size_t best;		/* skip + take */
	size_t limit;		/* rows held at most */
	size_t n;		/* rows held */
	size_t entry_words;
	size_t lengths_at;	/* word of the lengths in an entry */
	unsigned tags_key;	/* the place of tags among the keys; order->n: none */
	struct chunk *first;
	struct chunk *last;
	struct held *held;	/* since the first selection; from n on, free slots */
	const uint64_t *bar;	/* the worst entry kept; NULL: none yet */
	uint64_t bar_key;	/* its first key */
	uint64_t random;
	char *joined;		/* tags of the present row */
	size_t joined_cap;
};

/* The place in a row that is compared now. */
struct level {
	unsigned key;		/* of the order; order->n: the ref; one more: the end */
	size_t offset;		/* in a text */
};

static inline uint32_t *
entry_lengths(const struct sorter *s, uint64_t *e)
{
	return (uint32_t *)(void *)(e + s->lengths_at);
}

static inline struct str
entry_text(const struct sorter *s, const uint64_t *e, unsigned key)
{
	const uint32_t *lengths = (const uint32_t *)(const void *)(e + s->lengths_at);

	return (struct str){ (const char *)(uintptr_t)e[1 + key], lengths[key] };
}

/* Eight bytes of a text as a number; bytes behind its end count as zeros, which no text has. */
static inline uint64_t
text_chunk(struct str t, size_t offset)
{
	uint64_t v = 0;

	if (offset >= t.len)
		return 0;
	if (t.len - offset >= sizeof(v))
		memcpy(&v, t.p + offset, sizeof(v));
	else
		memcpy(&v, t.p + offset, t.len - offset);
	return __builtin_bswap64(v);
}

/* A text as key. UTF-8 has no byte FF, so neither form reaches KEY_NULL. */
static inline uint64_t
text_key(struct str t, size_t offset, bool descending)
{
	uint64_t v;

	if (t.p == NULL)
		return KEY_NULL;
	v = text_chunk(t, offset);
	return descending ? ~v - 1 : v;
}

static uint64_t
time_key(int64_t us, bool descending)
{
	uint64_t v = (uint64_t)us ^ (1ull << 63);

	return us == 0 ? KEY_NULL : descending ? ~v : v;
}

static inline uint64_t
entry_key(const struct sorter *s, const uint64_t *e, struct level at)
{
	if (at.key == s->order->n)
		return e[0];
	if (s->order->keys[at.key].type == QUERY_TYPE_TIME)
		return e[1 + at.key];
	return text_key(entry_text(s, e, at.key), at.offset, s->order->keys[at.key].descending);
}

/* The level behind at for entries that have the same key there. */
static struct level
next_level(const struct sorter *s, struct level at, uint64_t key)
{
	const struct order_key *k = &s->order->keys[at.key];
	uint64_t chunk;

	if (at.key < s->order->n && k->type != QUERY_TYPE_TIME && key != KEY_NULL) {
		chunk = k->descending ? ~(key + 1) : key;
		if ((chunk & 0xFF) != 0)
			return (struct level){ at.key, at.offset + 8 };
	}
	return (struct level){ at.key + 1, 0 };
}

static bool
is_end(const struct sorter *s, struct level at)
{
	return at.key > s->order->n;
}

/* Neither is null. */
static int
text_compare(const struct order_key *k, struct str a, struct str b)
{
	return k->descending ? str_cmp(b, a) : str_cmp(a, b);
}

static int
entry_compare(const struct sorter *s, const uint64_t *a, const uint64_t *b)
{
	const struct order_key *k;
	struct str x, y;
	unsigned i;
	int c;

	for (i = 0; i < s->order->n; i++) {
		k = &s->order->keys[i];
		if (k->type == QUERY_TYPE_TIME) {
			if (a[1 + i] != b[1 + i])
				return a[1 + i] < b[1 + i] ? -1 : 1;
			continue;
		}
		x = entry_text(s, a, i);
		y = entry_text(s, b, i);
		if (x.p == NULL || y.p == NULL)
			c = (x.p == NULL) - (y.p == NULL);
		else
			c = text_compare(k, x, y);
		if (c != 0)
			return c;
	}
	return (a[0] > b[0]) - (a[0] < b[0]);
}

static void
load_keys(const struct sorter *s, struct held *h, size_t n, struct level at)
{
	size_t i;

	for (i = 0; i < n; i++)
		h[i].key = entry_key(s, h[i].entry, at);
}

static void
swap(struct held *a, struct held *b)
{
	struct held t = *a;

	*a = *b;
	*b = t;
}

/* The median of three, two of them random: nobody can prepare an input that sorts slowly. */
static uint64_t
pick_pivot(struct sorter *s, const struct held *h, size_t n)
{
	uint64_t a, b, c;

	s->random = s->random * 6364136223846793005ull + 1442695040888963407ull;
	a = h[(s->random >> 33) % n].key;
	b = h[n / 2].key;
	c = h[(s->random >> 13) % n].key;
	return a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
}

/* Keys smaller than pivot to the front, equal ones to *low .. *high - 1, greater ones behind. */
static void
partition(struct held *h, size_t n, uint64_t pivot, size_t *low, size_t *high)
{
	size_t lt = 0, i = 0, gt = n;

	while (i < gt) {
		if (h[i].key < pivot)
			swap(&h[i++], &h[lt++]);
		else if (h[i].key > pivot)
			swap(&h[i], &h[--gt]);
		else
			i++;
	}
	*low = lt;
	*high = gt;
}

/* Bring the best k of n (0 < k <= n) to the front, the worst of them to h[k - 1]. */
static void
select_best(struct sorter *s, struct held *h, size_t n, size_t k)
{
	struct level at = { 0, 0 };
	uint64_t pivot;
	size_t low, high;

	load_keys(s, h, n, at);
	while (n > 1) {
		pivot = pick_pivot(s, h, n);
		partition(h, n, pivot, &low, &high);
		if (k <= low) {
			n = low;
		} else if (k > high) {
			h += high;
			n -= high;
			k -= high;
		} else {
			h += low;
			n = high - low;
			k -= low;
			at = next_level(s, at, pivot);
			if (is_end(s, at))
				return;
			load_keys(s, h, n, at);
		}
	}
}

static void
sort_small(const struct sorter *s, struct held *h, size_t n)
{
	struct held t;
	size_t i, k;

	for (i = 1; i < n; i++) {
		t = h[i];
		for (k = i; k > 0 && entry_compare(s, h[k - 1].entry, t.entry) > 0; k--)
			h[k] = h[k - 1];
		h[k] = t;
	}
}

struct part {
	struct held *h;
	size_t n;
	struct level at;
};

/*
 * Sort entries whose keys are loaded. Recursion for the two smaller of three parts, the loop for
 * the largest: the stack stays flat.
 */
static void
sort_loaded(struct sorter *s, struct part p)
{
	struct part parts[3];
	uint64_t pivot;
	size_t low, high, largest, i;

	while (p.n > SMALL && !is_end(s, p.at)) {
		pivot = pick_pivot(s, p.h, p.n);
		partition(p.h, p.n, pivot, &low, &high);
		parts[0] = (struct part){ p.h, low, p.at };
		parts[1] = (struct part){ p.h + low, high - low, next_level(s, p.at, pivot) };
		parts[2] = (struct part){ p.h + high, p.n - high, p.at };
		if (!is_end(s, parts[1].at))
			load_keys(s, parts[1].h, parts[1].n, parts[1].at);
		largest = parts[0].n > parts[1].n ? 0 : 1;
		largest = parts[2].n > parts[largest].n ? 2 : largest;
		for (i = 0; i < 3; i++)
			if (i != largest)
				sort_loaded(s, parts[i]);
		p = parts[largest];
	}
	if (!is_end(s, p.at))
		sort_small(s, p.h, p.n);
}

enum kodo_err
sorter_new(struct arena *a, const struct order *o, uint64_t skip, uint64_t take,
    struct sorter **out)
{
	struct sorter *s;
	unsigned i, has_tags;

	*out = NULL;
	s = arena_zalloc(a, sizeof(*s));
	if (s == NULL)
		return KODO_ENOMEM;
	s->a = a;
	s->order = o;
	s->skip = skip < SIZE_MAX / 8 ? (size_t)skip : SIZE_MAX / 8;
	s->best = s->skip + (take < SIZE_MAX / 8 ? (size_t)take : SIZE_MAX / 8);
	s->limit = s->best * 2 > HELD_MIN ? s->best * 2 : HELD_MIN;
	s->random = (uint64_t)(uintptr_t)s ^ 0x9E3779B97F4A7C15ull;
	s->tags_key = o->n;
	for (i = 0; i < o->n; i++)
		if (o->keys[i].field == QUERY_TAGS)
			s->tags_key = i;
	has_tags = s->tags_key < o->n;
	s->lengths_at = 1 + o->n + has_tags;
	s->entry_words = s->lengths_at + (o->n + has_tags + 1) / 2;
	*out = s;
	return KODO_OK;
}

static uint64_t *
new_entry(struct sorter *s)
{
	struct chunk *c = s->last;

	if (c == NULL || c->n == CHUNK_ENTRIES) {
		c = arena_zalloc(s->a,
		    sizeof(*c) + CHUNK_ENTRIES * s->entry_words * sizeof(uint64_t));
		if (c == NULL)
			return NULL;
		if (s->last == NULL)
			s->first = c;
		else
			s->last->next = c;
		s->last = c;
	}
	return c->entries + c->n * s->entry_words;
}

/* Tags sorted and joined by `+`, in s->joined: valid until the next row. */
static enum kodo_err
join_tags(struct sorter *s, const struct row *row, bool descending, struct str *out)
{
	struct str tags[LIMIT_TAGS];
	size_t n = order_row_tags(row, descending ? -1 : 1, tags), i, len = 0;

	for (i = 0; i < n; i++)
		len += tags[i].len + 1;
	if (len > s->joined_cap || s->joined == NULL) {
		s->joined_cap = len * 2 + 64;
		s->joined = arena_alloc(s->a, s->joined_cap);
		if (s->joined == NULL)
			return KODO_ENOMEM;
	}
	for (i = 0, len = 0; i < n; i++) {
		if (i > 0)
			s->joined[len++] = '+';
		if (tags[i].len > 0)
			memcpy(s->joined + len, tags[i].p, tags[i].len);
		len += tags[i].len;
	}
	*out = (struct str){ s->joined, len };
	return KODO_OK;
}

static enum kodo_err
fill_entry(struct sorter *s, uint64_t *e, const struct row *row, uint64_t ref)
{
	uint32_t *lengths = entry_lengths(s, e);
	const struct order_key *k;
	enum kodo_err err = KODO_OK;
	struct str t;
	unsigned i;

	e[0] = ref;
	for (i = 0; i < s->order->n && err == KODO_OK; i++) {
		k = &s->order->keys[i];
		if (k->type == QUERY_TYPE_TIME) {
			e[1 + i] = time_key(row_time(row, k->field), k->descending);
			continue;
		}
		if (k->field == QUERY_TAGS)
			err = join_tags(s, row, k->descending, &t);
		else
			t = row_text(row, k->field);
		if (err == KODO_OK) {
			e[1 + i] = (uint64_t)(uintptr_t)t.p;
			lengths[i] = t.len < UINT_MAX ? (uint32_t)t.len : UINT_MAX;
		}
	}
	return err;
}

/* Move the joined tags of a row that is held into memory of its slot. */
static enum kodo_err
keep_tags(struct sorter *s, uint64_t *e)
{
	uint32_t *lengths = entry_lengths(s, e), *cap = &lengths[s->order->n];
	uint64_t *own = &e[1 + s->order->n];
	struct str t = entry_text(s, e, s->tags_key);
	char *p = (char *)(uintptr_t)*own;

	if (p == NULL || *cap < t.len) {
		p = arena_alloc(s->a, t.len + 16);
		if (p == NULL)
			return KODO_ENOMEM;
		*own = (uint64_t)(uintptr_t)p;
		*cap = (uint32_t)t.len + 16;
	}
	memcpy(p, t.p, t.len);
	e[1 + s->tags_key] = *own;
	return KODO_OK;
}

/* List all entries in s->held, at the first selection. */
static enum kodo_err
gather(struct sorter *s)
{
	struct chunk *c;
	size_t n = 0, i;

	s->held = arena_alloc(s->a, s->n * sizeof(*s->held));
	if (s->held == NULL)
		return KODO_ENOMEM;
	for (c = s->first; c != NULL; c = c->next)
		for (i = 0; i < c->n; i++)
			s->held[n++].entry = c->entries + i * s->entry_words;
	return KODO_OK;
}

/* Select the rows to keep and set the bar. */
static enum kodo_err
shrink(struct sorter *s)
{
	const struct level top = { 0, 0 };

	if (s->held == NULL && gather(s) != KODO_OK)
		return KODO_ENOMEM;
	select_best(s, s->held, s->n, s->best);
	s->n = s->best;
	s->bar = s->held[s->n - 1].entry;
	s->bar_key = entry_key(s, s->bar, top);
	return KODO_OK;
}

bool
sorter_is_beyond(const struct sorter *s, struct str text, int64_t us)
{
	const struct order_key *k = &s->order->keys[0];
	uint64_t key;

	if (s->bar == NULL || s->tags_key == 0)
		return false;	/* tags are no single text yet */
	if (k->type == QUERY_TYPE_TIME)
		return time_key(us, k->descending) > s->bar_key;
	key = text_key(text, 0, k->descending);
	if (key != s->bar_key || text.len <= SORTER_START)
		return key > s->bar_key;
	return text_compare(k, text, entry_text(s, s->bar, 0)) > 0;
}

enum kodo_err
sorter_add(struct sorter *s, const struct row *row, uint64_t ref)
{
	uint64_t *e;
	enum kodo_err err;

	if (s->best == s->skip)
		return KODO_OK;	/* an empty page */
	e = s->held == NULL ? new_entry(s) : s->held[s->n].entry;
	if (e == NULL)
		return KODO_ENOMEM;
	err = fill_entry(s, e, row, ref);
	if (err != KODO_OK || (s->bar != NULL && entry_compare(s, e, s->bar) >= 0))
		return err;
	if (s->tags_key < s->order->n)
		err = keep_tags(s, e);
	if (err != KODO_OK)
		return err;
	if (s->held == NULL)
		s->last->n++;
	s->n++;
	return s->n == s->limit ? shrink(s) : KODO_OK;
}

enum kodo_err
sorter_result(struct sorter *s, const uint64_t **refs, size_t *n)
{
	size_t end = s->n < s->best ? s->n : s->best, i;
	struct level top = { 0, 0 };
	uint64_t *list;

	*refs = NULL;
	*n = 0;
	if (s->skip >= end)
		return KODO_OK;
	if (s->held == NULL && gather(s) != KODO_OK)
		return KODO_ENOMEM;
	list = arena_alloc(s->a, (end - s->skip) * sizeof(*list));
	if (list == NULL)
		return KODO_ENOMEM;
	if (end < s->n)
		select_best(s, s->held, s->n, end);
	if (s->skip > 0)
		select_best(s, s->held, end, s->skip);
	load_keys(s, s->held + s->skip, end - s->skip, top);
	sort_loaded(s, (struct part){ s->held + s->skip, end - s->skip, top });
	for (i = s->skip; i < end; i++)
		list[i - s->skip] = s->held[i].entry[0];
	*refs = list;
	*n = end - s->skip;
	return KODO_OK;
}
