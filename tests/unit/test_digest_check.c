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

/* The answer of the target, which has heard message `heard` of ours. */
static void
answer_heard(struct fixture *f, const struct exchange_job *job, int sent, uint64_t heard)
{
	struct view v;
	uint64_t epoch;

	must(view_begin(f->r, f->now_us, &v));
	epoch = head_epoch(&v.head);
	view_end(&v);
	answer(f, job, 200, default_body(f, TARGET, arena_printf(f->a,
	    "{\"life\":77,\"sent\":%d,\"heard_life\":%llu,\"heard\":%llu}", sent,
	    (unsigned long long)epoch, (unsigned long long)heard)));
}

static void
what_was_overtaken_goes_again(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job, again;

	start_with_kodo(f);
	nothing_until(f);
	node_comes(f, "http://n:1", "a", 1);
	next_is(f, EXCHANGE_UPDATE, &job);
	node_comes(f, "http://m:1", "b", 1);
	answer_heard(f, &job, 2, job.gen + 1);
	next_is(f, EXCHANGE_UPDATE, &again);
	assert_true(has(&again, "http://n:1") && has(&again, "http://m:1"));
	answer_heard(f, &again, 3, again.gen);
	assert_behind(f, TARGET, false, false);
}

/* Another state of the target speaks while a check of the one before is on its way. */
static void
doubt_while_a_check_is_under_way_is_checked(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct wire_body b;
	struct receipt in;

	start_with_kodo(f);
	f->now_us = nothing_until(f);
	next_is(f, EXCHANGE_DIGEST_CHECK, &job);
	f->now_us += SECOND_US;
	b = body_of(f, TARGET, true, "[]", "{\"life\":78,\"sent\":1}");
	must(registry_update(f->r, &b, f->now_us, &in));
	answer(f, &job, 200, default_body(f, TARGET, arena_printf(f->a,
	    "{\"life\":77,\"sent\":9,\"view\":\"%.*s\"}", STR_ARG(job.view))));
	assert_true(nothing_until(f) <= f->now_us + PEER_HEARD_US);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(original_is_looked_at_by_its_map),
		T(one_of_us_is_looked_at_by_digest),
		T(those_that_stay_are_checked_after_a_sign_off),
		T(what_was_overtaken_goes_again),
		T(doubt_while_a_check_is_under_way_is_checked),
	};

	return cmocka_run_group_tests_name("digest_check", tests, NULL, NULL);
}
