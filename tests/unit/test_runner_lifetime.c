/* How long a runner lives and waits, children of the service and lighttpd's lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* programs are no library; these files of theirs are pure enough to be tested from inside */
#include "cmd/child.c"
#include "cmd/lighttpd.c"
#include "cron/lifetime.c"

#define S		1000000ll	/* a second in us */
#define WALL		(1700000000 * S)
#define MONO		(1000 * S)

static const struct lifetime for_300 = { .began_us = MONO, .until_us = MONO + 300 * S };
static const struct lifetime stay = { .stay = true, .began_us = MONO, .until_us = MONO };
static const struct lifetime once = { .once = true, .began_us = MONO, .until_us = MONO + 300 * S };

static void
test_lives_while_work_is_near(void **state)
{
	(void)state;
	assert_true(lifetime_is_worth(&for_300, WALL, WALL));
	assert_true(lifetime_is_worth(&for_300, WALL - 5 * S, WALL));
	assert_true(lifetime_is_worth(&for_300, WALL + 60 * S, WALL));
	assert_false(lifetime_is_worth(&for_300, WALL + 60 * S + 1, WALL));
	assert_false(lifetime_is_worth(&for_300, LIFETIME_NEVER, WALL));
	assert_true(lifetime_is_worth(&once, WALL, WALL));
	assert_false(lifetime_is_worth(&once, WALL + 1, WALL));
}

static void
test_judge(void **state)
{
	static const struct {
		const struct lifetime *lifetime;
		int64_t active_us;
		unsigned n_busy;
		int64_t age_us;
		enum lifetime_end end;
	} rows[] = {
		{ &for_300, WALL, 0, 0, LIFETIME_GOES_ON },
		{ &for_300, LIFETIME_NEVER, 0, 0, LIFETIME_IDLE },
		{ &for_300, WALL + 300 * S, 0, 0, LIFETIME_IDLE },
		{ &for_300, LIFETIME_NEVER, 1, 0, LIFETIME_GOES_ON },
		{ &for_300, WALL, 0, 300 * S - 1, LIFETIME_GOES_ON },
		{ &for_300, WALL, 0, 300 * S, LIFETIME_LIMIT },
		{ &for_300, WALL, 1, 300 * S, LIFETIME_CLOSING },
		{ &for_300, WALL, 1, 301 * S - 1, LIFETIME_CLOSING },
		{ &for_300, WALL, 1, 301 * S, LIFETIME_LIMIT },
		{ &stay, LIFETIME_NEVER, 0, 900 * S, LIFETIME_GOES_ON },
		{ &stay, WALL, 9, 900 * S, LIFETIME_GOES_ON },
		{ &once, WALL + S, 0, 0, LIFETIME_IDLE },
		{ &once, WALL + S, 1, 0, LIFETIME_GOES_ON },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lifetime_state at = { rows[i].active_us, rows[i].active_us, rows[i].n_busy };

		if (lifetime_judge(rows[i].lifetime, &at, MONO + rows[i].age_us, WALL) !=
		    rows[i].end)
			fail_msg("row %zu", i);
	}
}

static void
test_wait(void **state)
{
	struct lifetime_state soon = {
		.next_due_us = WALL + 3 * S, .active_due_us = LIFETIME_NEVER
	};
	struct lifetime_state never = {
		.next_due_us = LIFETIME_NEVER, .active_due_us = LIFETIME_NEVER
	};
	struct lifetime_state past = { .next_due_us = WALL - 3 * S, .active_due_us = WALL - 3 * S };

	(void)state;
	assert_int_equal(lifetime_wait_us(&stay, &soon, MONO, WALL, 60 * S), 3 * S);
	assert_int_equal(lifetime_wait_us(&stay, &soon, MONO, WALL, S), S);
	assert_int_equal(lifetime_wait_us(&stay, &never, MONO, WALL, 60 * S), 60 * S);
	assert_int_equal(lifetime_wait_us(&for_300, &never, MONO + 299 * S, WALL, 60 * S), S);
	assert_int_equal(
	    lifetime_wait_us(&for_300, &never, MONO + 300 * S, WALL, 60 * S), LIFETIME_CLOSING_US);
	/* a peer that is busy: neither for ever nor in a tight loop */
	assert_in_range(lifetime_wait_us(&stay, &past, MONO, WALL, 60 * S), 10000, 100000);
}

static void
test_pause(void **state)
{
	static const int64_t seconds[] = { 1, 2, 4, 8, 16, 30, 30 };
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
		assert_int_equal(lifetime_pause_us(i + 1), seconds[i] * S);
	assert_int_equal(lifetime_pause_us(4000000000u), 30 * S);
}

static void
test_child_pause(void **state)
{
	static const int64_t ms[] = { 100, 200, 400, 800, 1600, 3200, 5000, 5000 };
	int64_t pause_us = 0;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(ms) / sizeof(ms[0]); i++) {
		pause_us = child_pause_us(1000, pause_us);
		assert_int_equal(pause_us, ms[i] * 1000);
	}
	assert_int_equal(child_pause_us(10 * S, pause_us), 0);
}

static void
test_child_describe(void **state)
{
	char words[80];

	(void)state;
	assert_string_equal(child_describe(3 << 8, words), "ended with exit status 3");
	assert_string_equal(child_describe(9, words), "was killed by signal 9 (Killed)");
}

static void
test_lighttpd_lines(void **state)
{
	static const struct {
		const char *line, *text;
		enum log_level level;
	} rows[] = {
		{ "2026-11-24 11:31:30: (server.c.1704) server started (lighttpd/1.4.69)\n",
		    "(server.c.1704) server started (lighttpd/1.4.69)", LOG_DEBUG },
		{ "2026-11-24 11:31:30: (configfile.c.1) no such module\n",
		    "(configfile.c.1) no such module", LOG_WARNING },
		{ "no time here\r\n", "no time here", LOG_WARNING },
		{ "\n", "", LOG_WARNING },
	};
	enum log_level level;
	char line[200];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(line, sizeof(line), "%s", rows[i].line);
		assert_string_equal(lighttpd_read_line(line, &level), rows[i].text);
		assert_int_equal(level, rows[i].level);
	}
}

static void
test_conf_quotes(void **state)
{
	struct buf b = BUF_INIT(0);

	(void)state;
	put_quoted(&b, "/a \"b\"/c");
	assert_string_equal(buf_z(&b), "\"/a \\\"b\\\"/c\"");
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lives_while_work_is_near),
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_child_pause),
		cmocka_unit_test(test_child_describe),
		cmocka_unit_test(test_lighttpd_lines),
		cmocka_unit_test(test_conf_quotes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
