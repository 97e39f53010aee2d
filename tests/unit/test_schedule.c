#include "core/registry/registry_private.h"
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
	assert_within(due_us - f->now_us, 8 * SECOND_US, 9 * SECOND_US); /* in the first hour */
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
clock_set_back_by_days(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start(f);
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 0, "");
	assert_within(nothing_until(f) - f->now_us, 400000, SECOND_US);
	f->now_us -= 3 * 86400 * SECOND_US;
	assert_within(nothing_until(f) - f->now_us, 400000, SECOND_US);
	f->now_us -= 3 * 86400 * SECOND_US;
	f->r->scheduled_us = 0;	/* another process, which has not seen it */
	next_is(f, EXCHANGE_CONNECT, &job);
}

/* Less than the longest pause: what was to wait for a span waits no longer by it. */
static void
clock_set_back_by_seconds(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start(f);
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 404, "");
	assert_within(nothing_until(f) - f->now_us, 7 * SECOND_US, 9 * SECOND_US);
	f->now_us -= 50 * SECOND_US;
	assert_within(nothing_until(f) - f->now_us, 7 * SECOND_US, 9 * SECOND_US);
	f->now_us = nothing_until(f);
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 201, "");
	assert_within(nothing_until(f) - f->now_us, 60 * SECOND_US, 73 * SECOND_US);
	f->now_us -= 4 * SECOND_US;
	assert_within(nothing_until(f) - f->now_us, 60 * SECOND_US, 73 * SECOND_US);
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

/* --- by position --- */

static struct receipt
registry_comes(struct fixture *f, const char *url)
{
	struct wire_body b = body_of(f, url, true, "[]", "{\"life\":5,\"sent\":1}");
	struct receipt in;

	must(registry_connect(f->r, &b, f->now_us, &in));
	strangers_prove(f);
	return in;
}

/* The one that is furthest behind comes first, but work with a time before all. */
static void
furthest_behind_comes_first(void **state)
{
	struct fixture *f = *state;
	struct exchange_job a, b, c;
	int64_t due_us, active_us;
	uint32_t busy[3];

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	registry_comes(f, "http://a:1");
	registry_comes(f, "http://b:1");
	node_comes(f, "http://n:1", "N", 1);
	next_is(f, EXCHANGE_UPDATE, &a); /* both are as far */
	assert_true(str_eq(a.url, STR("http://a:1/update")));
	answer(f, &a, 200, "");
	node_comes(f, "http://m:1", "M", 1);
	next_is(f, EXCHANGE_UPDATE, &b);
	assert_true(str_eq(b.url, STR("http://b:1/update")) && b.n_nodes == 2);
	busy[0] = b.peer;
	must(schedule_next(f->r, f->a, f->now_us, busy, 1, &a, &due_us, &active_us));
	assert_true(str_eq(a.url, STR("http://a:1/update")) && a.n_nodes == 1);
	busy[1] = a.peer;
	assert_int_equal(
	    schedule_next(f->r, f->a, f->now_us, busy, 2, &c, &due_us, &active_us),
	    KODO_ENOTFOUND);
	assert_int_equal(active_us, 0); /* there is work, as soon as they are free */
}

static void
busy_ones_that_are_behind_are_no_rest(void **state)
{
	struct fixture *f = *state;

	start_with_kodo(f);
	nothing_until(f);
	assert_true(is_idle(f));
	node_comes(f, "http://n:1", "N", 1);
	assert_false(is_idle(f));
}

/* Whoever waits for a removal waits until all that were behind were sent it, or tried. */
static void
waiting_for_what_lies_behind(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct receipt in;
	struct wire_body b;
	uint64_t ticket;
	bool tried;

	start_with_kodo(f);
	registry_comes(f, "http://r:1");
	node_comes(f, "http://n:1", "N", 1);
	next_is(f, EXCHANGE_UPDATE, &job);
	answer(f, &job, 200, "");
	next_is(f, EXCHANGE_UPDATE, &job);
	answer(f, &job, 200, "");
	b = disconnect_of(f, "http://n:1", "[\"http://n:1\"]", NULL);
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	must(wait_is_tried(f->r, ticket, f->now_us, &tried));
	assert_false(tried);
	must(wait_is_tried(f->r, ticket - 10, f->now_us, &tried)); /* what was before */
	assert_true(tried);
	next_is(f, EXCHANGE_REMOVE, &job);
	answer(f, &job, 200, "");
	must(wait_is_tried(f->r, ticket, f->now_us, &tried));
	assert_false(tried);
	next_is(f, EXCHANGE_REMOVE, &job);
	answer(f, &job, 0, "");
	must(wait_is_tried(f->r, ticket, f->now_us, &tried)); /* it waits for its next attempt */
	assert_true(tried);
	node_comes(f, "http://m:1", "M", 1); /* later news are not waited for */
	must(wait_is_tried(f->r, ticket, f->now_us, &tried));
	assert_true(tried);
	must(wait_is_tried(f->r, UINT64_MAX, f->now_us, &tried));
	assert_false(tried);
}

/* Also where the peer was given other work since, which takes the removal along. */
static void
waiting_for_who_has_other_work(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct receipt in;
	struct wire_body b;
	uint64_t ticket;
	bool tried;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	registry_comes(f, "http://r:1");
	node_comes(f, "http://n:1", "N", 1);
	next_is(f, EXCHANGE_UPDATE, &job);
	answer(f, &job, 200, "");
	b = disconnect_of(f, "http://n:1", "[\"http://n:1\"]", NULL);
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	b = body_of(f, "http://r:1", true, "[]", "{\"life\":6,\"sent\":1}");
	must(registry_update(f->r, &b, f->now_us, &in));
	must(wait_is_tried(f->r, ticket, f->now_us, &tried));
	assert_false(tried);
	next_is(f, EXCHANGE_RECONNECT, &job);
	answer(f, &job, 200, "");
	must(wait_is_tried(f->r, ticket, f->now_us, &tried));
	assert_false(tried);
	next_is(f, EXCHANGE_REMOVE, &job);
	answer(f, &job, 200, "");
	nothing_until(f);
	must(wait_is_tried(f->r, ticket, f->now_us, &tried));
	assert_true(tried);
}

/* --- what many contest --- */

/* One of two providers states the node anew; how many messages go to the subscriber at once. */
static unsigned
contest(struct fixture *f, unsigned i)
{
	struct exchange_job job;
	struct wire_body b;
	struct receipt in;
	int64_t due_us;
	unsigned n = 0;

	f->now_us += SECOND_US / 20;
	b = body_of(f, i % 2 == 0 ? "http://a:1" : "http://b:1", false,
	    arena_printf(f->a, "[%s]", node_json(f, "http://x:1", "X", 1 + i % 7)),
	    arena_printf(f->a, "{\"life\":5,\"sent\":%u,\"versions\":{\"http://x:1\":%u}}",
		i + 1, i + 1));
	must(registry_connect(f->r, &b, f->now_us, &in));
	strangers_prove(f);
	while (next_due(f, &job, &due_us) == KODO_OK) {
		n += str_starts(job.url, STR("http://r:1/"));
		answer(f, &job, 200, "");
	}
	return n;
}

static void
contested_node_is_told_once_in_five_seconds(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	int64_t due_us;
	unsigned n = 0, i;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	registry_comes(f, "http://r:1");
	for (i = 0; i < 10; i++)
		n += contest(f, i);
	assert_within(n, 4, 6); /* a few in turns may be two ways to one owner */
	for (n = 0; i < 2010; i++)
		n += contest(f, i);
	assert_within(n, 18, 21); /* of 100 s */
	assert_int_equal(is_idle(f), true);
	node_comes(f, "http://n:1", "N", 1); /* others do not wait, and take it along */
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_int_equal(job.n_nodes, 2);
	answer(f, &job, 200, "");
	contest(f, i++);
	contest(f, i++);
	due_us = nothing_until(f);
	assert_within(due_us - f->now_us, 4 * SECOND_US, 5 * SECOND_US);
	f->now_us = due_us; /* the last word is not lost */
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_true(job.n_nodes == 1 && has(&job, arena_printf(f->a, "\"X %u\"", (i - 1) % 7)));
	answer(f, &job, 200, "");
	assert_int_equal(nothing_until(f), INT64_MAX);
	f->now_us += 15 * SECOND_US; /* and calm comes back */
	assert_int_equal(contest(f, i++), 1);
	check_clean(f);
}

/* Who changes its own node as often is notified of as ever. */
static void
own_changes_are_no_contest(void **state)
{
	struct fixture *f = *state;
	unsigned n = 0, i;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	registry_comes(f, "http://r:1");
	for (i = 0; i < 100; i += 2)
		n += contest(f, i);
	assert_int_equal(n, 50);
}

/* Without a feed nobody but targets learns anything. */
static void
end_of_the_feed(void **state)
{
	struct fixture *f = *state;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	registry_comes(f, "http://r:1");
	fixture_options(f, "http://localhost:3367", true, false, NULL, 2);
	f->o.retry = 0;
	fixture_apply(f, START_IF_CHANGED);
	node_comes(f, "http://n:1", "N", 1);
	assert_int_equal(nothing_until(f), INT64_MAX);
	check_clean(f);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(backoff_doubles_then_pauses),
		T(retry_zero_never_connects_by_itself),
		T(retry_without_end_never_pauses),
		T(clock_set_back_by_days),
		T(clock_set_back_by_seconds),
		T(busy_peers_are_passed_over),
		T(furthest_behind_comes_first),
		T(busy_ones_that_are_behind_are_no_rest),
		T(waiting_for_what_lies_behind),
		T(waiting_for_who_has_other_work),
		T(contested_node_is_told_once_in_five_seconds),
		T(own_changes_are_no_contest),
		T(end_of_the_feed),
	};

	return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
