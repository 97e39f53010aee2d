#include "exchange_help.h"

static void
original_is_looked_at_by_its_map(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start_connected(f, NULL);
	f->now_us = nothing_until(f);
	assert_within(f->now_us - T0, 60 * SECOND_US, 73 * SECOND_US);
	assert_true(is_idle(f));
	next_is(f, EXCHANGE_DIGEST_CHECK, &job);
	assert_false(job.is_post);
	assert_true(str_eq(job.url, STR("http://t:1/map")));
	answer(
	    f, &job, 200, "{\"registers\":{\"http://localhost:3367\":\"2025-01-13T14:00:00Z\"}}");
	f->now_us = nothing_until(f);
	next_is(f, EXCHANGE_DIGEST_CHECK, &job);
	answer(
	    f, &job, 200, "{\"registers\":{\"http://localhost:33671\":\"2025-01-13T14:00:00Z\"}}");
	next_is(f, EXCHANGE_CONNECT, &job);
}

static void
one_of_us_is_looked_at_by_digest(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start_connected(f, arena_printf(f->a, OURS_KODO, 1));
	f->now_us = nothing_until(f);
	next_is(f, EXCHANGE_DIGEST_CHECK, &job);
	assert_true(job.is_post);
	assert_true(str_eq(job.url, STR("http://t:1/update")));
	answer(f, &job, 200,
	    default_body(f, TARGET,
		arena_printf(
		    f->a, "{\"view\":\"%.*s\",\"life\":77,\"sent\":2}", STR_ARG(job.view))));
	f->now_us = nothing_until(f);
	next_is(f, EXCHANGE_DIGEST_CHECK, &job);
	answer(f, &job, 200,
	    default_body(f, TARGET, "{\"view\":\"0123456789abcdef\",\"life\":77,\"sent\":3}"));
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 201, "");
	f->now_us = nothing_until(f);
	next_is(f, EXCHANGE_DIGEST_CHECK, &job);
	answer(f, &job, 404, "");
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 201, "");
	f->now_us = nothing_until(f);
	next_is(f, EXCHANGE_DIGEST_CHECK, &job);
	answer(f, &job, 503, ""); /* says nothing: asked again soon, in the first hour */
	assert_within(nothing_until(f) - f->now_us, 8 * SECOND_US, 9 * SECOND_US);
}

/* Of two targets one is left: the other may have been told that our node is gone. */
static void
those_that_stay_are_checked_after_a_sign_off(void **state)
{
	const struct str both[] = { STR("http://u:1"), STR(TARGET) };
	struct fixture *f = *state;
	struct exchange_job job;
	int i;

	start(f);
	f->o.connect = both;
	f->o.n_connect = 2;
	fixture_apply(f, START_NOW);
	for (i = 0; i < 2; i++) {
		next_is(f, EXCHANGE_CONNECT, &job);
		answer(f, &job, 201, "");
	}
	nothing_until(f);
	f->o.connect = both + 1;
	f->o.n_connect = 1;
	fixture_apply(f, START_IF_CHANGED);
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 201, "");
	next_is(f, EXCHANGE_DISCONNECT, &job);
	answer(f, &job, 0, "");
	nothing_until(f);
	f->now_us += SECOND_US;
	next_is(f, EXCHANGE_DISCONNECT, &job);
	answer(f, &job, 200, "");
	next_is(f, EXCHANGE_DIGEST_CHECK, &job);
	assert_true(str_eq(job.url, STR(TARGET "/map")));
	answer(f, &job, 404, "");
	next_is(f, EXCHANGE_CONNECT, &job);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(original_is_looked_at_by_its_map),
		T(one_of_us_is_looked_at_by_digest),
		T(those_that_stay_are_checked_after_a_sign_off),
	};

	return cmocka_run_group_tests_name("digest_check", tests, NULL, NULL);
}
