#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "core/base/limit.h"
#include "core/base/url.h"

static bool
eq(struct str s, const char *z)
{
	return str_eq(s, str_of(z));
}

static void
test_parts(void **state)
{
	static const struct {
		const char *url, *scheme, *host, *path;
		uint16_t port;
	} rows[] = {
		{ "http://localhost", "http", "localhost", "", 80 },
		{ "http://localhost:3366/", "http", "localhost", "", 3366 },
		{ "HTTPS://Example.COM/a/b//", "HTTPS", "Example.COM", "/a/b", 443 },
		{ "http://[::1]:80/x?y=/z", "http", "::1", "/x?y=/z", 80 },
		{ "http://x?q", "http", "x", "?q", 80 },
		{ "http://under_score.x-y~z.", "http", "under_score.x-y~z.", "", 80 },
		{ "https://h:0065535/%2f/ü", "https", "h", "/%2f/ü", 65535 },
	};
	struct url u;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(url_parse(str_of(rows[i].url), &u, NULL), KODO_OK);
		assert_true(eq(u.scheme, rows[i].scheme) && eq(u.host, rows[i].host));
		assert_true(eq(u.path, rows[i].path));
		assert_int_equal(u.port, rows[i].port);
	}
}

static void
test_refused(void **state)
{
	static const struct {
		const char *url, *reason;
	} rows[] = {
		{ "", "empty" },
		{ "hello", "scheme must be http or https" },
		{ "http:/x", "scheme must be http or https" },
		{ "ftp://x", "scheme must be http or https" },
		{ " http://x", "scheme must be http or https" },
		{ "file:///etc/passwd", "scheme must be http or https" },
		{ "http://", "missing host" },
		{ "http:///path", "missing host" },
		{ "http://:80", "missing host" },
		{ "http://?q", "missing host" },
		{ "http://x:", "invalid port" },
		{ "http://x:/", "invalid port" },
		{ "http://x:0", "invalid port" },
		{ "http://x:8x", "invalid port" },
		{ "http://x:-1", "invalid port" },
		{ "http://x:65536", "port over 65535" },
		{ "http://x:99999999999999999999", "port over 65535" },
		{ "http://user@x", "user information" },
		{ "http://user:pass@x", "user information" },
		{ "http://x:80@y", "user information" },
		{ "http://x/#f", "fragment" },
		{ "http://x/a b", "blank or control character" },
		{ "http://x/\n", "blank or control character" },
		{ "http://x/\x7f", "blank or control character" },
		{ "http://x\\@y", "backslash" },
		{ "http://[::1", "missing ]" },
		{ "http://[::1%25eth0]", "invalid IPv6 address" },
		{ "http://[localhost]", "invalid IPv6 address" },
		{ "http://[]", "invalid IPv6 address" },
		{ "http://[::1]x", "invalid port" },
		{ "http://%6cocalhost", "invalid character in host" },
		{ "http://\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.1", "invalid character in host" },
		{ "http://a<b", "invalid character in host" },
		{ "http://a,b", "invalid character in host" },
	};
	const char *reason;
	struct url u;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(url_parse(str_of(rows[i].url), &u, &reason), KODO_EINVAL);
		assert_string_equal(reason, rows[i].reason);
		assert_null(u.host.p);
	}
	assert_int_equal(url_parse(STR_NULL, &u, NULL), KODO_EINVAL);
	assert_int_equal(url_parse(STR("http://x/\0"), &u, &reason), KODO_EINVAL);
}

static void
test_ceiling(void **state)
{
	char text[LIMIT_URL_BYTES + 1];
	struct arena *a = arena_new();
	struct str key;
	struct url u;

	(void)state;
	memset(text, 'a', sizeof(text));
	memcpy(text, "http://x/", 9);
	assert_int_equal(url_parse((struct str){ text, LIMIT_URL_BYTES }, &u, NULL), KODO_OK);
	assert_int_equal(url_parse((struct str){ text, sizeof(text) }, &u, NULL), KODO_ETOOBIG);
	assert_int_equal(url_key(a, (struct str){ text, sizeof(text) }, &key), KODO_ETOOBIG);
	assert_null(key.p);
	arena_free(a);
}

static void
test_shown(void **state)
{
	(void)state;
	assert_true(eq(url_shown(STR("http://X:80/a//")), "http://X:80/a"));
	assert_true(eq(url_shown(STR("http://x")), "http://x"));
	assert_int_equal(url_shown(STR("")).len, 0);
	assert_int_equal(url_shown(STR("///")).len, 0);
}

static void
test_key(void **state)
{
	static const struct {
		const char *url, *key;
	} rows[] = {
		{ "http://localhost:3366", "http://localhost:3366" },
		{ "HTTP://LocalHost:3366//", "http://localhost:3366" },
		{ "http://x:80", "http://x" },
		{ "http://x:0080/", "http://x" },
		{ "https://x:443/A", "https://x/A" },
		{ "https://x:80", "https://x:80" },
		{ "http://x:443", "http://x:443" },
		{ "http://[2001:DB8::1]:80/Path/", "http://[2001:db8::1]/Path" },
		{ "http://x:00081", "http://x:81" },
		{ "http://x/a/../b", "http://x/a/../b" },
	};
	struct arena *a = arena_new();
	struct str key;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(url_key(a, str_of(rows[i].url), &key), KODO_OK);
		assert_true(eq(key, rows[i].key));
		assert_int_equal(url_key(a, key, &key), KODO_OK);	/* a key is its own key */
		assert_true(eq(key, rows[i].key));
	}
	assert_int_equal(url_key(a, STR("x"), &key), KODO_EINVAL);
	assert_null(key.p);
	arena_free(a);
}

static void
test_canonical(void **state)
{
	static const struct {
		const char *url, *canonical;
	} rows[] = {
		{ "http://spam.example/x", "http://spam.example/x" },
		{ "HTTP://Spam.Example.:80//x/", "http://spam.example/x" },
		{ "https://a:443", "https://a" }, { "https://a:0444", "https://a:444" },
		{ "http://a/%7eb/%41%2f%2F/c", "http://a/~b/A%2F%2F/c" },
		{ "http://a/\xc3\xa9%c3%a9", "http://a/%C3%A9%C3%A9" },
		{ "http://a/x%zz%", "http://a/x%25zz%25" },
		{ "http://a/x|%7C", "http://a/x%7C%7C" },
		{ "http://a/b/../c/./d", "http://a/c/d" }, { "http://a/b/%2e%2E", "http://a" },
		{ "http://a/../../b", "http://a/b" }, { "http://a/..b/...", "http://a/..b/..." },
		{ "http://a//b//../c", "http://a/c" }, { "http://a/b/.", "http://a/b" },
		{ "http://a/b?x=/../%7E//y", "http://a/b?x=/../~//y" },
		{ "http://a?q", "http://a?q" },
		{ "http://192.0.2.1", "http://192.0.2.1" },
		{ "http://0xc0000201:80/x", "http://192.0.2.1/x" },
		{ "http://3221225985", "http://192.0.2.1" },
		{ "http://0300.0.02.1.", "http://192.0.2.1" },
		{ "http://192.0.513", "http://192.0.2.1" },
		{ "http://[::FFFF:192.0.2.1]", "http://192.0.2.1" },
		{ "http://[2001:DB8:0:0:0::0001]:81/", "http://[2001:db8::1]:81" },
		{ "http://1.2.3.4.example", "http://1.2.3.4.example" },
		{ "http://0", "http://0.0.0.0" },
		{ "no url", "no url" }, { "", "" },
	};
	char longest[LIMIT_URL_BYTES], to[URL_CANONICAL_BYTES], again[URL_CANONICAL_BYTES];
	struct str c;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		c = (struct str){ to, url_canonical(str_of(rows[i].url), to) };
		if (!eq(c, rows[i].canonical))
			fail_msg("%s: %.*s", rows[i].url, STR_ARG(c));
		assert_int_equal(url_canonical(c, again), c.len);	/* it is its own form */
		assert_memory_equal(again, to, c.len);
	}
	memset(longest, 0xc3, sizeof(longest));
	memcpy(longest, "http://0/", 9);
	assert_int_equal(url_canonical((struct str){ longest, sizeof(longest) }, to),
	    15 + 3 * (sizeof(longest) - 9));
	assert_true(url_is_below(STR("http://a/b?c"), STR("http://a/b")));
	assert_false(url_is_below(STR("http://a/bc"), STR("http://a/b")));
}

static void
test_private(void **state)
{
	static const char *const private[] = {
		"localhost", "LOCALHOST", "localhost.", "a.b.localhost", "localhost.localdomain",
		"127.0.0.1", "127.9.9.9.", "127.1", "0x7f.1", "2130706433", "017700000001", "0",
		"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
		"0.0.0.0", "[::]", "[::1]", "[fc00::1]", "[fdff::1]", "[fe80::1]", "[febf::1]",
		    "[fec0::1]",
		"[::ffff:127.0.0.1]", "[::ffff:10.1.2.3]", "[::ffff:a00:1]", "[64:ff9b::7f00:1]",
	};
	static const char *const public[] = {
		"example.com", "localhost.example.com", "notlocalhost", "8.8.8.8", "172.15.0.1",
		"172.32.0.1", "192.169.0.1", "169.253.0.1", "11.0.0.1", "[2a00::1]",
		"[::ffff:8.8.8.8]", "10.example.com", "1.2.3.4.5",
		    "127.0.0.1.example.com",
	};
	char text[128];
	struct url u;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(private) / sizeof(private[0]); i++) {
		snprintf(text, sizeof(text), "http://%s:80/x", private[i]);
		assert_int_equal(url_parse(str_of(text), &u, NULL), KODO_OK);
		assert_true(url_is_private(&u));
	}
	for (i = 0; i < sizeof(public) / sizeof(public[0]); i++) {
		snprintf(text, sizeof(text), "http://%s", public[i]);
		assert_int_equal(url_parse(str_of(text), &u, NULL), KODO_OK);
		assert_false(url_is_private(&u));
	}
}

static void
test_loopback(void **state)
{
	static const struct {
		const char *host;
		bool is_loopback;
	} rows[] = {
		{ "localhost", true }, { "LOCALHOST.", true }, { "x.localhost", true },
		{ "127.0.0.1", true }, { "127.1", true }, { "[::1]", true },
		{ "10.0.0.1", false }, { "[fe80::1]", false }, { "example.com", false },
		{ "localhost.example.com", false }, { "0.0.0.0", false },
	};
	char text[64];
	struct url u;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "http://%s:80/x", rows[i].host);
		assert_int_equal(url_parse(str_of(text), &u, NULL), KODO_OK);
		assert_int_equal(url_is_loopback(&u), rows[i].is_loopback);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_ceiling), cmocka_unit_test(test_shown),
		cmocka_unit_test(test_key), cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_private),
		cmocka_unit_test(test_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
