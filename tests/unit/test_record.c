#include "core/records/record.h"
#include "records_help.h"

static const struct statement distinct = { .version = 0x1122334455667788,
	.order = 0x0102030405060708, .at_us = -0x1020304050607080, .peer = 0xa1b2c3d4,
	.bytes = { "node", 4 } };

static struct str
node_key(uint32_t node)
{
	static unsigned char k[4];

	return key_u32(k, node);
}

static void
assert_statement(const struct statement *have, const struct statement *want)
{
	assert_int_equal(have->version, want->version);
	assert_int_equal(have->order, want->order);
	assert_int_equal(have->at_us, want->at_us);
	assert_int_equal(have->peer, want->peer);
	assert_true(str_eq(have->bytes, want->bytes));
}

/* --- statements --- */

static void
statements_are_read_as_written(void **state)
{
	struct statement s = said(3, 1, "other"), have;

	(void)state;
	must(record_put_seen(&db.t, 5, &distinct));
	must(record_put_shadow(&db.t, 5, 3, &s));
	must(record_get_seen(&db.t, 5, &have));
	assert_statement(&have, &distinct);
	must(record_get_shadow(&db.t, 5, 3, &have));
	assert_statement(&have, &s);
	assert_int_equal(count(T_NODE), 1);
	assert_int_equal(count(T_SHADOW), 1);
	must(record_put_seen(&db.t, 5, &s)); /* in its place */
	must(record_get_seen(&db.t, 5, &have));
	assert_statement(&have, &s);
	assert_int_equal(count(T_NODE), 1);
	s.bytes = STR("");
	must(record_put_shadow(&db.t, 5, 3, &s));
	must(record_get_shadow(&db.t, 5, 3, &have));
	assert_int_equal(have.bytes.len, 0);
}

/* The format: numbers little-endian, the node after them. */
static void
statements_are_stored_in_order(void **state)
{
	static const char want[] = "\x88\x77\x66\x55\x44\x33\x22\x11"
	    "\x08\x07\x06\x05\x04\x03\x02\x01" "\x80\x8f\x9f\xaf\xbf\xcf\xdf\xef"
	    "\xd4\xc3\xb2\xa1" "node";
	unsigned char k[8];

	(void)state;
	must(record_put_seen(&db.t, 5, &distinct));
	assert_true(str_eq(raw_get(T_NODE, node_key(5)), STR(want)));
	must(record_put_shadow(&db.t, 5, 6, &distinct));
	assert_true(str_eq(raw_get(T_SHADOW, key_u32_u32(k, 5, 6)), STR(want)));
}

static void
statements_go(void **state)
{
	struct statement s;

	(void)state;
	assert_int_equal(record_get_seen(&db.t, 1, &s), KODO_ENOTFOUND);
	assert_int_equal(record_get_shadow(&db.t, 1, 2, &s), KODO_ENOTFOUND);
	must(record_del_seen(&db.t, 1));
	must(record_del_shadow(&db.t, 1, 2));
	must(record_put_seen(&db.t, 1, &distinct));
	must(record_put_seen(&db.t, 2, &distinct));
	must(record_put_shadow(&db.t, 1, 2, &distinct));
	must(record_put_shadow(&db.t, 2, 1, &distinct));
	must(record_del_seen(&db.t, 1));
	must(record_del_shadow(&db.t, 1, 2));
	assert_int_equal(record_get_seen(&db.t, 1, &s), KODO_ENOTFOUND);
	must(record_get_seen(&db.t, 2, &s));
	assert_int_equal(record_get_shadow(&db.t, 1, 2, &s), KODO_ENOTFOUND);
	must(record_get_shadow(&db.t, 2, 1, &s));
}

static void
short_statement(void **state)
{
	struct statement s;
	struct record rec;
	struct scan scan;
	struct str whole;
	unsigned char k[8];
	size_t i;

	(void)state;
	must(record_put_seen(&db.t, 1, &distinct));
	whole = raw_get(T_NODE, node_key(1));
	for (i = 0; i < 28; i++) {
		raw_put(T_NODE, node_key(1), bytes_of(whole.p, i));
		raw_put(T_SHADOW, key_u32_u32(k, 1, 2), bytes_of(whole.p, i));
		assert_int_equal(record_get_seen(&db.t, 1, &s), KODO_ECORRUPT);
		assert_null(s.bytes.p);
		assert_int_equal(record_get_shadow(&db.t, 1, 2, &s), KODO_ECORRUPT);
		scan = record_scan_seen(&db.t);
		assert_false(record_next(&scan, &rec));
		assert_int_equal(rec.node, 1); /* of which it is */
		assert_int_equal(scan_end(&scan), KODO_ECORRUPT);
	}
	raw_put(T_NODE, node_key(1), bytes_of(whole.p, 28));
	must(record_get_seen(&db.t, 1, &s));
}

/* --- scans --- */

/* Where a scan goes: "node:version " each, a tombstone in brackets. */
static const char *
scan_text(struct scan s)
{
	static char text[256];
	struct record rec;
	size_t n = 0;

	text[0] = '\0';
	while (record_next(&s, &rec))
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    rec.is_tomb ? "[%u:%llu] " : "%u:%llu ", rec.node,
		    (unsigned long long)rec.said.version);
	must(scan_end(&s));
	return text;
}

static void
scans_in_order(void **state)
{
	struct statement s[8];
	size_t i;

	(void)state;
	assert_string_equal(scan_text(record_scan_seen(&db.t)), "");
	assert_string_equal(scan_text(record_scan_shadows(&db.t, 1)), "");
	assert_string_equal(scan_text(record_scan_shadows_from(&db.t, 0)), "");
	for (i = 0; i < 8; i++)
		s[i] = said(1, i, "x");
	must(record_put_seen(&db.t, 256, &s[1]));
	must(record_put_seen(&db.t, 2, &s[2]));
	must(record_put_seen(&db.t, UINT32_MAX, &s[3]));
	must(record_put_shadow(&db.t, 256, PEER_TOMB, &s[4]));
	must(record_put_shadow(&db.t, 256, 1, &s[5]));
	must(record_put_shadow(&db.t, 2, PEER_SELF, &s[6]));
	must(record_put_shadow(&db.t, 257, 300, &s[7]));
	assert_string_equal(scan_text(record_scan_seen(&db.t)), "2:2 256:1 4294967295:3 ");
	assert_string_equal(scan_text(record_scan_shadows(&db.t, 256)), "256:5 [256:4] ");
	assert_string_equal(scan_text(record_scan_shadows(&db.t, 2)), "2:6 ");
	assert_string_equal(scan_text(record_scan_shadows(&db.t, 255)), "");
	assert_string_equal(scan_text(record_scan_shadows(&db.t, 1)), "");
	assert_string_equal(scan_text(record_scan_shadows_from(&db.t, 0)),
	    "2:6 256:5 [256:4] 257:7 ");
	assert_string_equal(scan_text(record_scan_shadows_from(&db.t, 3)), "256:5 [256:4] 257:7 ");
	assert_string_equal(scan_text(record_scan_shadows_from(&db.t, 257)), "257:7 ");
	assert_string_equal(scan_text(record_scan_shadows_from(&db.t, 258)), "");
}

/* --- places --- */

static const char *
places_text(uint32_t peer)
{
	static char text[256];
	struct scan s = place_scan(&db.t, peer);
	struct place at;
	size_t n = 0;

	text[0] = '\0';
	while (place_next(&s, &at))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%llu:%u ",
		    (unsigned long long)at.order, at.node);
	must(scan_end(&s));
	return text;
}

static void
places_of_a_provider(void **state)
{
	(void)state;
	assert_string_equal(places_text(1), "");
	must(place_del(&db.t, 1, 1));
	must(place_put(&db.t, 1, 1ull << 40, 5));
	must(place_put(&db.t, 1, 255, 6));
	must(place_put(&db.t, 1, 256, 7));
	must(place_put(&db.t, 2, 1, 8));
	must(place_put(&db.t, 0, 9, 9));
	assert_string_equal(places_text(1), "255:6 256:7 1099511627776:5 ");
	assert_string_equal(places_text(0), "9:9 ");
	must(place_put(&db.t, 1, 256, 70)); /* used again */
	must(place_del(&db.t, 1, 255));
	must(place_del(&db.t, 2, 255));
	assert_string_equal(places_text(1), "256:70 1099511627776:5 ");
	assert_string_equal(places_text(2), "1:8 ");
	must(place_del(&db.t, 2, 1));
	assert_string_equal(places_text(2), "");
}

static void
damaged_keys_and_places(void **state)
{
	static const struct {
		enum store_table table;
		struct str key, value;
	} rows[] = {
		{ T_STATED, { "\0\0\0\1\0\0\0", 7 }, { "\0\0\0\1", 4 } },
		{ T_STATED, { "\0\0\0\1\0\0\0\0\0\0\0", 11 }, { "\0\0\0\1", 4 } },
		{ T_STATED, { "\0\0\0\1\0\0\0\0\0\0\0\0\0", 13 }, { "\0\0\0\1", 4 } },
		{ T_STATED, { "\0\0\0\1\0\0\0\0\0\0\0\1", 12 }, { "\0\0\0", 3 } },
		{ T_STATED, { "\0\0\0\1\0\0\0\0\0\0\0\1", 12 }, { "", 0 } },
		{ T_NODE, { "\0\0", 2 }, { "0123456789012345678901234567", 28 } },
		{ T_NODE, { "\0\0\0\0\1", 5 }, { "0123456789012345678901234567", 28 } },
	};
	struct record rec;
	struct place at;
	struct scan s;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		raw_put(rows[i].table, rows[i].key, rows[i].value);
		if (rows[i].table == T_STATED) {
			s = place_scan(&db.t, 1);
			assert_false(place_next(&s, &at));
			assert_false(place_next(&s, &at)); /* it is over */
		} else {
			s = record_scan_seen(&db.t);
			assert_false(record_next(&s, &rec));
		}
		assert_int_equal(scan_end(&s), KODO_ECORRUPT);
		must(store_del(&db.t, rows[i].table, rows[i].key));
	}
}

/* --- node ids --- */

static void
ids_are_made_once(void **state)
{
	uint32_t id = 9;

	(void)state;
	db.head.next_node = 41;
	assert_int_equal(node_find(&db.t, STR("http://n:1"), &id), KODO_ENOTFOUND);
	assert_int_equal(db.head.next_node, 41);
	must(node_make(&db.t, &db.head, STR("http://n:1"), &id));
	assert_int_equal(id, 41);
	must(node_make(&db.t, &db.head, STR("http://m:1"), &id));
	assert_int_equal(id, 42);
	must(node_make(&db.t, &db.head, STR("http://n:1"), &id));
	assert_int_equal(id, 41);
	assert_int_equal(db.head.next_node, 43);
	must(node_find(&db.t, STR("http://m:1"), &id));
	assert_int_equal(id, 42);
	must(node_forget(&db.t, STR("http://n:1")));
	must(node_forget(&db.t, STR("http://never:1")));
	assert_int_equal(node_find(&db.t, STR("http://n:1"), &id), KODO_ENOTFOUND);
	must(node_make(&db.t, &db.head, STR("http://n:1"), &id));
	assert_int_equal(id, 43); /* ids are not used again */
}

/* Many at once: in the order of the keys, those that are there and those that come twice too. */
static void
ids_of_many(void **state)
{
	enum { N = 3000 };
	struct str *keys = arena_alloc(scratch.a, N * sizeof(*keys));
	uint32_t *ids = arena_alloc(scratch.a, N * sizeof(*ids)), id, next = 41, i;

	(void)state;
	db.head.next_node = 7;
	for (i = 0; i < N; i++)
		keys[i] = str_of(
		    arena_printf(scratch.a, "http://n%u:1", i % 100 == 50 ? i - 9 : i));
	for (i = 0; i < N; i += 100)
		must(node_make(&db.t, &db.head, keys[i], &id));
	assert_int_equal(db.head.next_node, 7 + N / 100);
	db.head.next_node = next;
	must(node_make_all(&db.t, scratch.a, &db.head, keys, 0, ids));
	must(node_make_all(&db.t, scratch.a, &db.head, keys, N, ids));
	for (i = 0; i < N; i++) {
		const uint32_t want = i % 100 == 50 ? 0 : i % 100 == 0 ? 7 + i / 100 : next++;

		assert_int_equal(ids[i], want);
		must(node_find(&db.t, keys[i], &id));
		assert_int_equal(id, i % 100 == 50 ? ids[i - 9] : want);
	}
	assert_int_equal(db.head.next_node, next);
}

static void
damaged_id_makes_none(void **state)
{
	struct str value = { "\1", 1 };
	struct scan s;
	struct str key;
	uint32_t id;

	(void)state;
	must(node_make(&db.t, &db.head, STR("http://n:1"), &id));
	s = scan_prefix(&db.t, T_NODE_URL, STR_NULL);
	assert_true(scan_next(&s));
	key = bytes_of(s.k.p, s.k.len);
	must(scan_end(&s));
	raw_put(T_NODE_URL, key, value);
	assert_int_equal(node_make(&db.t, &db.head, STR("http://n:1"), &id), KODO_ECORRUPT);
	assert_int_equal(node_make_all(&db.t, scratch.a, &db.head, &STR("http://n:1"), 1, &id),
	    KODO_ECORRUPT);
	assert_int_equal(db.head.next_node, 2);
	assert_int_equal(node_find(&db.t, STR("http://n:1"), &id), KODO_ECORRUPT);
	assert_int_equal(node_forget(&db.t, STR("http://n:1")), KODO_ECORRUPT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RECORDS_TEST(statements_are_read_as_written),
		RECORDS_TEST(statements_are_stored_in_order),
		RECORDS_TEST(statements_go),
		RECORDS_TEST(short_statement),
		RECORDS_TEST(scans_in_order),
		RECORDS_TEST(places_of_a_provider),
		RECORDS_TEST(damaged_keys_and_places),
		RECORDS_TEST(ids_are_made_once),
		RECORDS_TEST(ids_of_many),
		RECORDS_TEST(damaged_id_makes_none),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
