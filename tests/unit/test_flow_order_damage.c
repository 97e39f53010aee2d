/* What flow_order_check finds, and what is refused of a damaged list. */
#include "flow_order_help.h"

#define PAGE	10000u	/* of flow_order_check */

static void
assert_damaged(void)
{
	struct why why = { "" };
	uint64_t n;

	assert_int_equal(flow_order_check(&db.t, &n, &why), KODO_ECORRUPT);
	assert_non_null(strstr(why.text, "damaged after"));
	assert_int_equal(flow_order_check(&db.t, &n, NULL), KODO_ECORRUPT);
}

/* Change one record of T_ORDER, see that the check finds it, and mend it. */
static void
damage(uint32_t block, struct str value)
{
	struct str whole = raw_get(T_ORDER, block_key(block));
	uint64_t n;

	assert_non_null(whole.p);
	if (value.p == NULL)
		must(store_del(&db.t, T_ORDER, block_key(block)));
	else
		raw_put(T_ORDER, block_key(block), value);
	assert_damaged();
	raw_put(T_ORDER, block_key(block), whole);
	must(flow_order_check(&db.t, &n, NULL));
}

/* A list of blocks with entry i set to e; or a directory with slot i set. */
static struct str
with(struct str whole, size_t i, uint32_t first, uint32_t second)
{
	struct str s = bytes_of(whole.p, whole.len);
	const uint32_t pair[2] = { first, second };

	memcpy((char *)(uintptr_t)s.p + i * 8, pair, 8);
	return s;
}

static void
check_finds_damage(void **state)
{
	struct flow_order_slot a, b;
	const struct flow_order_entry *e, *none;
	struct str block, other;
	size_t n;

	(void)state;
	node_add(2, 300);
	assert_whole();
	a = slot_at(0);
	b = slot_at(1);
	must(flow_order_page(&db.t, scratch.a, 0, 300, &e, &n));
	block = raw_get(T_ORDER, block_key(a.block));
	other = raw_get(T_ORDER, block_key(b.block));
	/* the directory */
	damage(0, bytes_of(directory().p, 12));
	damage(0, with(with(STR("0123456701234567+"), 0, a.block, a.count), 1, b.block, b.count));
	damage(0, with(directory(), 0, 99, a.count));
	damage(0, with(directory(), 0, a.block, a.count - 1));
	damage(0, with(directory(), 1, b.block, b.count + 1));
	damage(0, with(directory(), 1, a.block, a.count));	/* a block twice */
	damage(0, with(with(directory(), 0, b.block, b.count), 1, a.block, a.count));
	damage(0, with(directory(), 0, a.block, 0));
	raw_put(T_ORDER, block_key(b.block), bytes_of(other.p, 8));
	assert_int_equal(flow_order_page(&db.t, scratch.a, 0, 300, &none, &n), KODO_ECORRUPT);
	assert_true(none == NULL && n == 0);
	raw_put(T_ORDER, block_key(b.block), other);
	/* blocks */
	damage(a.block, STR_NULL);
	damage(b.block, STR(""));
	damage(a.block, bytes_of(block.p, block.len - 8));
	damage(a.block, bytes_of(block.p, block.len - 1));
	damage(b.block, bytes_of(other.p, other.len - 1));
	/* entries */
	damage(a.block, with(with(block, 0, 2, e[1].flow), 1, 2, e[0].flow));
	damage(a.block, with(block, 7, 2, e[6].flow));		/* twice */
	damage(a.block, with(block, a.count - 1, 2, e[a.count].flow));	/* in both blocks */
	damage(a.block, with(block, 7, 2, 300));		/* no such flow */
	damage(b.block, with(other, 7, 3, 0));			/* no such node */
}

static void
block_over_its_ceiling(void **state)
{
	const uint32_t n = FLOW_ORDER_BLOCK_MAX + 1;
	struct flow_order_slot slot = { 1, n };
	struct flow_order_entry *e = arena_alloc(scratch.a, n * sizeof(*e));
	uint32_t i, row = 0;

	(void)state;
	record_put(1, record_of(1, n, 0));
	model_add(1, 0, n, 0);
	for (i = 0; i < n; i++)
		e[i] = model.rows[i].at;
	raw_put(T_ORDER, block_key(0), bytes_of(&slot, sizeof(slot)));
	raw_put(T_ORDER, block_key(1), bytes_of(e, n * sizeof(*e)));
	assert_damaged();
	assert_int_equal(flow_order_add(&db.t, &db.head, &ix, 1, &row, 1), KODO_ECORRUPT);
}

static void
check_finds_damaged_nodes(void **state)
{
	struct str bytes;
	struct why why;
	uint64_t n;

	(void)state;
	node_add(1, 20);
	bytes = record_of(2, 20, 0);
	node_add(2, 20);
	assert_whole();
	must(record_del_seen(&db.t, 2));
	assert_damaged();
	record_put(2, STR("no node"));
	assert_damaged();
	record_put(2, record_of(2, 19, 0));
	assert_damaged();
	record_put(2, record_of(2, 20, 1)); /* other names */
	assert_damaged();
	record_put(2, bytes);
	must(flow_order_check(&db.t, &n, &why));
	assert_int_equal(n, 40);
}

/* Rows on both sides of where the check goes on with its next page. */
static void
check_goes_on_over_pages(void **state)
{
	const struct flow_order_entry *e;
	struct flow_order_slot s;
	uint64_t n;
	uint32_t i;
	size_t got, at = 0;

	(void)state;
	for (i = 0; i < 26; i++)
		node_add(i, FLOWS_MAX);
	assert_whole();
	assert_true(model.n > PAGE + 100);
	must(flow_order_page(&db.t, scratch.a, PAGE - 1, 2, &e, &got));
	assert_int_equal(got, 2);
	for (i = 0; at + slot_at(i).count <= PAGE; i++)
		at += slot_at(i).count;
	s = slot_at(i);
	damage(s.block, with(raw_get(T_ORDER, block_key(s.block)), PAGE - at, e[0].node,
	    e[0].flow));
	/* a damaged list is found behind the first page too */
	damage(slot_at(i + 1).block, STR_NULL);
	must(flow_order_check(&db.t, &n, NULL));
	assert_int_equal(n, model.n);
}

static void
changes_of_a_damaged_list(void **state)
{
	struct str bytes = record_of(2, 300, 0);
	uint32_t row = 0;
	size_t i;

	(void)state;
	node_add(2, 300);
	record_put(1, record_of(1, 1, 0));
	assert_whole();
	flow_order_free(&ix);
	raw_put(T_ORDER, block_key(0), bytes_of(directory().p, 15));
	assert_int_equal(flow_order_add(&db.t, &db.head, &ix, 1, &row, 1), KODO_ECORRUPT);
	assert_int_equal(flow_order_remove(&db.t, &ix, 2, bytes, &row, 1), KODO_ECORRUPT);
	assert_false(ix.is_loaded);
	raw_put(T_ORDER, block_key(0), with(STR("0123456789abcdef"), 0, 1, 150));
	raw_put(T_ORDER, block_key(0), bytes_of(directory().p, 8));
	for (i = 0; i < 2; i++) {
		/* a block that is too short for a row; one that is not there */
		raw_put(T_ORDER, block_key(1), bytes_of("1234567", 7));
		if (i == 1)
			must(store_del(&db.t, T_ORDER, block_key(1)));
		assert_int_equal(flow_order_add(&db.t, &db.head, &ix, 1, &row, 1), KODO_ECORRUPT);
		assert_int_equal(flow_order_remove(&db.t, &ix, 2, bytes, &row, 1), KODO_ECORRUPT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ORDER_TEST(check_finds_damage),
		ORDER_TEST(block_over_its_ceiling),
		ORDER_TEST(check_finds_damaged_nodes),
		ORDER_TEST(check_goes_on_over_pages),
		ORDER_TEST(changes_of_a_damaged_list),
	};

	return cmocka_run_group_tests_name("flow_order_damage", tests, NULL, NULL);
}
