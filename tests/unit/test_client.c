/* Who asks: REMOTE_ADDR, and X-Forwarded-For of named proxies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "http/client.h"

struct request_of {
	const char *remote, *forwarded;
};

static const char *
env_of(struct transport *t, const char *name)
{
	const struct request_of *r = t->arg;

	if (strcmp(name, "REMOTE_ADDR") == 0)
		return r->remote;
	return strcmp(name, "HTTP_X_FORWARDED_FOR") == 0 ? r->forwarded : NULL;
}

static struct client
find(const char *remote, const char *forwarded, const struct options *o)
{
	struct request_of r = { remote, forwarded };
	struct transport t = { .env = env_of, .arg = &r };
	struct client c;

	client_find(&t, o, &c);
	return c;
}

static const struct str named[] = { { "127.0.0.1", 9 }, { "10.0.0.0/8", 10 },
	{ "2001:db8::/32", 13 } };
static const struct options none, some = { .proxies = named, .n_proxies = 3 };

static void
test_without_proxies(void **state)
{
	static const struct {
		const char *remote, *forwarded, *text;
		bool is_local;
	} rows[] = {
		{ "8.8.8.8", NULL, "8.8.8.8", false },
		{ "8.8.8.8", "9.9.9.9", "8.8.8.8", false },
		{ "127.0.0.1", "9.9.9.9", "127.0.0.1", true },
		{ "127.8.8.8", NULL, "127.8.8.8", true },
		{ "::1", NULL, "::1", true },
		{ "::ffff:127.0.0.1", NULL, "127.0.0.1", true },
		{ "::ffff:8.8.8.8", NULL, "8.8.8.8", false },
		{ "2606:4700:0:0::1", NULL, "2606:4700::1", false },
		{ "unix:", NULL, "", false },
		{ "", "9.9.9.9", "", false },
		{ NULL, NULL, "", false },
		{ "1270.0.1", NULL, "", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct client c = find(rows[i].remote, rows[i].forwarded, &none);

		assert_string_equal(c.text, rows[i].text);
		assert_int_equal(c.is_local, rows[i].is_local);
	}
}

/* Behind 127.0.0.1, 10.0.0.0/8 and 2001:db8::/32. */
static void
test_named_proxies(void **state)
{
	static const struct {
		const char *remote, *forwarded, *text;
	} rows[] = {
		{ "8.8.8.8", "9.9.9.9", "8.8.8.8" },
		{ "127.0.0.2", "9.9.9.9", "127.0.0.2" },
		{ "127.0.0.1", "9.9.9.9", "9.9.9.9" },
		{ "::ffff:127.0.0.1", "9.9.9.9", "9.9.9.9" },
		{ "2001:db8:1::2", "2606:4700::1", "2606:4700::1" },
		{ "127.0.0.1", NULL, "127.0.0.1" },
		{ "127.0.0.1", "", "127.0.0.1" },
		{ "127.0.0.1", " , ", "127.0.0.1" },
		/* what stands left of the first address of others anybody may have written */
		{ "127.0.0.1", "1.1.1.1, 9.9.9.9", "9.9.9.9" },
		{ "127.0.0.1", "127.0.0.1,9.9.9.9", "9.9.9.9" },
		{ "127.0.0.1", "9.9.9.9, 10.1.2.3 ,10.2.3.4", "9.9.9.9" },
		{ "127.0.0.1", "9.9.9.9,\t2001:db8::1", "9.9.9.9" },
		{ "127.0.0.1", "10.1.2.3,10.2.3.4", "10.1.2.3" },
		/* malformed entries end the search */
		{ "127.0.0.1", "unknown", "127.0.0.1" },
		{ "127.0.0.1", "9.9.9.9, unknown", "127.0.0.1" },
		{ "127.0.0.1", "9.9.9.9,, 10.2.3.4", "10.2.3.4" },
		{ "127.0.0.1", "9.9.9.9, 10.2.3.4:80, 10.1.1.1", "10.1.1.1" },
		{ "127.0.0.1", "9.9.9.9,10.2.3.4 5", "127.0.0.1" },
		{ "127.0.0.1", "9.9.9.9,", "127.0.0.1" },
		{ "127.0.0.1", "9.9.9.0x9", "127.0.0.1" },
		{ "127.0.0.1", "09.9.9.9", "127.0.0.1" },
		{ "127.0.0.1", "[2606:4700::1]", "127.0.0.1" },
		{ "127.0.0.1", "fe80::1%eth0", "127.0.0.1" },
		{ "127.0.0.1", "00000000000000000000000000000000000000000000000::1", "127.0.0.1" },
		{ "unix:", "9.9.9.9", "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct client c = find(rows[i].remote, rows[i].forwarded, &some);

		if (strcmp(c.text, rows[i].text) != 0)
			fail_msg("%s by %s: %s", rows[i].forwarded, rows[i].remote, c.text);
	}
}

/* Whoever comes by a named proxy is not this machine, whatever the proxy says, or nothing. */
static void
test_proxied_is_not_local(void **state)
{
	static const char *const forwarded[] = { NULL, "", "127.0.0.1", "::1", "127.0.0.5", "x" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		assert_false(find("127.0.0.1", forwarded[i], &some).is_local);
	assert_true(find("127.0.0.2", NULL, &some).is_local);
	assert_true(find("::1", NULL, &some).is_local);
}

static uint64_t
number(const char *remote, const char *forwarded)
{
	const struct client c = find(remote, forwarded, &some);

	return client_number(&c);
}

static void
test_numbers(void **state)
{
	(void)state;
	assert_int_equal(number("127.0.0.1", NULL), 0);
	assert_int_equal(number("::1", NULL), 0);
	assert_int_equal(number("nobody", NULL), 0);
	assert_int_not_equal(number("8.8.8.8", NULL), 0);
	assert_int_equal(number("8.8.8.8", NULL), number("::ffff:8.8.8.8", NULL));
	assert_int_equal(number("8.8.8.8", NULL), number("127.0.0.1", "8.8.8.8"));
	assert_int_not_equal(number("8.8.8.8", NULL), number("8.8.8.9", NULL));
	assert_int_equal(number("2606:4700::1", NULL), number("2606:4700::2:1", NULL));
	assert_int_not_equal(number("2606:4700::1", NULL), number("2606:4700:0:1::1", NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_proxies),
		cmocka_unit_test(test_named_proxies),
		cmocka_unit_test(test_proxied_is_not_local),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
