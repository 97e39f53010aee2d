#include "core/base/limit.h"
#include "core/records/head.h"
#include "records_help.h"

static const struct head distinct = {
	.view = 0x0101010101010101, .state = 0x0202020202020202, .total = 0x0303030303030303,
	.state_id = 0x0404040404040404, .started_us = 0x0505050505050505,
	.options_gen = 0x0606060606060606, .next_node = 0x0707070707070707,
	.next_peer = 0x0808080808080808, .next_order = 0x0909090909090909,
	.next_block = 0x0a0a0a0a0a0a0a0a, .logged = 0x0b0b0b0b0b0b0b0b,
	.log_floor = 0x0c0c0c0c0c0c0c0c, .former = 0x0d0d0d0d0d0d0d0d,
	.restored_us = 0x0e0e0e0e0e0e0e0e, .highest = 0x0f0f0f0f0f0f0f0f,
	.notified = 0x1010101010101010, .held_us = 0x1111111111111111
};

static void
head_is_read_as_it_was_written(void **state)
{
	const size_t n = count(T_META);
	struct head h;

	(void)state;
	must(head_put(&db.t, &distinct));
	must(head_get(&db.t, &h));
	assert_memory_equal(&h, &distinct, sizeof(h));
	h = (struct head){ .started_us = -1, .total = UINT64_MAX };
	must(head_put(&db.t, &h)); /* in its place */
	must(head_get(&db.t, &h));
	assert_true(h.started_us == -1 && h.total == UINT64_MAX && h.view == 0);
	assert_int_equal(count(T_META), n + 1);
}

/* The order of the numbers is that of the format: an older program wrote them. */
static void
head_is_stored_in_order(void **state)
{
	struct str v;
	size_t i;

	(void)state;
	must(head_put(&db.t, &distinct));
	must(meta_get(&db.t, "head", &v));
	assert_int_equal(v.len, 136);
	for (i = 0; i < v.len; i++)
		assert_int_equal(v.p[i], (char)(i / 8 + 1));
	/* little-endian */
	must(head_put(&db.t, &(struct head){ .view = 0x0102030405060708 }));
	must(meta_get(&db.t, "head", &v));
	assert_memory_equal(v.p, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
}

static void
missing_or_short_head(void **state)
{
	static const struct head none;
	struct head h = distinct;
	struct str whole;
	size_t i;

	(void)state;
	assert_int_equal(head_get(&db.t, &h), KODO_ENOTFOUND);
	assert_memory_equal(&h, &none, sizeof(h));
	must(head_put(&db.t, &distinct));
	whole = raw_get(T_META, STR("head"));
	for (i = 0; i < whole.len; i++) {
		raw_put(T_META, STR("head"), bytes_of(whole.p, i));
		assert_int_equal(head_get(&db.t, &h), KODO_ECORRUPT);
	}
}

static void
epoch_fits_a_json_number(void **state)
{
	(void)state;
	assert_int_equal(head_epoch(&(struct head){ .state_id = UINT64_MAX }), LIMIT_VERSION_MAX);
	assert_int_equal(head_epoch(&(struct head){ .state_id = (1ull << 53) | 5 }), 5);
	assert_int_equal(head_epoch(&(struct head){ .state_id = 77, .state = 1, .view = 2 }), 77);
}

static void
other_records_have_names(void **state)
{
	struct str v = STR("x");

	(void)state;
	assert_int_equal(meta_get(&db.t, "stamp", &v), KODO_ENOTFOUND);
	assert_null(v.p);
	must(meta_put(&db.t, "stamp", STR("a\0b")));
	must(meta_put(&db.t, "stamps", STR("other")));
	must(meta_get(&db.t, "stamp", &v));
	assert_true(str_eq(v, STR("a\0b")));
	must(meta_put(&db.t, "stamp", STR("")));
	must(meta_get(&db.t, "stamp", &v));
	assert_int_equal(v.len, 0);
	must(meta_get(&db.t, "stamps", &v));
	assert_str(v, "other");
	assert_int_equal(raw_get(T_META, STR("stamps")).len, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RECORDS_TEST(head_is_read_as_it_was_written),
		RECORDS_TEST(head_is_stored_in_order),
		RECORDS_TEST(missing_or_short_head),
		RECORDS_TEST(epoch_fits_a_json_number),
		RECORDS_TEST(other_records_have_names),
	};

	return cmocka_run_group_tests_name("head", tests, NULL, NULL);
}
