#include "core/records/changelog.h"
#include "records_help.h"

#define MANY	2000u

static struct str
at_key(uint64_t at)
{
	static unsigned char k[8];

	return key_u64(k, at);
}

static struct str
node_key(uint32_t node)
{
	static unsigned char k[4];

	return key_u32(k, node);
}

/* What T_CHANGED has of a node, its time and turns being 0. */
static struct str
last_of(uint64_t at)
{
	static char v[20];

	memcpy(v, at_key(at).p, 8);
	return (struct str){ v, sizeof(v) };
}

static void
log_put(uint32_t node, uint32_t skip)
{
	bool is_hot;

	must(changelog_put(&db.t, &db.head, node, skip, 0, &is_hot));
}

/* "node:number " of the entries behind a number. */
static const char *
behind_number(uint64_t number)
{
	static char text[256];
	struct scan s = changelog_scan(&db.t, number);
	struct changelog_entry e;
	size_t n = 0;

	text[0] = '\0';
	while (changelog_next(&s, &e))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%u:%llu ", e.node,
		    (unsigned long long)e.at);
	must(scan_end(&s));
	return text;
}

static enum kodo_err
check(uint64_t *n)
{
	*n = 77;
	return changelog_check(&db.t, n);
}

static void
one_entry_of_each_node(void **state)
{
	struct changelog_entry e;
	uint64_t n;

	(void)state;
	assert_string_equal(log_text(), "");
	assert_int_equal(changelog_get(&db.t, 5, &e), KODO_ENOTFOUND);
	must(check(&n));
	assert_int_equal(n, 0);
	db.head.state = 254;
	log_put(5, 9);
	log_put(6, PEER_SELF);
	log_put(UINT32_MAX, UINT32_MAX);
	assert_string_equal(log_text(), "5:255/9 6:256/0 4294967295:257/4294967295 ");
	assert_true(db.head.state == 257 && db.head.logged == 257);
	db.head.state = 300; /* other changes */
	log_put(6, 1);
	log_put(6, 2);
	assert_string_equal(log_text(), "5:255/9 4294967295:257/4294967295 6:302/2 ");
	assert_true(db.head.state == 302 && db.head.logged == 302 && db.head.log_floor == 0);
	must(changelog_get(&db.t, 6, &e));
	assert_true(e.node == 6 && e.at == 302 && e.skip == 2);
	must(changelog_get(&db.t, 5, &e));
	assert_true(e.node == 5 && e.at == 255 && e.skip == 9);
	assert_int_equal(changelog_get(&db.t, 7, &e), KODO_ENOTFOUND);
	must(check(&n));
	assert_int_equal(n, 3);
	/* the format: big-endian */
	assert_true(str_eq(raw_get(T_CHANGES, STR("\0\0\0\0\0\0\1\x2e")),
	    STR("\0\0\0\6\0\0\0\2")));
	assert_int_equal(raw_get(T_CHANGED, STR("\0\0\0\6")).len, 20);
	assert_memory_equal(
	    raw_get(T_CHANGED, STR("\0\0\0\6")).p, "\0\0\0\0\0\0\1\x2e", 8);
}

static void
scans_begin_behind_a_number(void **state)
{
	(void)state;
	assert_string_equal(behind_number(0), "");
	db.head.state = 254;
	log_put(1, 0);
	log_put(2, 0);
	log_put(3, 0);
	assert_string_equal(behind_number(0), "1:255 2:256 3:257 ");
	assert_string_equal(behind_number(254), "1:255 2:256 3:257 ");
	assert_string_equal(behind_number(255), "2:256 3:257 ");
	assert_string_equal(behind_number(256), "3:257 ");
	assert_string_equal(behind_number(257), "");
	assert_string_equal(behind_number(1ull << 40), "");
	log_put(2, 0);
	assert_string_equal(behind_number(255), "3:257 2:258 ");
}

static void
forgotten_entries_raise_the_floor(void **state)
{
	struct changelog_entry e;
	uint64_t n;

	(void)state;
	must(changelog_del(&db.t, &db.head, 5)); /* none there */
	assert_int_equal(db.head.log_floor, 0);
	db.head.state = 10;
	log_put(5, 0);
	log_put(6, 0);
	log_put(7, 0);
	must(changelog_del(&db.t, &db.head, 6));
	assert_string_equal(log_text(), "5:11/0 7:13/0 ");
	assert_int_equal(db.head.log_floor, 12);
	assert_true(db.head.logged == 13 && db.head.state == 13);
	assert_int_equal(changelog_get(&db.t, 6, &e), KODO_ENOTFOUND);
	must(changelog_del(&db.t, &db.head, 5)); /* an older one */
	assert_int_equal(db.head.log_floor, 12);
	must(changelog_del(&db.t, &db.head, 6)); /* again */
	assert_int_equal(db.head.log_floor, 12);
	must(changelog_del(&db.t, &db.head, 7)); /* the last one: logged stays */
	assert_true(db.head.log_floor == 13 && db.head.logged == 13);
	assert_string_equal(log_text(), "");
	assert_true(count(T_CHANGES) == 0 && count(T_CHANGED) == 0);
	log_put(6, 0);
	assert_string_equal(log_text(), "6:14/0 ");
	must(check(&n));
	assert_int_equal(n, 1);
}

static void
values_that_cannot_be_read(void **state)
{
	struct changelog_entry e;
	struct head before;
	struct scan s;
	uint64_t n;
	size_t i;
	bool is_hot;

	(void)state;
	db.head.state = 10;
	log_put(5, 1);
	for (i = 0; i < 22; i++) {
		if (i == 20)
			continue;
		raw_put(T_CHANGED, node_key(5),
		    bytes_of("\0\0\0\0\0\0\0\x0b\0\0\0\0\0\0\0\0\0\0\0\0\0", i));
		before = db.head;
		assert_int_equal(
		    changelog_put(&db.t, &db.head, 5, 1, 0, &is_hot), KODO_ECORRUPT);
		assert_int_equal(changelog_del(&db.t, &db.head, 5), KODO_ECORRUPT);
		assert_memory_equal(&before, &db.head, sizeof(before));
		assert_int_equal(changelog_get(&db.t, 5, &e), KODO_ECORRUPT);
		assert_int_equal(check(&n), KODO_ECORRUPT);
	}
	raw_put(T_CHANGED, node_key(5), last_of(11));
	must(check(&n));
	for (i = 0; i < 10; i++) {
		if (i == 8)
			continue;
		raw_put(T_CHANGES, at_key(11), bytes_of("\0\0\0\5\0\0\0\1\0", i));
		s = changelog_scan(&db.t, 0);
		assert_false(changelog_next(&s, &e));
		assert_int_equal(scan_end(&s), KODO_ECORRUPT);
		assert_int_equal(changelog_get(&db.t, 5, &e), KODO_ECORRUPT);
		assert_int_equal(check(&n), KODO_ECORRUPT);
	}
	must(changelog_put(&db.t, &db.head, 5, 1, 0, &is_hot)); /* writing it anew mends it */
	must(check(&n));
	raw_put(T_CHANGES, STR("\0\0\0\0\0\0\0\x40\0"), STR("\0\0\0\5\0\0\0\1"));
	s = changelog_scan(&db.t, 0);
	assert_true(changelog_next(&s, &e));
	assert_false(changelog_next(&s, &e)); /* a key of another length */
	assert_int_equal(scan_end(&s), KODO_ECORRUPT);
	assert_int_equal(check(&n), KODO_ECORRUPT);
}

/* The tables contradict each other. */
static void
entries_without_counterpart(void **state)
{
	struct changelog_entry e;
	uint64_t n;

	(void)state;
	db.head.state = 10;
	log_put(5, 0);
	log_put(6, 0);
	must(store_del(&db.t, T_CHANGED, node_key(5)));
	assert_int_equal(check(&n), KODO_ECORRUPT);
	raw_put(T_CHANGED, node_key(5), last_of(12)); /* that of another */
	assert_int_equal(check(&n), KODO_ECORRUPT);
	raw_put(T_CHANGED, node_key(5), last_of(40)); /* none */
	assert_int_equal(check(&n), KODO_ECORRUPT);
	assert_int_equal(changelog_get(&db.t, 5, &e), KODO_ENOTFOUND);
	raw_put(T_CHANGED, node_key(5), last_of(11));
	must(check(&n));
	assert_int_equal(n, 2);
	raw_put(T_CHANGES, at_key(13), STR("\0\0\0\5\0\0\0\0")); /* two of one */
	assert_int_equal(check(&n), KODO_ECORRUPT);
	must(store_del(&db.t, T_CHANGES, at_key(13)));
	must(store_del(&db.t, T_CHANGES, at_key(12)));
	assert_int_equal(check(&n), KODO_ECORRUPT);
	assert_int_equal(n, 1);
}

static void
many_nodes(void **state)
{
	struct changelog_entry e;
	uint64_t before = 0, n = 0;
	unsigned seed = 4711, i;
	struct scan s;

	(void)state;
	for (i = 0; i < 10 * MANY; i++)
		log_put((unsigned)rand_r(&seed) % MANY, i % 3);
	s = changelog_scan(&db.t, 0);
	while (changelog_next(&s, &e)) {
		assert_true(e.at > before);
		before = e.at;
		n++;
	}
	must(scan_end(&s));
	assert_true(before == db.head.logged && before == 10 * MANY);
	assert_int_equal(n, count(T_CHANGED));
	assert_true(n <= MANY && n > MANY / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RECORDS_TEST(one_entry_of_each_node),
		RECORDS_TEST(scans_begin_behind_a_number),
		RECORDS_TEST(forgotten_entries_raise_the_floor),
		RECORDS_TEST(values_that_cannot_be_read),
		RECORDS_TEST(entries_without_counterpart),
		RECORDS_TEST(many_nodes),
	};

	return cmocka_run_group_tests_name("changelog", tests, NULL, NULL);
}
