#include "exchange_help.h"

static void
backoff_doubles_then_pauses(void **state)
{
	static const int64_t waits_ms[] = { 500, 1000, 2000, 4000, 8000, 8000, 8000, 8000 };
	struct fixture *f = *state;
	struct exchange_job job;
	int64_t due_us;
	size_t i;

	start(f);
	for (i = 0; i < sizeof(waits_ms) / sizeof(waits_ms[0]); i++) {
		next_is(f, EXCHANGE_CONNECT, &job);
		answer(f, &job, 0, "");
		due_us = nothing_until(f);
		assert_within(due_us - f->now_us, waits_ms[i] * 1000, waits_ms[i] * 1100);
		assert_false(is_idle(f));
		f->now_us = due_us;
	}
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 0, ""); /* the ninth */
	due_us = nothing_until(f);
	assert_within(due_us - f->now_us, 300 * SECOND_US, 361 * SECOND_US);
	assert_true(is_idle(f));
	f->now_us = due_us;
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 201, "");
	assert_true(peer_of(f, TARGET).out.connected_us != 0);
	assert_int_equal(peer_of(f, TARGET).flags & PEER_PAUSED, 0);
}

static void
retry_zero_never_connects_by_itself(void **state)
{
	struct fixture *f = *state;

	fixture_options(f, "http://localhost:3367", true, true, TARGET, 1);
	f->o.retry = 0;
	fixture_apply(f, START_NOW);
	assert_int_equal(nothing_until(f), INT64_MAX);
	assert_true(is_idle(f));
}

static void
retry_without_end_never_pauses(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	int64_t due_us;
	int i;

	fixture_options(f, "http://localhost:3367", true, true, TARGET, 1);
	f->o.retry = -1;
	fixture_apply(f, START_NOW);
	for (i = 0; i < 30; i++) {
		next_is(f, EXCHANGE_CONNECT, &job);
		answer(f, &job, 500, "");
		due_us = nothing_until(f);
		assert_within(due_us - f->now_us, 500000, 8800000);
		assert_int_equal(is_idle(f), i >= 9); /* past attempt 9 it does not count */
		f->now_us = due_us;
	}
}

static void
clock_set_back_makes_due(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start(f);
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 0, "");
	nothing_until(f);
	f->now_us -= 3 * 86400 * SECOND_US;
	next_is(f, EXCHANGE_CONNECT, &job);
}

static void
busy_peers_are_passed_over(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	int64_t due_us, active_us;

	start(f);
	next_is(f, EXCHANGE_CONNECT, &job);
	assert_int_equal(
	    schedule_next(f->r, f->a, f->now_us, &job.peer, 1, &job, &due_us, &active_us),
	    KODO_ENOTFOUND);
	assert_int_equal(due_us, INT64_MAX);
	assert_int_equal(active_us, f->now_us);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(backoff_doubles_then_pauses),
		T(retry_zero_never_connects_by_itself),
		T(retry_without_end_never_pauses),
		T(clock_set_back_makes_due),
		T(busy_peers_are_passed_over),
	};

	return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
