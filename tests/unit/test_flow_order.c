#include "flow_order_help.h"

#define ROUNDS	400u

static void
nothing_is_there(void **state)
{
	uint64_t n = 9;

	(void)state;
	assert_page(0, 10);
	assert_page(UINT64_MAX, UINT64_MAX);
	must(flow_order_check(&db.t, &n, NULL));
	assert_int_equal(n, 0);
	must(flow_order_save(&db.t, &ix)); /* not loaded, nothing to write */
	record_put(1, record_of(1, 3, 0));
	add(1, 0, 0, 0);
	take_out(1, record_of(1, 3, 0), 0, 0);
	must(flow_order_save(&db.t, &ix));
	assert_int_equal(count(T_ORDER), 0);
	flow_order_free(&ix);
	flow_order_free(&ix);
}

/* Nodes come, go and change, as a whole or in some flows; at times the directory is read anew. */
static void
random_changes(void **state)
{
	unsigned form[NODES] = { 0 }, i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		const uint32_t node = draw(NODES), n = model.flows[node];
		const uint32_t from = n > 0 ? draw(n) : 0;
		const uint32_t to = n > 0 ? from + draw(n - from + 1) : 0;
		struct str bytes = record_of(node, n, form[node]);

		if (n == 0) {
			model.flows[node] = 1 + draw(FLOWS_MAX);
			form[node] = draw(3);
			record_put(node, record_of(node, model.flows[node], form[node]));
			add(node, 0, model.flows[node], form[node]);
		} else if (draw(3) == 0) {
			take_out(node, bytes, 0, n);
			must(record_del_seen(&db.t, node));
			model.flows[node] = 0;
		} else {
			take_out(node, bytes, from, to);
			add(node, from, to, form[node]);
		}
		if (i % 10 == 0)
			assert_whole();
		if (i % 7 == 0) {
			must(flow_order_save(&db.t, &ix));
			flow_order_free(&ix);
		}
		arena_reset(scratch.a);
	}
	assert_true(model.n > 2000);
	assert_whole();
	for (i = 0; i < NODES; i++)
		take_out(i, record_of(i, model.flows[i], form[i]), 0, model.flows[i]);
	assert_whole();
	assert_int_equal(model.n, 0);
	assert_int_equal(count(T_ORDER), 1); /* the directory alone */
}

static void
pages_at_every_depth(void **state)
{
	static const uint64_t takes[] = { 0, 1, 3, 250, 251, 600, UINT64_MAX };
	uint64_t skip;
	size_t i;

	(void)state;
	node_add(3, 400);
	node_add(2, 400);
	node_add(7, 130);
	must(flow_order_save(&db.t, &ix));
	assert_true(directory().len / sizeof(struct flow_order_slot) >= 4);
	for (skip = 0; skip <= model.n + 1; skip++)
		for (i = 0; i < sizeof(takes) / sizeof(takes[0]); i++)
			assert_page(skip, takes[i]);
	assert_page(UINT64_MAX, 5);
}

static void
full_block_is_split(void **state)
{
	(void)state;
	node_add(1, FLOW_ORDER_BLOCK_MAX);
	assert_whole();
	assert_int_equal(directory().len, 8);
	assert_int_equal(db.head.next_block, 2);
	node_add(2, 1);
	assert_whole();
	assert_int_equal(directory().len, 16);
	assert_int_equal(db.head.next_block, 3);
	/* in two halves */
	assert_true(slot_at(0).count >= 125 && slot_at(0).count <= 126);
	assert_true(slot_at(1).count >= 125 && slot_at(1).count <= 126);
}

/* Take out the rows of block i alone, which goes with them. */
static void
block_take_out(uint32_t node, uint32_t n_flows, size_t i)
{
	const struct flow_order_slot gone = slot_at(i);
	uint32_t rows[FLOW_ORDER_BLOCK_MAX];
	size_t first = 0, k;

	for (k = 0; k < i; k++)
		first += slot_at(k).count;
	for (k = 0; k < gone.count; k++)
		rows[k] = model.rows[first + k].at.flow;
	must(flow_order_remove(&db.t, &ix, node, record_of(node, n_flows, 0), rows, gone.count));
	memmove(model.rows + first, model.rows + first + gone.count,
	    (model.n - first - gone.count) * sizeof(*model.rows));
	model.n -= gone.count;
	assert_whole();
	assert_null(raw_get(T_ORDER, block_key(gone.block)).p);
}

static void
empty_block_goes(void **state)
{
	size_t n;

	(void)state;
	node_add(2, 1000);
	assert_whole();
	n = directory().len / 8;
	assert_true(n >= 5);
	block_take_out(2, 1000, 2);	/* in the middle, at the end, at the beginning */
	block_take_out(2, 1000, n - 2);
	block_take_out(2, 1000, 0);
	for (n -= 3; n > 0; n--)
		block_take_out(2, 1000, 0);
	assert_int_equal(model.n, 0);
	node_add(1, 1); /* a list that was emptied, and one of a single row */
	assert_whole();
	assert_int_equal(directory().len, 8);
}

/* What is written is what was changed: the directory by save alone, and only once. */
static void
directory_is_written_by_save(void **state)
{
	(void)state;
	node_add(1, 5);
	assert_null(directory().p);
	assert_true(ix.is_loaded && ix.is_dirty);
	must(flow_order_save(&db.t, &ix));
	assert_false(ix.is_dirty);
	assert_int_equal(directory().len, 8);
	must(store_del(&db.t, T_ORDER, block_key(0)));
	must(flow_order_save(&db.t, &ix));
	assert_null(directory().p); /* nothing to write */
	take_out(1, record_of(1, 5, 0), 2, 3);
	assert_true(ix.is_dirty);
	assert_whole();
}

/* --- what is refused --- */

static void
rows_that_are_not_there(void **state)
{
	struct str bytes = record_of(1, 5, 0), unpacked = STR("no node");
	uint32_t row = 5;

	(void)state;
	assert_int_equal(flow_order_add(&db.t, &db.head, &ix, 1, &row, 1), KODO_ENOTFOUND);
	record_put(1, bytes);
	assert_int_equal(flow_order_add(&db.t, &db.head, &ix, 1, &row, 1), KODO_ECORRUPT);
	assert_int_equal(flow_order_remove(&db.t, &ix, 1, bytes, &row, 1), KODO_ECORRUPT);
	row = 2;
	assert_int_equal(flow_order_remove(&db.t, &ix, 1, bytes, &row, 1), KODO_ECORRUPT);
	add(1, 0, 2, 0);
	add(1, 3, 5, 0);
	assert_int_equal(flow_order_remove(&db.t, &ix, 1, bytes, &row, 1), KODO_ECORRUPT);
	assert_int_equal(flow_order_remove(&db.t, &ix, 1, unpacked, &row, 1), KODO_ECORRUPT);
	assert_whole();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ORDER_TEST(nothing_is_there),
		ORDER_TEST(random_changes),
		ORDER_TEST(pages_at_every_depth),
		ORDER_TEST(full_block_is_split),
		ORDER_TEST(empty_block_goes),
		ORDER_TEST(directory_is_written_by_save),
		ORDER_TEST(rows_that_are_not_there),
	};

	return cmocka_run_group_tests_name("flow_order", tests, NULL, NULL);
}
