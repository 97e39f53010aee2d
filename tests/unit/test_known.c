#include "core/records/known.h"
#include "records_help.h"

#define NODE	7u

static void
put_seen(uint32_t peer, uint64_t version)
{
	struct statement s = said(peer, version, "seen");

	must(record_put_seen(&db.t, NODE, &s));
}

static void
put_shadow(uint32_t peer, uint64_t version, const char *text)
{
	struct statement s = said(peer == PEER_TOMB ? 3 : peer, version, text);

	must(record_put_shadow(&db.t, NODE, peer, &s));
}

static void
version_is_the_highest(void **state)
{
	static const struct {
		uint64_t seen, tomb, want;	/* 0: is not there, but where want says so */
	} rows[] = {
		{ 0, 0, 0 }, { 5, 0, 5 }, { 0, 5, 5 }, { 5, 4, 5 }, { 4, 5, 5 }, { 5, 5, 5 },
		{ UINT64_MAX, 1, UINT64_MAX },
	};
	struct known kn;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		must(record_del_seen(&db.t, NODE));
		must(record_del_shadow(&db.t, NODE, PEER_TOMB));
		put_shadow(2, 1000, "loser"); /* does not count */
		if (rows[i].seen != 0)
			put_seen(1, rows[i].seen);
		if (rows[i].tomb != 0)
			put_shadow(PEER_TOMB, rows[i].tomb, "http://n:1");
		memset(&kn, 0xff, sizeof(kn));
		must(known_get(&db.t, NODE, &kn));
		assert_int_equal(kn.is_seen, rows[i].seen != 0);
		assert_int_equal(kn.is_gone, rows[i].tomb != 0);
		assert_int_equal(kn.version, rows[i].want);
		if (kn.is_seen)
			assert_true(kn.winner.peer == 1 && kn.winner.version == rows[i].seen &&
			    str_eq(kn.winner.bytes, STR("seen")));
		if (kn.is_gone)
			assert_true(kn.tomb.peer == 3 && kn.tomb.version == rows[i].tomb &&
			    str_eq(kn.tomb.bytes, STR("http://n:1")));
	}
}

static void
other_nodes_are_others(void **state)
{
	struct known kn;
	struct statement s;

	(void)state;
	put_seen(1, 5);
	put_shadow(PEER_TOMB, 6, "http://n:1");
	must(known_get(&db.t, NODE + 1, &kn));
	assert_false(kn.is_seen || kn.is_gone || kn.version != 0);
	assert_int_equal(known_statement(&db.t, NODE + 1, 1, &s), KODO_ENOTFOUND);
}

static void
what_a_peer_says(void **state)
{
	struct statement s;

	(void)state;
	assert_int_equal(known_statement(&db.t, NODE, 1, &s), KODO_ENOTFOUND);
	put_shadow(2, 4, "loser"); /* nothing is seen */
	must(known_statement(&db.t, NODE, 2, &s));
	assert_str(s.bytes, "loser");
	put_seen(1, 5);
	must(known_statement(&db.t, NODE, 1, &s));
	assert_str(s.bytes, "seen");
	must(known_statement(&db.t, NODE, 2, &s));
	assert_true(s.peer == 2 && s.version == 4);
	assert_int_equal(known_statement(&db.t, NODE, 3, &s), KODO_ENOTFOUND);
	assert_int_equal(known_statement(&db.t, NODE, PEER_SELF, &s), KODO_ENOTFOUND);
}

static void
damage_is_told(void **state)
{
	unsigned char k[8];
	struct statement s;
	struct known kn;

	(void)state;
	put_shadow(2, 4, "loser");
	raw_put(T_NODE, key_u32(k, NODE), STR("short"));
	assert_int_equal(known_get(&db.t, NODE, &kn), KODO_ECORRUPT);
	assert_false(kn.is_seen);
	assert_int_equal(known_statement(&db.t, NODE, 2, &s), KODO_ECORRUPT);
	put_seen(1, 5);
	raw_put(T_SHADOW, key_u32_u32(k, NODE, PEER_TOMB), STR("short"));
	assert_int_equal(known_get(&db.t, NODE, &kn), KODO_ECORRUPT);
	assert_false(kn.is_gone);
	must(known_statement(&db.t, NODE, 2, &s));
	raw_put(T_SHADOW, key_u32_u32(k, NODE, 2), STR("short"));
	assert_int_equal(known_statement(&db.t, NODE, 2, &s), KODO_ECORRUPT);
	must(known_statement(&db.t, NODE, 1, &s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		RECORDS_TEST(version_is_the_highest),
		RECORDS_TEST(other_nodes_are_others),
		RECORDS_TEST(what_a_peer_says),
		RECORDS_TEST(damage_is_told),
	};

	return cmocka_run_group_tests_name("known", tests, NULL, NULL);
}
