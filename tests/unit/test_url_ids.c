#include "core/base/hash.h"
#include "core/records/codec.h"
#include "core/records/url_ids.h"
#include "records_help.h"

#define MANY	5000u

static struct str
hash_of(const char *key)
{
	static unsigned char k[8];

	return key_u64(k, hash_text(HASH_STORED, str_of(key)));
}

static void
assert_id(const char *key, uint32_t want)
{
	uint32_t id = 99;

	assert_int_equal(id_find(&db.t, T_NODE_URL, str_of(key), &id),
	    want == 0 ? KODO_ENOTFOUND : KODO_OK);
	assert_int_equal(id, want);
}

/* The record under the hash of key, written by hand: ids from 11 on for those keys. */
static void
list_put(const char *key, const char *const *keys, size_t n)
{
	struct buf b = BUF_INIT(0);
	size_t i;

	for (i = 0; i < n; i++) {
		buf_put_u32(&b, (uint32_t)(11 + i));
		write_str(&b, str_of(keys[i]));
	}
	raw_put(T_NODE_URL, hash_of(key), buf_str(&b));
	buf_free(&b);
}

static void
keys_come_change_and_go(void **state)
{
	(void)state;
	assert_id("a", 0);
	must(id_set(&db.t, T_NODE_URL, STR("a"), 0)); /* nothing to forget */
	assert_int_equal(count(T_NODE_URL), 0);
	must(id_set(&db.t, T_NODE_URL, STR("a"), 7));
	must(id_set(&db.t, T_NODE_URL, STR("b"), UINT32_MAX));
	must(id_set(&db.t, T_NODE_URL, STR(""), 3));
	assert_id("a", 7);
	assert_id("b", UINT32_MAX);
	assert_id("", 3);
	assert_id("c", 0);
	must(id_set(&db.t, T_NODE_URL, STR("a"), 8));
	assert_id("a", 8);
	must(id_set(&db.t, T_NODE_URL, STR("a"), 0));
	assert_id("a", 0);
	assert_id("b", UINT32_MAX);
	assert_int_equal(count(T_NODE_URL), 2); /* no empty list is left */
	assert_int_equal(count(T_PEER_URL), 0);
	must(id_set(&db.t, T_PEER_URL, STR("b"), 5));
	assert_id("b", UINT32_MAX); /* each table by itself */
}

/* Keys of one hash share a record. */
static void
equal_hashes(void **state)
{
	static const char *const keys[] = { "x", "mine", "", "mine2", "min" };

	(void)state;
	list_put("mine", keys, 5);
	assert_id("mine", 12);
	list_put("mine2", keys, 5);
	assert_id("mine2", 14);
	list_put("other", keys, 5);
	assert_id("other", 0); /* its hash is there, the key is not */
	must(id_set(&db.t, T_NODE_URL, STR("other"), 0));
	must(id_set(&db.t, T_NODE_URL, STR("other"), 21));
	assert_id("other", 21);
	must(id_set(&db.t, T_NODE_URL, STR("other"), 22));
	assert_id("other", 22);
	must(id_set(&db.t, T_NODE_URL, STR("mine"), 0));
	assert_id("mine", 0);
	/* the others of that hash stayed as they were: found again under a hash of their own */
	raw_put(T_NODE_URL, hash_of("min"), raw_get(T_NODE_URL, hash_of("mine")));
	assert_id("min", 15);
	raw_put(T_NODE_URL, hash_of("x"), raw_get(T_NODE_URL, hash_of("other")));
	assert_id("x", 11);
	list_put("last", (const char *const[]){ "last" }, 1);
	must(id_set(&db.t, T_NODE_URL, STR("last"), 0));
	assert_null(raw_get(T_NODE_URL, hash_of("last")).p);
}

struct seen {
	size_t n;
	uint64_t ids, stop_at;
	char keys[64];
};

static enum kodo_err
see(void *arg, uint32_t id, struct str key)
{
	struct seen *seen = arg;

	seen->n++;
	seen->ids += id;
	snprintf(seen->keys + strlen(seen->keys), sizeof(seen->keys) - strlen(seen->keys), "%.*s ",
	    STR_ARG(key));
	return seen->n == seen->stop_at ? KODO_EEXIST : KODO_OK;
}

static void
each_pair_once(void **state)
{
	static const char *const keys[] = { "x", "mine", "y" };
	struct seen seen = { 0 };

	(void)state;
	must(id_each(&db.t, T_NODE_URL, see, &seen));
	assert_int_equal(seen.n, 0);
	list_put("mine", keys, 3);
	must(id_each(&db.t, T_NODE_URL, see, &seen));
	assert_int_equal(seen.ids, 11 + 12 + 13);
	assert_string_equal(seen.keys, "x mine y ");
	must(id_set(&db.t, T_NODE_URL, STR("a"), 100));
	seen = (struct seen){ 0 };
	must(id_each(&db.t, T_NODE_URL, see, &seen));
	assert_int_equal(seen.n, 4);
	assert_int_equal(seen.ids, 136);
	/* its own error ends the walk, inside of a list too */
	for (seen.stop_at = 1; seen.stop_at <= 4; seen.stop_at++) {
		seen.n = 0;
		seen.keys[0] = '\0';
		assert_int_equal(id_each(&db.t, T_NODE_URL, see, &seen), KODO_EEXIST);
		assert_int_equal(seen.n, seen.stop_at);
	}
}

static void
damage_is_told(void **state)
{
	static const char *const keys[] = { "x", "mine" };
	struct seen seen = { 0 };
	struct str whole, part;
	uint32_t id;
	size_t i;

	(void)state;
	list_put("mine", keys, 2);
	whole = raw_get(T_NODE_URL, hash_of("mine"));
	for (i = 1; i < whole.len; i++) {
		const bool is_first_whole = i == 9;	/* 4 + 4 + "x": a list of one */

		part = bytes_of(whole.p, i);
		raw_put(T_NODE_URL, hash_of("mine"), part);
		assert_int_equal(id_find(&db.t, T_NODE_URL, STR("mine"), &id),
		    is_first_whole ? KODO_ENOTFOUND : KODO_ECORRUPT);
		assert_int_equal(id, 0);
		assert_int_equal(id_each(&db.t, T_NODE_URL, see, &seen),
		    is_first_whole ? KODO_OK : KODO_ECORRUPT);
		if (is_first_whole)
			continue;
		assert_int_equal(id_set(&db.t, T_NODE_URL, STR("mine"), 5), KODO_ECORRUPT);
		assert_int_equal(id_set(&db.t, T_NODE_URL, STR("mine"), 0), KODO_ECORRUPT);
		assert_true(str_eq(raw_get(T_NODE_URL, hash_of("mine")), part));
	}
	/* a length far beyond the record */
	raw_put(T_NODE_URL, hash_of("mine"), STR("\1\0\0\0\xf0\xff\xff\xff" "mine"));
	assert_int_equal(id_find(&db.t, T_NODE_URL, STR("mine"), &id), KODO_ECORRUPT);
}

static void
many_keys(void **state)
{
	struct seen seen = { 0 };
	char key[32];
	uint32_t i;

	(void)state;
	for (i = 1; i <= MANY; i++) {
		snprintf(key, sizeof(key), "http://n%u:1", i);
		must(id_set(&db.t, T_NODE_URL, str_of(key), i));
	}
	for (i = 3; i <= MANY; i += 3) {
		snprintf(key, sizeof(key), "http://n%u:1", i);
		must(id_set(&db.t, T_NODE_URL, str_of(key), 0));
	}
	for (i = 1; i <= MANY; i++) {
		snprintf(key, sizeof(key), "http://n%u:1", i);
		assert_id(key, i % 3 == 0 ? 0 : i);
	}
	must(id_each(&db.t, T_NODE_URL, see, &seen));
	assert_int_equal(seen.n, MANY - MANY / 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RECORDS_TEST(keys_come_change_and_go),
		RECORDS_TEST(equal_hashes),
		RECORDS_TEST(each_pair_once),
		RECORDS_TEST(damage_is_told),
		RECORDS_TEST(many_keys),
	};

	return cmocka_run_group_tests_name("url_ids", tests, NULL, NULL);
}
