/* What peers that never answered may take of one host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* a program is no library; this file of it is pure enough to be tested from inside */
#include "cron/ceiling.c"

#define S	1000000ll
#define PROBE	100u

static struct ceiling *c;
static uint32_t host;

static int
setup(void **state)
{
	(void)state;
	host = ceiling_host(STR("http://victim.example:1"));
	return ceiling_new(&c) == KODO_OK ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	ceiling_free(c);
	return 0;
}

static void
hosts_of_urls(void **state)
{
	static const char *const same[] = { "https://victim.example",
		"http://VICTIM.example:99/a/b", "http://victim.example./" };
	static const char *const none[] = { "http://localhost:1", "http://127.0.0.1:3366/x",
		"http://10.1.2.3", "http://192.168.0.7:80", "http://[::1]:3366", "no url" };
	size_t i;

	(void)state;
	assert_true(host != 0);
	for (i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		assert_int_equal(ceiling_host(str_of(same[i])), host);
	assert_int_equal(ceiling_host(STR("http://0x5db8d822")),
	    ceiling_host(STR("http://93.184.216.34")));
	assert_int_not_equal(ceiling_host(STR("http://other.example:1")), host);
	for (i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(ceiling_host(str_of(none[i])), 0);
}

/* Private hosts have no ceiling. */
static void
no_host(void **state)
{
	int64_t wait_us;
	unsigned i;

	(void)state;
	for (i = 0; i < 10000; i++)
		assert_int_equal(ceiling_ask(c, 0, 1 << 20, 5 * S, &wait_us), CEILING_GO);
	ceiling_end(c, 0);
}

static void
slots(void **state)
{
	int64_t wait_us;
	unsigned i;

	(void)state;
	for (i = 0; i < CEILING_SLOTS; i++)
		assert_int_equal(ceiling_ask(c, host, PROBE, 5 * S, &wait_us), CEILING_GO);
	for (i = 1; i <= 3; i++) { /* one after another */
		assert_int_equal(ceiling_ask(c, host, PROBE, 5 * S, &wait_us), CEILING_WAIT);
		assert_int_equal(wait_us, i * CEILING_PACE_US);
	}
	assert_int_equal(
	    ceiling_ask(c, ceiling_host(STR("http://o.example")), PROBE, 5 * S, &wait_us),
	    CEILING_GO);
	ceiling_end(c, host);
	assert_int_equal(ceiling_ask(c, host, PROBE, 5 * S, &wait_us), CEILING_GO);
	assert_int_equal(ceiling_ask(c, host, PROBE, 5 * S, &wait_us), CEILING_WAIT);
}

/* Over an hour in which thousands want to go, each of them as often as it may. */
static void
bytes_a_minute(void **state)
{
	int64_t now_us, wait_us, bytes = 0;

	(void)state;
	for (now_us = S; now_us < 3600 * S; now_us += S / 50) {
		if (ceiling_ask(c, host, PROBE, now_us, &wait_us) != CEILING_GO)
			continue;
		bytes += PROBE;
		ceiling_end(c, host);
	}
	assert_in_range(bytes, 60 * CEILING_MINUTE_BYTES, 61 * CEILING_MINUTE_BYTES + PROBE);
}

static void
peers(void **state)
{
	int64_t wait_us, longest_us = 0;
	unsigned i, n = 0;

	(void)state;
	for (i = 0; i < CEILING_SLOTS; i++)
		assert_int_equal(ceiling_ask(c, host, PROBE, S, &wait_us), CEILING_GO);
	while (ceiling_ask(c, host, PROBE, S, &wait_us) == CEILING_WAIT) {
		assert_true(wait_us > longest_us);
		longest_us = wait_us;
		n++;
	}
	assert_int_equal(n, CEILING_PEERS);
	assert_int_equal(ceiling_ask(c, host, PROBE, S, &wait_us), CEILING_DROP);
	for (i = 0; i < CEILING_SLOTS; i++)
		ceiling_end(c, host);
	assert_int_equal(ceiling_ask(c, host, PROBE, S, &wait_us), CEILING_GO);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(hosts_of_urls), T(no_host), T(slots), T(bytes_a_minute), T(peers),
	};

	return cmocka_run_group_tests_name("ceiling", tests, NULL, NULL);
}
