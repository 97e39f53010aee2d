/* What flow_order_check finds, and what is refused of a damaged list. */
#include "flow_order_help.h"

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

/* A directory with slot i set. */
static struct str
with(struct str whole, size_t i, uint32_t first, uint32_t second)
{
	struct str s = bytes_of(whole.p, whole.len);
	const uint32_t pair[2] = { first, second };

	memcpy((char *)(uintptr_t)s.p + i * 8, pair, 8);
	return s;
}

/* A block whose entry i is of that flow, under that start of a name or, null, the old one. */
static struct str
with_entry(struct str block, size_t i, uint32_t node, uint32_t flow, const char *hint)
{
	struct block_reader r = block_reader_of(block);
	struct block_writer w = BLOCK_WRITER_INIT;
	struct str s;

	while (block_next(&r)) {
		const bool is_it = r.n == i + 1;
		const struct flow_order_entry at = { is_it ? node : r.at.node,
			is_it ? flow : r.at.flow };

		block_put(&w, at, is_it && hint != NULL ? str_of(hint) : hint_str(&r.hint));
	}
	block_end(&w);
	s = bytes_of(w.out.p, w.out.len);
	buf_free(&w.out);
	return s;
}

#define N	(6 * FLOWS_MAX)	/* rows of the list below: more than a block has */

static const struct flow_order_entry *
list_make(struct flow_order_slot *a, struct flow_order_slot *b)
{
	const struct flow_order_entry *e;
	uint32_t node;
	size_t n;

	for (node = 2; node < 8; node++)
		node_add(node, FLOWS_MAX);
	assert_whole();
	*a = slot_at(0);
	*b = slot_at(1);
	must(flow_order_page(&db.t, scratch.a, 0, N, &e, &n));
	assert_int_equal(n, N);
	return e;
}

static void
check_finds_damage_of_the_directory(void **state)
{
	struct flow_order_slot a, b;
	const struct flow_order_entry *none;
	struct str dir, other;
	size_t n;

	(void)state;
	list_make(&a, &b);
	dir = directory();
	other = raw_get(T_ORDER, block_key(b.block));
	damage(0, bytes_of(dir.p, dir.len - 4));
	damage(0, with(dir, 0, 99, a.count));
	damage(0, with(dir, 0, a.block, a.count - 1));
	damage(0, with(dir, 1, b.block, b.count + 1));
	damage(0, with(dir, 1, a.block, a.count));	/* a block twice */
	damage(0, with(with(dir, 0, b.block, b.count), 1, a.block, a.count));
	damage(0, with(dir, 0, a.block, 0));
	raw_put(T_ORDER, block_key(b.block), bytes_of(other.p, 8));
	assert_int_equal(flow_order_page(&db.t, scratch.a, 0, N, &none, &n), KODO_ECORRUPT);
	assert_true(none == NULL && n == 0);
}

static void
check_finds_damage_of_blocks(void **state)
{
	struct flow_order_slot a, b;
	const struct flow_order_entry *e = list_make(&a, &b);
	struct str block = raw_get(T_ORDER, block_key(a.block));
	struct str other = raw_get(T_ORDER, block_key(b.block));

	(void)state;
	damage(a.block, STR_NULL);
	damage(b.block, STR(""));
	damage(a.block, bytes_of(block.p, block.len - 8));
	damage(a.block, bytes_of(block.p, block.len - 1));
	damage(b.block, bytes_of(other.p, other.len - 1));
	/* entries */
	damage(a.block, with_entry(with_entry(block, 0, e[1].node, e[1].flow, NULL), 1, e[0].node,
	    e[0].flow, NULL));
	damage(a.block, with_entry(block, 7, e[6].node, e[6].flow, NULL));	/* twice */
	damage(a.block, with_entry(block, a.count - 1, e[a.count].node, e[a.count].flow, NULL));
	damage(b.block, with_entry(other, 0, e[a.count - 1].node, e[a.count - 1].flow, NULL));
	damage(a.block, with_entry(block, 7, e[7].node, FLOWS_MAX, NULL));	/* no such flow */
	damage(b.block, with_entry(other, 7, 99, 0, NULL));	/* no such node */
	damage(a.block, with_entry(block, 7, e[7].node, e[7].flow, "x"));	/* no such name */
	/* a number of six bytes; one over 32 bits; more in common than there is */
	damage(a.block, STR("\200\200\200\200\200\1\0\0\0"));
	damage(a.block, STR("\377\377\377\377\37\0\0\0"));
	damage(a.block, STR("\2\0\1\0"));
	damage(a.block, STR("\2\0\0\41abcdefghijklmnopqrstuvwxyz0123456789"));
	damage(a.block, STR("\2\0\0"));
}

static void
block_over_its_ceiling(void **state)
{
	struct flow_order_slot a, b;
	struct block_writer w = BLOCK_WRITER_INIT;
	struct flow_order_slot slot = { 1, N };
	const struct flow_order_entry *e = list_make(&a, &b);
	size_t i;

	(void)state;
	for (i = 0; i < N; i++)
		block_put(&w, e[i], STR(""));
	raw_put(T_ORDER, block_key(0), bytes_of(&slot, sizeof(slot)));
	raw_put(T_ORDER, block_key(1), buf_str(&w.out));
	buf_free(&w.out);
	assert_damaged();
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

static void
assert_refused(uint32_t node, struct str bytes, bool is_gone)
{
	uint32_t row = 0;

	if (is_gone)
		must(flow_order_remove(&ix, node, bytes, &row, 1));
	else
		must(flow_order_add(&ix, node, bytes, &row, 1));
	assert_int_equal(flow_order_save(&db.t, &db.head, &ix), KODO_ECORRUPT);
	flow_order_free(&ix);
}

static void
changes_of_a_damaged_list(void **state)
{
	struct str bytes = record_of(2, 300, 0), dir, block;
	struct flow_order_slot slot;
	size_t i;

	(void)state;
	node_add(2, 300);
	record_put(1, record_of(1, 1, 0));
	assert_whole();
	dir = directory();
	slot = slot_at(0);
	block = raw_get(T_ORDER, block_key(slot.block));
	raw_put(T_ORDER, block_key(0), bytes_of(dir.p, 7));
	assert_refused(1, record_of(1, 1, 0), false);
	assert_refused(2, bytes, true);
	raw_put(T_ORDER, block_key(0), with(dir, 0, slot.block, slot.count + 1));
	assert_refused(1, record_of(1, 1, 0), false);
	assert_refused(2, bytes, true);
	raw_put(T_ORDER, block_key(0), dir);
	for (i = 0; i < 3; i++) {
		/* a block that is cut off, one that is not there, one of a node that is not */
		raw_put(T_ORDER, block_key(slot.block), bytes_of(block.p, block.len - 1));
		if (i == 1)
			must(store_del(&db.t, T_ORDER, block_key(slot.block)));
		if (i == 2)
			raw_put(T_ORDER, block_key(slot.block),
			    with_entry(block, 0, 9, 0, ""));
		assert_refused(1, record_of(1, 1, 0), false);
		assert_refused(2, bytes, true);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ORDER_TEST(check_finds_damage_of_the_directory),
		ORDER_TEST(check_finds_damage_of_blocks),
		ORDER_TEST(block_over_its_ceiling),
		ORDER_TEST(check_finds_damaged_nodes),
		ORDER_TEST(changes_of_a_damaged_list),
	};

	return cmocka_run_group_tests_name("flow_order_damage", tests, NULL, NULL);
}
