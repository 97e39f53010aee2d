/* For tests of the default order: a list in the store, and a sorted array that it should equal. */
#ifndef FLOW_ORDER_HELP_H
#define FLOW_ORDER_HELP_H

#include "core/records/flow_order_private.h"
#include "records_help.h"

#define NODES		40u
#define FLOWS_MAX	400u	/* of a node in random changes */

/* A row as it should be: texts with the entry. */
struct row {
	char name[64], url[48];
	struct flow_order_entry at;
};

/* What should be in the list, in its order; and how many flows each node has. */
static struct {
	struct row *rows;
	size_t n;
	uint32_t flows[NODES];
	unsigned seed;
} model;

static struct flow_order ix;

static inline int
order_setup(void **state)
{
	memset(&model, 0, sizeof(model));
	model.rows = calloc(NODES * FLOWS_MAX, sizeof(*model.rows));
	model.seed = 1;
	return model.rows == NULL ? -1 : records_setup(state);
}

static inline int
order_teardown(void **state)
{
	free(model.rows);
	flow_order_free(&ix);
	assert_true(ix.rows == NULL && ix.n == 0 && ix.a == NULL);
	return records_teardown(state);
}

static inline unsigned
draw(unsigned below)
{
	model.seed = model.seed * 1103515245u + 12345u;
	return (model.seed >> 8) % below;
}

static inline int
row_cmp(const void *x, const void *y)
{
	const struct row *a = x, *b = y;
	int c = strcmp(a->name, b->name);

	if (c == 0)
		c = strcmp(a->url, b->url);
	if (c == 0)
		c = (a->at.node > b->at.node) - (a->at.node < b->at.node);
	return c != 0 ? c : (a->at.flow > b->at.flow) - (a->at.flow < b->at.flow);
}

/*
 * The name of a flow: few, so that urls and ids decide too, some with escapes in JSON, some longer
 * than what blocks hold of a name, and the starts of others.
 */
static inline const char *
name_of(uint32_t node, uint32_t flow, unsigned form)
{
	static const char *const forms[] = { "name ", "n\"", "\n", "\xc3\xa4",
		"a name that has more than 32 bytes ", "" };
	const unsigned n = (node * 7 + flow * 13 + form * 5) % 90;

	return arena_printf(scratch.a, "%s%.*u", forms[n % 6], (int)(n % 5), n);
}

/* Pairs of nodes have one url, so that ids decide. */
static inline const char *
url_of(uint32_t node)
{
	return arena_printf(scratch.a, "http://n%u:1", node / 2);
}

static inline struct str
record_of(uint32_t node, uint32_t n, unsigned form)
{
	struct flow *flows = arena_zalloc(scratch.a, (n + 1) * sizeof(*flows));
	uint32_t i;

	for (i = 0; i < n; i++) {
		flows[i].url = str_of(arena_printf(scratch.a, "/%u", i % 50));
		flows[i].name = str_of(name_of(node, i, form));
	}
	return pack(url_of(node), flows, n);
}

static inline struct str
record_put(uint32_t node, struct str bytes)
{
	must(record_put_seen(&db.t, node, &(struct statement){ .bytes = bytes }));
	return bytes;
}

static inline uint32_t *
rows_of(uint32_t from, uint32_t to)
{
	uint32_t *rows = arena_alloc(scratch.a, (to - from + 1) * sizeof(*rows)), i;

	for (i = from; i < to; i++)
		rows[i - from] = i;
	return rows;
}

static inline void
model_add(uint32_t node, uint32_t from, uint32_t to, unsigned form)
{
	for (; from < to; from++) {
		struct row *r = &model.rows[model.n++];

		r->at = (struct flow_order_entry){ node, from };
		snprintf(r->name, sizeof(r->name), "%s", name_of(node, from, form));
		snprintf(r->url, sizeof(r->url), "%s/flows/%u", url_of(node), from % 50);
	}
	qsort(model.rows, model.n, sizeof(*model.rows), row_cmp);
}

static inline void
model_remove(uint32_t node, uint32_t from, uint32_t to)
{
	size_t i, n = 0;

	for (i = 0; i < model.n; i++)
		if (model.rows[i].at.node != node || model.rows[i].at.flow < from ||
		    model.rows[i].at.flow >= to)
			model.rows[n++] = model.rows[i];
	model.n = n;
}

/* The node's record is in place. */
static inline void
add(uint32_t node, uint32_t from, uint32_t to, unsigned form)
{
	struct statement s;

	must(record_get_seen(&db.t, node, &s));
	must(flow_order_add(&ix, node, s.bytes, rows_of(from, to), to - from));
	model_add(node, from, to, form);
}

static inline void
take_out(uint32_t node, struct str bytes, uint32_t from, uint32_t to)
{
	must(flow_order_remove(&ix, node, bytes, rows_of(from, to), to - from));
	model_remove(node, from, to);
}

/* n flows of a node of its own. */
static inline void
node_add(uint32_t node, uint32_t n)
{
	record_put(node, record_of(node, n, 0));
	model.flows[node] = n;
	add(node, 0, n, 0);
}

static inline void
assert_page(uint64_t skip, uint64_t take)
{
	const struct flow_order_entry *e;
	const size_t left = skip < model.n ? model.n - (size_t)skip : 0;
	size_t n, i;

	must(flow_order_page(&db.t, scratch.a, skip, take, &e, &n));
	assert_int_equal(n, take < left ? take : left);
	for (i = 0; i < n; i++)
		assert_memory_equal(&e[i], &model.rows[skip + i].at, sizeof(*e));
}

static inline struct str
block_key(uint32_t id)
{
	static unsigned char k[4];

	return key_u32(k, id);
}

static inline struct str
directory(void)
{
	return raw_get(T_ORDER, block_key(0));
}

static inline struct flow_order_slot
slot_at(size_t i)
{
	const struct str dir = directory();
	struct flow_order_slot slot = { 0, 0 };

	if (dir.p == NULL || dir.len < (i + 1) * sizeof(slot))
		scratch_fail("there is no slot %zu", i);
	else
		memcpy(&slot, dir.p + i * sizeof(slot), sizeof(slot));
	return slot;
}

static inline void
save(void)
{
	must(flow_order_save(&db.t, &db.head, &ix));
}

/* Every block is in the directory, once, with what it holds. */
static inline void
assert_shape(void)
{
	const size_t n = directory().len / sizeof(struct flow_order_slot);
	size_t i, all = 0;

	for (i = 0; i < n; i++) {
		const struct flow_order_slot s = slot_at(i);
		const size_t len = raw_get(T_ORDER, block_key(s.block)).len;

		assert_true(s.block > 0 && s.block < db.head.next_block);
		assert_true(s.count > 0 && len >= 4 * s.count && len <= FLOW_ORDER_BLOCK_BYTES);
		all += s.count;
	}
	assert_int_equal(all, model.n);
	assert_int_equal(count(T_ORDER), n + (directory().p != NULL));
}

static inline void
assert_whole(void)
{
	uint64_t n = 0;

	save();
	assert_shape();
	assert_page(0, UINT64_MAX);
	must(flow_order_check(&db.t, &n, NULL));
	assert_int_equal(n, model.n);
}

#define ORDER_TEST(fn) cmocka_unit_test_setup_teardown(fn, order_setup, order_teardown)

#endif
