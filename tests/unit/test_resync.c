/* Pacing is of a peer's record and the clock alone: no store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/merge/resync.h"

#define NOW_US		1764000000000000ll
#define SECOND_US	1000000ll
#define CALM_US		(18 * SECOND_US) /* twice the wait, and 2 s */
#define STATE		7u

static const struct options options = { .url = { "http://own:1", 12 } };
static struct change ch;

static int
setup(void **state)
{
	(void)state;
	ch = (struct change){ .now_us = NOW_US, .o = &options, .head = { .state = STATE } };
	return 0;
}

static struct peer
target(void)
{
	return (struct peer){ .id = 1, .flags = PEER_TARGET };
}

/* Is a connect due now, by a resync? */
static void
assert_started(const struct peer *p, uint32_t n)
{
	assert_int_equal(p->out.work[WORK_CONNECT], STATE);
	assert_int_equal(p->out.due_us, ch.now_us);
	assert_int_equal(p->resync.at_us, ch.now_us);
	assert_int_equal(p->resync.n, n);
	assert_int_equal(p->out.check_us, 0);
	assert_false((p->flags & PEER_RESYNC) != 0);
	assert_true(ch.is_due);
	ch.is_due = false;
}

/* --- an update in doubt --- */

static void
first_one_is_at_once(void **state)
{
	struct peer p = target();

	(void)state;
	p.out.check_us = NOW_US + 77;
	p.out.attempts = 4;
	resync_raise(&ch, &p);
	assert_started(&p, 1);
	assert_int_equal(p.out.attempts, 0);
	assert_true(str_eq(p.out.acked_url, options.url));
}

static void
further_ones_wait_ever_longer(void **state)
{
	static const int64_t waits_s[] = { 1, 2, 4, 8, 8, 8, 8, 8, 8, 300, 300 };
	struct peer p = target();
	uint32_t i;

	(void)state;
	resync_raise(&ch, &p);
	for (i = 0; i < sizeof(waits_s) / sizeof(waits_s[0]); i++) {
		p.out.work[WORK_CONNECT] = 0; /* it was made */
		ch.is_due = false;
		resync_raise(&ch, &p);
		assert_true((p.flags & PEER_RESYNC) != 0 && ch.is_due);
		assert_int_equal(p.out.check_us, ch.now_us + waits_s[i] * SECOND_US);
		assert_int_equal(p.out.work[WORK_CONNECT], 0);
		assert_int_equal(p.resync.n, i + 1);
		/* raised again while it waits: nothing changes */
		ch.is_due = false;
		ch.now_us += 1;
		resync_raise(&ch, &p);
		assert_int_equal(p.out.check_us, ch.now_us - 1 + waits_s[i] * SECOND_US);
		assert_false(ch.is_due);
		ch.now_us = p.out.check_us;
		resync_start(&ch, &p);
		assert_started(&p, i + 2);
	}
}

/* The wait counts from the last resync, not from the doubt. */
static void
wait_counts_from_the_last(void **state)
{
	struct peer p = target();

	(void)state;
	resync_raise(&ch, &p);
	ch.now_us += 2 * SECOND_US;
	resync_raise(&ch, &p);
	assert_int_equal(p.out.check_us, NOW_US + 1 * SECOND_US);
}

static void
calm_begins_anew(void **state)
{
	static const struct {
		int64_t passed_us;
		bool is_calm;
	} rows[] = {
		{ CALM_US, false }, { CALM_US + 1, true },
		{ -CALM_US, false }, { -CALM_US - 1, true },
		{ 86400 * SECOND_US, true }, { -86400 * SECOND_US, true },
	};
	struct peer p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		p = target();
		p.resync.at_us = NOW_US - rows[i].passed_us;
		p.resync.n = 5;
		ch.is_due = false;
		resync_raise(&ch, &p);
		if (rows[i].is_calm)
			assert_started(&p, 1);
		else
			assert_int_equal(p.out.check_us, p.resync.at_us + 8 * SECOND_US);
	}
}

static void
cancelled_only_if_it_waits(void **state)
{
	struct peer p = target();

	(void)state;
	p.out.check_us = 55; /* of a digest check */
	resync_cancel(&p);
	assert_int_equal(p.out.check_us, 55);
	p.flags |= PEER_RESYNC;
	resync_cancel(&p);
	assert_int_equal(p.out.check_us, 0);
	assert_int_equal(p.flags, PEER_TARGET);
}

/* --- beginning again --- */

static void
whichever_may_connect(void **state)
{
	static const struct {
		uint32_t flags;
		int work;	/* -1: none */
	} rows[] = {
		{ PEER_TARGET, WORK_CONNECT },
		{ PEER_TARGET | PEER_PROVIDER, WORK_CONNECT },
		{ PEER_PROVIDER | PEER_PROVEN, WORK_RECONNECT },
		{ PEER_TARGET | PEER_LEFT | PEER_PROVIDER, WORK_RECONNECT },
		{ PEER_TARGET | PEER_LEFT, -1 },
		{ PEER_FEED | PEER_KODO, -1 },
	};
	struct peer p;
	size_t i;
	int work;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		p = (struct peer){ .id = 1, .flags = rows[i].flags };
		p.out.attempts = 3;
		ch.is_due = false;
		resync_restart(&ch, &p);
		for (work = 0; work < WORK_MAX; work++)
			assert_int_equal(p.out.work[work], work == rows[i].work ? STATE : 0);
		assert_int_equal(p.resync.n, rows[i].work >= 0);
		assert_int_equal(p.out.due_us, rows[i].work >= 0 ? NOW_US : 0);
		assert_int_equal(ch.is_due, rows[i].work >= 0);
		assert_int_equal(p.out.attempts, rows[i].work >= 0 ? 0 : 3);
		assert_int_equal(p.out.acked_url.p != NULL, rows[i].work == WORK_CONNECT);
	}
}

static void
pace_slows_down_and_pauses(void **state)
{
	static const int64_t waits_ms[] = { 0, 500, 1000, 2000, 4000, 8000, 8000, 8000, 8000,
		300000, 300000, 300000 };
	struct peer p = target();
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(waits_ms) / sizeof(waits_ms[0]); i++) {
		resync_pace(&ch, &p);
		assert_int_equal(p.out.due_us, ch.now_us + waits_ms[i] * 1000);
		assert_int_equal((p.flags & PEER_PAUSED) != 0, i >= PEER_PATIENCE);
		assert_int_equal(p.out.error.p != NULL, i >= PEER_PATIENCE);
		assert_int_equal(p.resync.n, i + 1);
		ch.now_us = p.out.due_us;
	}
	assert_int_equal(p.out.work[WORK_CONNECT], 0); /* what is wanted is its caller's */
}

static void
what_is_waited_for_is_not_put_off(void **state)
{
	struct peer p = target();
	int64_t due_us;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		resync_pace(&ch, &p);
		ch.now_us = p.out.due_us;
	}
	resync_pace(&ch, &p);
	due_us = p.out.due_us;
	assert_int_equal(due_us, ch.now_us + 4 * SECOND_US);
	for (i = 0; i < 3; i++) {
		ch.now_us += SECOND_US;
		p.out.due_us = 0;
		resync_pace(&ch, &p);
		assert_int_equal(p.out.due_us, due_us);
		assert_int_equal(p.resync.n, 5);
	}
}

static void
pace_over_time(void **state)
{
	static const struct {
		uint32_t n;
		int64_t at_s;		/* from now on */
		int64_t due_ms;		/* from now on */
		uint32_t n_after;
	} rows[] = {
		{ 3, -1, 1000, 4 },	/* the wait counts from when it was due */
		{ 3, -100, 0, 4 },	/* longer than that passed */
		{ 3, -600, 0, 4 },
		{ 3, -601, 0, 1 },	/* calm */
		{ 9, -601, 0, 1 },
		{ 3, 8, 8000, 3 },	/* waited for */
		{ 3, 9, 2000, 4 },	/* the clock was set back */
		{ 3, 601, 0, 1 },
		{ 9, 8, 8000, 9 },
		{ 9, 9, 300000, 10 },
		{ 10, 300, 300000, 10 },
		{ 10, 301, 300000, 11 },
		{ 12, -299, 1000, 13 },
		{ 12, -300, 0, 13 },
	};
	struct peer p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		p = target();
		p.resync.n = rows[i].n;
		p.resync.at_us = NOW_US + rows[i].at_s * SECOND_US;
		resync_pace(&ch, &p);
		if (p.out.due_us != NOW_US + rows[i].due_ms * 1000)
			fail_msg("row %zu: due in %lld ms", i,
			    (long long)(p.out.due_us - NOW_US) / 1000);
		assert_int_equal(p.resync.at_us, p.out.due_us);
		assert_int_equal(p.resync.n, rows[i].n_after);
		assert_int_equal((p.flags & PEER_PAUSED) != 0, rows[i].n_after > PEER_PATIENCE);
	}
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup(fn, setup)
	const struct CMUnitTest tests[] = {
		T(first_one_is_at_once),
		T(further_ones_wait_ever_longer),
		T(wait_counts_from_the_last),
		T(calm_begins_anew),
		T(cancelled_only_if_it_waits),
		T(whichever_may_connect),
		T(pace_slows_down_and_pauses),
		T(what_is_waited_for_is_not_put_off),
		T(pace_over_time),
	};

	return cmocka_run_group_tests_name("resync", tests, NULL, NULL);
}
