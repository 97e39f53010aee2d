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
	save();
	record_put(1, record_of(1, 3, 0));
	add(1, 0, 0, 0);
	take_out(1, record_of(1, 3, 0), 0, 0);
	save();
	assert_int_equal(count(T_ORDER), 0);
	flow_order_free(&ix);
	flow_order_free(&ix);
}

/* The node's flows as they are now: in the list and in its record. */
static struct {
	unsigned form[NODES];
} have;

static void
node_come(uint32_t node)
{
	model.flows[node] = 1 + draw(FLOWS_MAX);
	have.form[node] = draw(3);
	record_put(node, record_of(node, model.flows[node], have.form[node]));
	add(node, 0, model.flows[node], have.form[node]);
}

static void
node_go(uint32_t node)
{
	take_out(node, record_of(node, model.flows[node], have.form[node]), 0, model.flows[node]);
	must(record_del_seen(&db.t, node));
	model.flows[node] = 0;
}

/* Some of its flows go and come; what is there is not another than before. */
static void
node_touch(uint32_t node)
{
	const uint32_t n = model.flows[node], from = draw(n), to = from + draw(n - from + 1);

	take_out(node, record_of(node, n, have.form[node]), from, to);
	add(node, from, to, have.form[node]);
}

/* Nodes come, go, and get other names, several times between two savings. */
static void
random_changes(void **state)
{
	unsigned i;

	(void)state;
	memset(&have, 0, sizeof(have));
	for (i = 0; i < ROUNDS; i++) {
		const uint32_t node = draw(NODES);

		if (model.flows[node] == 0) {
			node_come(node);
		} else if (draw(3) == 0) {
			node_go(node);
		} else if (draw(2) == 0) {
			node_go(node);
			node_come(node);
		} else {
			node_touch(node);
		}
		if (i % 10 == 0)
			assert_whole();
		if (i % 7 == 0)
			save();
		arena_reset(scratch.a);
	}
	assert_true(model.n > 2000 && directory().len >= 3 * 8);
	assert_whole();
	for (i = 0; i < NODES; i++)
		if (model.flows[i] > 0)
			node_go(i);
	assert_whole();
	assert_int_equal(model.n, 0);
	assert_int_equal(count(T_ORDER), 1); /* the directory alone */
}

static void
pages_at_every_depth(void **state)
{
	static const uint64_t takes[] = { 0, 1, 3, 999, 2600, UINT64_MAX };
	uint64_t skip, first = 0;
	uint32_t node;
	size_t i, k;

	(void)state;
	for (node = 1; node < 12; node++)
		node_add(node, 400);
	save();
	assert_true(directory().len >= 4 * 8);
	for (skip = 0; skip <= model.n + 1; skip += 97)
		for (i = 0; i < sizeof(takes) / sizeof(takes[0]); i++)
			assert_page(skip, takes[i]);
	for (k = 0; k < directory().len / 8; first += slot_at(k++).count)
		for (skip = first; skip <= first + 1; skip++) {
			assert_page(skip, 2);
			assert_page(skip > 1 ? skip - 2 : 0, 2);
		}
	assert_page(model.n, 1);
	assert_page(model.n - 1, 2);
	assert_page(UINT64_MAX, 5);
}

/* arg: how many entries are not behind. */
static enum kodo_err
is_from(void *arg, struct flow_order_entry at, bool *out)
{
	const size_t from = *(const size_t *)arg;
	size_t i;

	for (i = 0; memcmp(&model.rows[i].at, &at, sizeof(at)) != 0; i++)
		assert_true(i + 1 < model.n);
	*out = i >= from;
	return KODO_OK;
}

static void
places_are_found(void **state)
{
	uint64_t place = 9;
	uint32_t node;
	size_t from, k, first = 0;

	(void)state;
	from = 0;
	must(flow_order_find(&db.t, scratch.a, is_from, &from, &place));
	assert_int_equal(place, 0);
	for (node = 1; node < 12; node++)
		node_add(node, 400);
	save();
	for (from = 0; from <= model.n; from += 111) {
		must(flow_order_find(&db.t, scratch.a, is_from, &from, &place));
		assert_int_equal(place, from);
	}
	for (k = 0; k < directory().len / 8; k++) {
		first += slot_at(k).count;
		for (from = first - 1; from <= first + 1 && from <= model.n; from++) {
			must(flow_order_find(&db.t, scratch.a, is_from, &from, &place));
			assert_int_equal(place, from);
		}
	}
}

static void
full_block_is_split(void **state)
{
	uint32_t node = 1;
	size_t i;

	(void)state;
	for (; directory().len <= 8 && node < NODES; node++) {
		node_add(node, 100);
		assert_whole();
	}
	assert_int_equal(directory().len, 16);
	assert_int_equal(db.head.next_block, 3);
	for (i = 0; i < 2; i++) { /* in two halves */
		const size_t len = raw_get(T_ORDER, block_key(slot_at(i).block)).len;

		assert_true(len > FLOW_ORDER_BLOCK_BYTES / 2 - 500 &&
		    len < FLOW_ORDER_BLOCK_BYTES / 2 + 500);
	}
	/* many at once into one block */
	for (; node < NODES; node++)
		node_add(node, FLOWS_MAX);
	assert_whole();
	assert_true(directory().len > 6 * 8);
}

/* Take out the rows of block i alone, which goes with them. records: of the nodes. */
static void
block_take_out(size_t i, const struct str *records)
{
	const struct flow_order_slot gone = slot_at(i);
	size_t first = 0, k;

	for (k = 0; k < i; k++)
		first += slot_at(k).count;
	for (k = first; k < first + gone.count; k++) {
		const struct flow_order_entry at = model.rows[k].at;

		must(flow_order_remove(&ix, at.node, records[at.node], &at.flow, 1));
	}
	memmove(model.rows + first, model.rows + first + gone.count,
	    (model.n - first - gone.count) * sizeof(*model.rows));
	model.n -= gone.count;
	assert_whole();
	assert_null(raw_get(T_ORDER, block_key(gone.block)).p);
}

static void
empty_block_goes(void **state)
{
	struct str records[NODES];
	uint32_t node;
	size_t n;

	(void)state;
	for (node = 1; node < NODES; node++) {
		node_add(node, FLOWS_MAX);
		records[node] = record_of(node, FLOWS_MAX, 0);
	}
	assert_whole();
	n = directory().len / 8;
	assert_true(n >= 5);
	block_take_out(2, records); /* in the middle, at the end, at the beginning */
	block_take_out(n - 2, records);
	block_take_out(0, records);
	for (n -= 3; n > 0; n--)
		block_take_out(0, records);
	assert_int_equal(model.n, 0);
	node_add(1, 1); /* a list that was emptied, and one of a single row */
	assert_whole();
	assert_int_equal(directory().len, 8);
}

/* Nothing is written before, and what ends as it was is not written at all. */
static void
save_writes_what_changed(void **state)
{
	(void)state;
	node_add(1, 5);
	assert_int_equal(count(T_ORDER), 0);
	save();
	assert_int_equal(count(T_ORDER), 2);
	must(store_del(&db.t, T_ORDER, block_key(0)));
	save();
	take_out(1, record_of(1, 5, 0), 2, 3);
	add(1, 2, 3, 0);
	record_put(2, record_of(2, 5, 0));
	add(2, 0, 5, 0);
	take_out(2, record_of(2, 5, 0), 0, 5);
	save();
	assert_null(directory().p);
}

/* A row that gets another name, and another, and goes or has the first one in the end. */
static void
names_in_between_do_not_count(void **state)
{
	unsigned i, form;

	(void)state;
	node_add(1, 40);
	node_add(2, 40);
	assert_whole();
	for (i = 1; i < 5; i++)
		for (form = 0; form < i; form++) {
			take_out(2, record_of(2, 40, form), 0, 40);
			record_put(2, record_of(2, 40, (form + 1) % i));
			add(2, 0, 40, (form + 1) % i);
			if (i % 2 == 0)
				assert_whole();
		}
	assert_whole();
	take_out(2, record_of(2, 40, 0), 0, 40);
	record_put(2, record_of(2, 40, 1));
	add(2, 0, 40, 1);
	take_out(2, record_of(2, 40, 1), 0, 40);
	must(record_del_seen(&db.t, 2));
	assert_whole();
	assert_int_equal(model.n, 40);
}

/* A name that begins like the one before, of the same row. */
static void
name_begins_the_same(void **state)
{
	static const char *const names[] = { "ab", "abc", "abzzzz", "abza", "a" };
	struct flow flows[3] = { { .url = STR("/0"), .name = STR("aa") }, { .url = STR("/1") },
		{ .url = STR("/2"), .name = STR("b") } };
	const uint32_t row = 1;
	struct str bytes[5];
	uint64_t n;
	size_t i;

	(void)state;
	for (i = 0; i < 5; i++) {
		flows[1].name = str_of(names[i]);
		bytes[i] = pack("http://n:1", flows, 3);
		record_put(1, bytes[i]);
		if (i > 0)
			must(flow_order_remove(&ix, 1, bytes[i - 1], &row, 1));
		must(flow_order_add(&ix, 1, bytes[i], i > 0 ? &row : rows_of(0, 3), i > 0 ? 1 : 3));
		save();
		must(flow_order_check(&db.t, &n, NULL));
		assert_int_equal(n, 3);
	}
}

/* Where many names are equal, an entry is its numbers and two lengths. */
static void
entries_are_small(void **state)
{
	uint32_t node;
	size_t i, all = 0;

	(void)state;
	for (node = 1; node < NODES; node++) {
		node_add(node, FLOWS_MAX);
		save();
	}
	for (i = 0; i < directory().len / 8; i++)
		all += raw_get(T_ORDER, block_key(slot_at(i).block)).len;
	assert_true(all < 5 * model.n);
}

/* --- what is refused --- */

static void
assert_refused(void)
{
	assert_int_equal(flow_order_save(&db.t, &db.head, &ix), KODO_ECORRUPT);
	flow_order_free(&ix);
}

static void
rows_that_are_not_there(void **state)
{
	struct str bytes = record_of(1, 5, 0), unpacked = STR("no node");
	uint32_t row = 5;

	(void)state;
	assert_int_equal(flow_order_add(&ix, 1, bytes, &row, 1), KODO_ECORRUPT);
	assert_int_equal(flow_order_remove(&ix, 1, bytes, &row, 1), KODO_ECORRUPT);
	assert_int_equal(flow_order_remove(&ix, 1, unpacked, &row, 1), KODO_ECORRUPT);
	row = 2;
	must(flow_order_remove(&ix, 1, bytes, &row, 1));
	assert_refused();
	record_put(1, bytes);
	add(1, 0, 2, 0);
	add(1, 3, 5, 0);
	assert_whole();
	must(flow_order_remove(&ix, 1, bytes, &row, 1));
	assert_refused();
	row = 3; /* is there */
	must(flow_order_add(&ix, 1, bytes, &row, 1));
	assert_refused();
	assert_whole();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ORDER_TEST(nothing_is_there),
		ORDER_TEST(random_changes),
		ORDER_TEST(pages_at_every_depth),
		ORDER_TEST(places_are_found),
		ORDER_TEST(full_block_is_split),
		ORDER_TEST(empty_block_goes),
		ORDER_TEST(save_writes_what_changed),
		ORDER_TEST(names_in_between_do_not_count),
		ORDER_TEST(name_begins_the_same),
		ORDER_TEST(entries_are_small),
		ORDER_TEST(rows_that_are_not_there),
	};

	return cmocka_run_group_tests_name("flow_order", tests, NULL, NULL);
}
