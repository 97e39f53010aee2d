#include "core/records/outbox.h"
#include "records_help.h"

#define MANY	3000u

static struct str
entry_key(uint32_t peer, uint32_t node)
{
	static unsigned char k[8];

	return key_u32_u32(k, peer, node);
}

/* "node:gen " of a peer's entries from a node on, paused ones with their reason. */
static const char *
entries_text(struct scan s)
{
	static char text[512];
	struct outbox_entry e;
	size_t n = 0;

	text[0] = '\0';
	while (outbox_next(&db.t, &s, &e))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%u/%u:%llu%s%.*s ", e.peer,
		    e.node, (unsigned long long)e.gen, e.why.p == NULL ? "" : "!", STR_ARG(e.why));
	must(scan_end(&s));
	return text;
}

static void
assert_entries(const char *want)
{
	assert_string_equal(entries_text(outbox_scan_all(&db.t)), want);
}

static void
entries_come_and_go(void **state)
{
	struct outbox_entry e;

	(void)state;
	assert_int_equal(outbox_get(&db.t, 1, 2, &e), KODO_ENOTFOUND);
	must(outbox_put(&db.t, 1, 2, 0x0102030405060708));
	must(outbox_get(&db.t, 1, 2, &e));
	assert_true(e.peer == 1 && e.node == 2 && e.gen == 0x0102030405060708 && e.why.p == NULL);
	assert_int_equal(outbox_get(&db.t, 2, 1, &e), KODO_ENOTFOUND);
	must(outbox_put(&db.t, 1, 2, 9)); /* in its place */
	must(outbox_put(&db.t, 2, 1, 8));
	assert_entries("1/2:9 2/1:8 ");
	/* the format: big-endian */
	assert_true(str_eq(raw_get(T_OUT, STR("\0\0\0\1\0\0\0\2")), STR("\0\0\0\0\0\0\0\x09")));
}

static void
scans_begin_where_asked(void **state)
{
	struct outbox_entry e;

	(void)state;
	assert_entries("");
	assert_int_equal(outbox_first(&db.t, 1, 0, &e), KODO_ENOTFOUND);
	must(outbox_put(&db.t, 1, 5, 1));
	must(outbox_put(&db.t, 1, 256, 2));
	must(outbox_put(&db.t, 1, UINT32_MAX, 3));
	must(outbox_put(&db.t, 2, 1, 4));
	must(outbox_put(&db.t, 256, 1, 5));
	assert_entries("1/5:1 1/256:2 1/4294967295:3 2/1:4 256/1:5 ");
	assert_string_equal(entries_text(outbox_scan(&db.t, 1, 0)),
	    "1/5:1 1/256:2 1/4294967295:3 ");
	assert_string_equal(entries_text(outbox_scan(&db.t, 1, 5)),
	    "1/5:1 1/256:2 1/4294967295:3 ");
	assert_string_equal(entries_text(outbox_scan(&db.t, 1, 6)), "1/256:2 1/4294967295:3 ");
	assert_string_equal(entries_text(outbox_scan(&db.t, 2, 2)), "");
	assert_string_equal(entries_text(outbox_scan(&db.t, 3, 0)), "");
	must(outbox_first(&db.t, 1, 6, &e));
	assert_true(e.peer == 1 && e.node == 256 && e.gen == 2);
	must(outbox_first(&db.t, 1, UINT32_MAX, &e));
	assert_int_equal(e.gen, 3);
	assert_int_equal(outbox_first(&db.t, 2, 2, &e), KODO_ENOTFOUND); /* not the next peer's */
}

static void
clear_takes_all_of_one_peer(void **state)
{
	(void)state;
	must(outbox_clear(&db.t, 1));
	must(outbox_put(&db.t, 1, 5, 1));
	must(outbox_put(&db.t, 1, UINT32_MAX, 1));
	must(outbox_pause(&db.t, 1, 5, 1, STR("no")));
	must(outbox_put(&db.t, 0, 1, 2));
	must(outbox_put(&db.t, 2, 1, 3));
	must(outbox_clear(&db.t, 1));
	assert_entries("0/1:2 2/1:3 ");
}

static void
delivered_unless_newer(void **state)
{
	(void)state;
	must(outbox_delivered(&db.t, 1, 5, 9)); /* none there */
	must(outbox_put(&db.t, 1, 5, 10));
	must(outbox_put(&db.t, 1, 6, 10));
	must(outbox_delivered(&db.t, 1, 5, 9));
	assert_entries("1/5:10 1/6:10 ");
	must(outbox_delivered(&db.t, 1, 5, 10));
	assert_entries("1/6:10 ");
	must(outbox_pause(&db.t, 1, 6, 10, STR("no")));
	must(outbox_delivered(&db.t, 1, 6, 9));
	assert_entries("1/6:10!no ");
	must(outbox_delivered(&db.t, 1, 6, 11)); /* paused or not */
	assert_entries("");
}

static void
pause_unless_newer(void **state)
{
	struct outbox_entry e;

	(void)state;
	must(outbox_pause(&db.t, 1, 5, 9, STR("no")));
	assert_entries("1/5:9!no "); /* there was none: what the changelog has was refused */
	must(outbox_put(&db.t, 1, 5, 10));
	must(outbox_pause(&db.t, 1, 5, 9, STR("no")));
	assert_entries("1/5:10 ");
	must(outbox_pause(&db.t, 1, 5, 10, STR("too large, 413")));
	assert_entries("1/5:10!too large, 413 ");
	must(outbox_get(&db.t, 1, 5, &e));
	assert_str(e.why, "too large, 413");
	must(outbox_pause(&db.t, 1, 5, 20, STR("another")));
	assert_entries("1/5:20!another "); /* as of then */
	must(outbox_pause(&db.t, 1, 5, 19, STR("late")));
	assert_entries("1/5:20!another ");
	must(outbox_pause(&db.t, 1, 5, 20, STR("")));
	assert_entries("1/5:20!not taken "); /* it must not look as if it was to be sent */
	must(outbox_pause(&db.t, 1, 5, 20, STR_NULL));
	assert_entries("1/5:20!not taken ");
	must(outbox_put(&db.t, 1, 5, 21));
	assert_entries("1/5:21 ");
}

/* e: entry, p: paused */
static void
what_a_peer_has(void **state)
{
	static const struct {
		const char *entries;
		bool to_notify, paused;
	} rows[] = {
		{ "", false, false }, { "e", true, false }, { "p", false, true },
		{ "ep", true, true }, { "pe", true, true }, { "ppep", true, true },
		{ "eeep", true, true }, { "ppp", false, true },
	};
	bool to_notify, paused;
	uint32_t i, node;

	(void)state;
	must(outbox_put(&db.t, 0, 1, 1)); /* of others */
	must(outbox_put(&db.t, 2, 1, 1));
	must(outbox_pause(&db.t, 2, 1, 1, STR("no")));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		must(outbox_clear(&db.t, 1));
		for (node = 0; rows[i].entries[node] != '\0'; node++) {
			must(outbox_put(&db.t, 1, node, 1));
			if (rows[i].entries[node] == 'p')
				must(outbox_pause(&db.t, 1, node, 1, STR("no")));
		}
		to_notify = paused = !rows[i].paused;
		must(outbox_has(&db.t, 1, &to_notify, &paused));
		assert_int_equal(to_notify, rows[i].to_notify);
		assert_int_equal(paused, rows[i].paused);
		to_notify = !to_notify;
		must(outbox_has(&db.t, 1, &to_notify, NULL));
		assert_int_equal(to_notify, rows[i].to_notify);
	}
}

static void
damage_is_told(void **state)
{
	struct outbox_entry e;
	bool to_notify, paused;
	struct scan s;
	size_t i;

	(void)state;
	for (i = 0; i < 8; i++) {
		raw_put(T_OUT, entry_key(1, 5), bytes_of("\0\0\0\0\0\0\0\1", i));
		assert_int_equal(outbox_get(&db.t, 1, 5, &e), KODO_ECORRUPT);
		assert_int_equal(outbox_first(&db.t, 1, 0, &e), KODO_ECORRUPT);
		s = outbox_scan(&db.t, 1, 0);
		assert_false(outbox_next(&db.t, &s, &e));
		assert_int_equal(scan_end(&s), KODO_ECORRUPT);
		s = outbox_scan_all(&db.t);
		assert_false(outbox_next(&db.t, &s, &e));
		assert_int_equal(scan_end(&s), KODO_ECORRUPT);
		assert_int_equal(outbox_delivered(&db.t, 1, 5, 9), KODO_ECORRUPT);
		assert_int_equal(outbox_pause(&db.t, 1, 5, 9, STR("no")), KODO_ECORRUPT);
		assert_int_equal(outbox_has(&db.t, 1, &to_notify, &paused), KODO_ECORRUPT);
		assert_false(to_notify || paused);
		assert_int_equal(raw_get(T_OUT, entry_key(1, 5)).len, i);
	}
	must(outbox_put(&db.t, 1, 5, 1)); /* writing it anew mends it */
	must(outbox_get(&db.t, 1, 5, &e));
	raw_put(T_OUT, STR("\0\0\0\1\0\0\0"), STR("\0\0\0\0\0\0\0\1"));
	assert_int_equal(outbox_first(&db.t, 1, 0, &e), KODO_OK);
	s = outbox_scan_all(&db.t);
	assert_false(outbox_next(&db.t, &s, &e)); /* a key that is too short */
	assert_int_equal(scan_end(&s), KODO_ECORRUPT);
}

static void
many_entries(void **state)
{
	struct outbox_entry e;
	uint32_t node = 0, n = 0;
	struct scan s;

	(void)state;
	for (node = 0; node < MANY; node++)
		must(outbox_put(&db.t, 1, node * 7, node));
	s = outbox_scan(&db.t, 1, 0);
	while (outbox_next(&db.t, &s, &e)) {
		assert_int_equal(e.node, n * 7);
		assert_int_equal(e.gen, n++);
	}
	must(scan_end(&s));
	assert_int_equal(n, MANY);
	/* one after the other, where the table is changed meanwhile */
	for (node = 0; outbox_first(&db.t, 1, node, &e) == KODO_OK; node = e.node + 1, n--)
		must(outbox_delivered(&db.t, 1, e.node, e.gen));
	assert_int_equal(n, 0);
	assert_int_equal(count(T_OUT), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RECORDS_TEST(entries_come_and_go),
		RECORDS_TEST(scans_begin_where_asked),
		RECORDS_TEST(clear_takes_all_of_one_peer),
		RECORDS_TEST(delivered_unless_newer),
		RECORDS_TEST(pause_unless_newer),
		RECORDS_TEST(what_a_peer_has),
		RECORDS_TEST(damage_is_told),
		RECORDS_TEST(many_entries),
	};

	return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
