#include <arpa/inet.h>

#include "core/trust/moderation.h"
#include "provider_help.h"

static struct moderation_entry
entry(const char *pattern, enum verdict verdict)
{
	struct why why = { "" };
	struct moderation_entry e;

	if (moderation_parse(scratch.a, str_of(pattern), &e, &why) != KODO_OK)
		scratch_fail("%s: %s", pattern, why.text);
	e.verdict = verdict;
	e.since_us = 5;
	return e;
}

static struct moderation list;

static void
add(const char *pattern, enum verdict verdict)
{
	const struct moderation_entry e = entry(pattern, verdict);

	must(moderation_set(scratch.a, &list, &e));
}

static const char *
pattern_of(const struct moderation_entry *e)
{
	return e == NULL ? "" : arena_strz(scratch.a, e->pattern);
}

/* What decides on a node. */
static const char *
node_by(const char *url, const char *organization)
{
	const struct moderation_entry *e;

	must(moderation_of_node(&list, str_of(url), str_of(organization), &e));
	return pattern_of(e);
}

static const char *
peer_by(const char *url, const char *address)
{
	struct peer p = { .id = 1, .key = str_of(url) };
	struct in6_addr a;

	if (address != NULL) {
		assert_true(address_read(str_of(address), &a));
		p.in.address = (struct str){ (const char *)a.s6_addr, sizeof(a) };
	}
	return pattern_of(moderation_of_peer(&list, &p));
}

static void
patterns_have_one_form(void **state)
{
	static const char *const rows[][2] = {
		{ "url:http://A.b:80/x/", "url:http://a.b/x" },
		{ "https://A:443", "url:https://a" },
		{ "HTTP://a:1", "url:http://a:1" },
		{ "organization:*Evil & Co", "organization:*Evil & Co" },
		{ "organization:*", "organization:*" },
		{ "address:192.0.2.7/24", "address:192.0.2.0/24" },
		{ "address:192.0.2.7", "address:192.0.2.7" },
		{ "address:192.0.2.7/32", "address:192.0.2.7" },
		{ "address:::ffff:192.0.2.7", "address:192.0.2.7" },
		{ "address:2001:DB8::1/32", "address:2001:db8::/32" },
		{ "address:::1", "address:::1" },
		{ "address:0.0.0.0/0", "address:0.0.0.0/0" },
		{ "address:::/0", "address:::/0" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_str(entry(rows[i][0], VERDICT_DENIED).pattern, rows[i][1]);
}

static void
bad_patterns_are_explained(void **state)
{
	static const char *const rows[][2] = {
		{ "", "no pattern" }, { "evil.example", "no pattern" },
		{ "organisation:x", "no pattern" }, { "ftp://a", "no pattern" },
		{ "url:", "no http or https url" }, { "url:a", "no http or https url" },
		{ "http://a b", "no http or https url" }, { "http://u@a", "no http or https url" },
		{ "organization:", "which organization" },
		{ "organization:a*b", "begin or the end" },
		{ "organization:***", "begin or the end" }, { "organization:\xff", "no UTF-8" },
		{ "address:", "no address" }, { "address:1.2.3.4/33", "no address" },
		{ "address:1.2.3.4/", "no address" }, { "address:host", "no address" },
		{ "address:::/129", "no address" }, { "address:1.2.3.4/-1", "no address" },
	};
	struct moderation_entry e;
	struct why why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		why.text[0] = '\0';
		assert_int_equal(moderation_parse(scratch.a, str_of(rows[i][0]), &e, &why),
		    KODO_EINVAL);
		if (strstr(why.text, rows[i][1]) == NULL)
			scratch_fail("%s: \"%s\"", rows[i][0], why.text);
	}
}

static void
urls_by_segments(void **state)
{
	static const struct {
		const char *url;
		bool hits;
	} rows[] = {
		{ "http://a:1/x", true }, { "http://a:1/x/y", true }, { "http://a:1/x?q", true },
		{ "http://a:1/xy", false }, { "http://a:1", false }, { "http://a:11/x", false },
		{ "https://a:1/x", false },
		/* other spellings of what lies there, and of what does not */
		{ "http://a.:1/x", true }, { "http://a:1/%78/y", true }, { "http://a:1//x", true },
		{ "http://a:1/y/../x", true }, { "http://a:1/x/../y", false },
	};
	static const char *const spellings[] = { "http://192.0.2.1", "http://0xc0000201",
		"http://3221225985/y", "http://0300.0.2.1", "http://[::ffff:c000:201]" };
	size_t i;

	(void)state;
	add("url:http://a:1/x", VERDICT_DENIED);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(node_by(rows[i].url, "O")[0] != '\0', rows[i].hits);
		assert_int_equal(peer_by(rows[i].url, NULL)[0] != '\0', rows[i].hits);
	}
	add("url:http://0300.0.513", VERDICT_DENIED);
	for (i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++)
		assert_string_equal(node_by(spellings[i], "O"), "url:http://192.0.2.1");
}

static void
organizations_without_case(void **state)
{
	static const struct {
		const char *pattern, *organization;
		bool hits;
	} rows[] = {
		{ "organization:Evil", "eVIL", true }, { "organization:Evil", "Evil Inc", false },
		{ "organization:Evil*", "evil inc", true },
		{ "organization:*inc", "Evil Inc", true },
		{ "organization:*inc", "Inc of Evil", false },
		{ "organization:*L I*", "evil inc", true },
		{ "organization:*", NULL, true }, { "organization:x", NULL, false },
		{ "organization:\xc3\x84*", "\xc3\xa4 b", true }, { "organization:*x", "", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		list.n = 0;
		add(rows[i].pattern, VERDICT_DENIED);
		if ((node_by("http://n", rows[i].organization)[0] != '\0') != rows[i].hits)
			scratch_fail("%s on %s", rows[i].pattern, rows[i].organization);
	}
}

static void
the_nearest_decides(void **state)
{
	(void)state;
	add("organization:Evil*", VERDICT_DENIED);
	add("http://a", VERDICT_HIDDEN);
	add("http://a/good", VERDICT_SHOWN);
	add("organization:Evil Twin", VERDICT_SHOWN);
	add("organization:*vil X", VERDICT_SHOWN);
	add("organization:evil x*", VERDICT_DENIED);
	assert_string_equal(node_by("http://b", "Evil Co"), "organization:Evil*");
	assert_string_equal(node_by("http://b", "Evil Twin"), "organization:Evil Twin");
	/* as long as the other: the stricter */
	assert_string_equal(node_by("http://b", "Evil X"), "organization:evil x*");
	assert_string_equal(node_by("http://a/x", "Evil Twin"), "url:http://a");
	assert_string_equal(node_by("http://a/good/1", "Evil Co"), "url:http://a/good");
	assert_string_equal(node_by("http://b", "Good"), "");
	/* of peers the url goes before the address */
	add("address:192.0.2.0/24", VERDICT_DENIED);
	add("address:192.0.2.4/30", VERDICT_SHOWN);
	assert_string_equal(peer_by("http://p", "192.0.2.1"), "address:192.0.2.0/24");
	assert_string_equal(peer_by("http://p", "192.0.2.5"), "address:192.0.2.4/30");
	assert_string_equal(peer_by("http://a", "192.0.2.1"), "url:http://a");
	assert_string_equal(peer_by("http://p", "2001:db8::1"), "");
	assert_string_equal(peer_by("http://p", NULL), "");
}

static void
list_is_stored(void **state)
{
	static const struct str bad[] = { { "", 0 }, { "\0\0\0\0\1\0\0\0", 8 },
		{ "\0\0\0\0\xff\xff\xff\xff", 8 },
		{ "\0\0\0\0\1\0\0\0" "\3\0\0\0" "\1\0\0\0\0\0\0\0" "\5\0\0\0url:x", 29 } };
	struct moderation_entry e;
	struct moderation m;
	size_t i;

	(void)state;
	must(moderation_get(&db.t, scratch.a, &m));
	assert_true(m.n == 0 && m.unfinished == 0);
	add("http://a", VERDICT_DENIED);
	add("organization:\xc3\x84*", VERDICT_HIDDEN);
	add("address:10.0.0.0/8", VERDICT_SHOWN);
	list.unfinished = 7;
	must(moderation_put(&db.t, &list));
	must(moderation_get(&db.t, scratch.a, &m));
	assert_true(m.n == 3 && m.unfinished == 7);
	for (i = 0; i < m.n; i++)
		assert_true(str_eq(m.all[i].pattern, list.all[i].pattern) &&
		    str_eq(m.all[i].text, list.all[i].text) && m.all[i].since_us == 5 &&
		    m.all[i].verdict == list.all[i].verdict &&
		    m.all[i].net.bits == list.all[i].net.bits);
	/* an organization is the same one in any case */
	e = entry("organization:\xc3\xa4*", VERDICT_DENIED);
	must(moderation_set(scratch.a, &m, &e));
	assert_true(m.n == 3 && m.all[1].verdict == VERDICT_DENIED);
	assert_true(moderation_remove(&m, &e));
	assert_false(moderation_remove(&m, &e));
	assert_true(m.n == 2 && m.all[1].kind == MODERATE_ADDRESS);
	m.n = MODERATION_MAX;
	e = entry("http://b", VERDICT_DENIED);
	m.all = arena_zalloc(scratch.a, m.n * sizeof(*m.all));
	assert_int_equal(moderation_set(scratch.a, &m, &e), KODO_ETOOBIG);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		raw_put(T_META, STR("moderation"), bad[i]);
		assert_int_equal(moderation_get(&db.t, scratch.a, &m), KODO_ECORRUPT);
	}
}

/* What several peers state alike is hit only where all of them are. */
static void
the_mildest_peer_counts(void **state)
{
	const struct flow flow = { .url = STR("/f"), .name = STR("f") };
	const struct moderation_entry *e;
	struct statement s;
	enum verdict at;
	uint32_t a, b;

	(void)state;
	self_put();
	a = provider_put("http://a");
	b = provider_put("http://b");
	s = (struct statement){ .peer = a, .version = 5, .bytes = pack("http://n", &flow, 1) };
	must(record_put_winner(&db.t, 7, VERDICT_SHOWN, &s));
	add("http://a", VERDICT_DENIED);
	must(moderation_of_stored(&db.t, scratch.a, &list, 7, &e, &at));
	assert_string_equal(pattern_of(e), "url:http://a");
	assert_int_equal(at, VERDICT_SHOWN);
	s.peer = b;
	must(record_put_shadow(&db.t, 7, b, &s));
	must(moderation_of_stored(&db.t, scratch.a, &list, 7, &e, &at));
	assert_null(e);
	add("http://b", VERDICT_HIDDEN);
	must(moderation_of_stored(&db.t, scratch.a, &list, 7, &e, &at));
	assert_string_equal(pattern_of(e), "url:http://b");
	/* one that states something else does not count */
	s.bytes = pack("http://n", &flow, 0);
	must(record_put_shadow(&db.t, 7, b, &s));
	must(moderation_of_stored(&db.t, scratch.a, &list, 7, &e, &at));
	assert_string_equal(pattern_of(e), "url:http://a");
	/* nor is it asked what peers may where the node itself is hit */
	add("http://n", VERDICT_SHOWN);
	must(moderation_of_stored(&db.t, scratch.a, &list, 7, &e, &at));
	assert_string_equal(pattern_of(e), "url:http://n");
	assert_int_equal(
	    moderation_of_stored(&db.t, scratch.a, &list, 8, &e, &at), KODO_ENOTFOUND);
	/* the own node */
	s.peer = PEER_SELF;
	must(record_put_winner(&db.t, 9, VERDICT_SHOWN, &s));
	must(moderation_of_stored(&db.t, scratch.a, &list, 9, &e, &at));
	assert_null(e);
}

static int
setup(void **state)
{
	list = (struct moderation){ .n = 0 };
	return records_setup(state);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, records_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(patterns_have_one_form),
		TEST(bad_patterns_are_explained),
		TEST(urls_by_segments),
		TEST(organizations_without_case),
		TEST(the_nearest_decides),
		TEST(list_is_stored),
		TEST(the_mildest_peer_counts),
	};

	return cmocka_run_group_tests_name("moderation", tests, NULL, NULL);
}
