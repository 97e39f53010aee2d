/* What must not wait long: whatever happened, all is right soon after it is over. */
#include "core/registry/registry_private.h"
#include "core/trust/pin.h"
#include "exchange_help.h"

static void
attempts_fail(struct fixture *f, unsigned n)
{
	struct exchange_job job;
	int64_t due_us;

	while (n-- > 0) {
		while (next_due(f, &job, &due_us) == KODO_ENOTFOUND)
			f->now_us = due_us;
		answer(f, &job, 0, "");
	}
}

static void
update_comes(struct fixture *f, unsigned sent)
{
	struct wire_body b =
	    body_of(f, TARGET, true, "[]", arena_printf(f->a, OURS_KODO, (int)sent));
	struct receipt in;

	must(registry_update(f->r, &b, f->now_us, &in));
}

static void
who_speaks_is_tried_soon(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	unsigned i;

	start_connected(f, arena_printf(f->a, OURS_KODO, 1));
	f->now_us += 10 * SECOND_US;
	node_comes(f, "http://n:1", "N", 1);
	attempts_fail(f, 9);
	assert_true((peer_of(f, TARGET).flags & PEER_PAUSED) != 0);
	f->now_us += 3 * SECOND_US;
	nothing_until(f);
	update_comes(f, 10);
	next_is(f, EXCHANGE_UPDATE, &job);
	/* not without end, however much it says */
	for (i = 0; i < 100; i++) {
		answer(f, &job, 0, "");
		update_comes(f, 11 + i);
		f->now_us = nothing_until(f);
		assert_true(f->now_us - peer_of(f, TARGET).out.failed_us >= 2 * SECOND_US);
		next_is(f, EXCHANGE_UPDATE, &job);
	}
}

static void
pauses_are_short_for_an_hour(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	unsigned i;

	start(f);
	attempts_fail(f, 9);
	for (i = 9; i < PEER_SHORT_TRIES - 1; i++) {
		assert_within(nothing_until(f) - f->now_us, 8 * SECOND_US, 10 * SECOND_US);
		attempts_fail(f, 1);
	}
	f->now_us = nothing_until(f);
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 0, "");
	assert_within(nothing_until(f) - f->now_us, 300 * SECOND_US, 361 * SECOND_US);
}

static void
link_to_who_signs_off_lives_on(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct wire_body off;
	struct receipt in;
	uint64_t ticket;
	int i;

	start_connected(f, arena_printf(f->a, OURS_KODO, 1));
	for (i = 0; i < 12; i++) {
		off = disconnect_of(f, TARGET, "[\"" TARGET "\"]",
		    arena_printf(f->a, OURS_KODO, 2 + 2 * i));
		must(registry_disconnect(f->r, &off, f->now_us, &in, &ticket));
		assert_within(nothing_until(f) - f->now_us, 2 * SECOND_US,
		    i < 3 ? 2 * SECOND_US : 300 * SECOND_US);
		f->now_us = nothing_until(f);
		next_is(f, EXCHANGE_CONNECT, &job);
		answer(f, &job, 201,
		    default_body(f, TARGET, arena_printf(f->a, OURS_KODO, 3 + 2 * i)));
	}
	assert_true(f->now_us > T0 + 60 * SECOND_US);
}

/* Nor does it put off what is tried anyway: the answers get lost, and it signs off again. */
static void
who_signs_off_again_is_tried_as_before(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct wire_body off;
	struct receipt in;
	uint64_t ticket;
	int i;

	start_connected(f, arena_printf(f->a, OURS_KODO, 1));
	for (i = 0; i < 40; i++) {
		off = disconnect_of(f, TARGET, "[\"" TARGET "\"]",
		    arena_printf(f->a, OURS_KODO, 2 + i));
		must(registry_disconnect(f->r, &off, f->now_us, &in, &ticket));
		assert_within(nothing_until(f) - f->now_us, SECOND_US / 2, 10 * SECOND_US);
		f->now_us = nothing_until(f);
		next_is(f, EXCHANGE_CONNECT, &job);
		answer(f, &job, 0, "");
	}
	/* one that comes while a connect is under way has it sent again */
	f->now_us = nothing_until(f);
	next_is(f, EXCHANGE_CONNECT, &job);
	off = disconnect_of(f, TARGET, "[\"" TARGET "\"]", arena_printf(f->a, OURS_KODO, 90));
	must(registry_disconnect(f->r, &off, f->now_us, &in, &ticket));
	answer(f, &job, 201, default_body(f, TARGET, arena_printf(f->a, OURS_KODO, 89)));
	f->now_us += 10 * SECOND_US;
	next_is(f, EXCHANGE_CONNECT, &job);
}

/* It becomes a subscriber by the answer: what is behind the list that was sent is news. */
static void
list_and_what_is_behind_it_make_a_subscriber(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct wire_body b = body_of(f, TARGET, false, "[]", arena_printf(f->a, OURS_KODO, 1));
	struct receipt in;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	must(registry_connect(f->r, &b, f->now_us, &in));
	node_comes(f, "http://gone:1", "G", 1);
	start(f);
	node_comes(f, "http://old:1", "O", 1);
	node_goes(f, "http://old:1");
	next_is(f, EXCHANGE_CONNECT, &job);
	assert_true(has(&job, "G 0"));
	assert_false(peer_is_subscriber(&(struct peer){ .flags = peer_of(f, TARGET).flags }));
	node_comes(f, "http://n:1", "M", 2);
	node_goes(f, "http://gone:1");
	answer(f, &job, 201, default_body(f, TARGET, arena_printf(f->a, OURS_KODO, 2)));
	next_is(f, EXCHANGE_RECONNECT, &job);
	answer(f, &job, 200, "");
	next_is(f, EXCHANGE_REMOVE, &job);
	assert_true(has(&job, "http://gone:1") && !has(&job, "http://old:1"));
	answer(f, &job, 200, default_body(f, TARGET, arena_printf(f->a, OURS_KODO, 3)));
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_true(has(&job, "M 0"));
	answer(f, &job, 200, default_body(f, TARGET, arena_printf(f->a, OURS_KODO, 4)));
	assert_behind(f, TARGET, false, false);
	check_clean(f);
}

/* What TARGET answers while it does not feed. */
static const char *
mute_body(struct fixture *f, const char *kodo)
{
	return arena_printf(f->a,
	    "{\"url\":\"" TARGET "\",\"organization\":null,\"registry\":true,\"feed\":false,"
	    "\"idle\":true,\"now\":\"2025-11-24T16:00:00Z\",\"message\":[],\"kodo\":%s}", kodo);
}

/* It may be a copy of an older state, which has forgotten our connect. */
static void
late_sign_off_of_a_target_is_asked_about(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct wire_body off;
	struct receipt in;
	uint64_t ticket;

	start_connected(f, arena_printf(f->a, OURS_KODO, 9));
	f->now_us += 3 * SECOND_US;
	off = disconnect_of(
	    f, TARGET, "[\"" TARGET "\"]", arena_printf(f->a, OURS_KODO, 2));
	must(registry_disconnect(f->r, &off, f->now_us, &in, &ticket));
	next_is(f, EXCHANGE_DIGEST_CHECK, &job);
	answer(f, &job, 404, "");
	f->now_us += 2 * SECOND_US;
	next_is(f, EXCHANGE_CONNECT, &job);
}

/* Its answer to ours, made later, may overtake its sign-off: that ends its link all the same. */
static void
sign_off_that_was_overtaken_counts(void **state)
{
	struct fixture *f = *state;
	struct wire_body b = body_of(f, "http://p:1", true,
	    arena_printf(f->a, "[%s]", node_json(f, "http://n:1", "N", 2)),
	    "{\"life\":5,\"sent\":1}");
	struct receipt in;
	uint64_t ticket;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	must(registry_connect(f->r, &b, f->now_us, &in));
	b = body_of(f, "http://p:1", true, "[]", "{\"life\":5,\"sent\":9}");
	must(registry_update(f->r, &b, f->now_us, &in));
	assert_int_equal(total_of(f), 2);
	b = disconnect_of(f, "http://p:1", "[\"http://p:1\"]", "{\"life\":5,\"sent\":8}");
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	assert_int_equal(total_of(f), 0);
	/* but one of before its last connect does not */
	b = body_of(f, "http://p:1", true,
	    arena_printf(f->a, "[%s]", node_json(f, "http://n:1", "N", 2)),
	    "{\"life\":5,\"sent\":11}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	b = disconnect_of(f, "http://p:1", "[\"http://p:1\"]", "{\"life\":5,\"sent\":10}");
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	assert_int_equal(total_of(f), 2);
	check_clean(f);
}

/* What it was asked to say by its own connect, which does not come any more, our link asks for. */
static void
sign_off_that_was_overtaken_ends_a_request(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job, asks;
	struct wire_body b;
	struct receipt in;
	uint64_t ticket;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	b = body_of(f, TARGET, true, "[]", arena_printf(f->a, OURS_KODO, 1));
	must(registry_connect(f->r, &b, f->now_us, &in));
	start(f);
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 201, default_body(f, TARGET, arena_printf(f->a, OURS_KODO, 9)));
	f->now_us += 3 * SECOND_US;
	next_is(f, EXCHANGE_RECONNECT, &asks);
	b = disconnect_of(f, TARGET, "[\"" TARGET "\"]", arena_printf(f->a, OURS_KODO, 8));
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	answer(f, &asks, 200, default_body(f, TARGET, arena_printf(f->a, OURS_KODO, 10)));
	f->now_us += 3 * SECOND_US;
	next_is(f, EXCHANGE_DIGEST_CHECK, &job);
}

/* TARGET connects too and does not feed, so our connect brings no list: it is asked for its own. */
static void
list_in_doubt_is_asked_for_where_answers_bring_none(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct wire_body b;
	struct receipt in;
	unsigned kinds = 0;
	int i;

	start_connected(f, arena_printf(f->a, OURS_KODO, 1));
	b = body_of(f, TARGET, false, "[]", arena_printf(f->a, OURS_KODO, 2));
	must(registry_connect(f->r, &b, f->now_us, &in));
	b = body_of(f, TARGET, false,
	    arena_printf(f->a, "[%s]", node_json(f, "http://n:1", "N", 2)),
	    "{\"life\":78,\"sent\":2,\"former_life\":77}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	assert_int_equal(total_of(f), 1);
	f->now_us += 3 * SECOND_US;
	next_is(f, EXCHANGE_DIGEST_CHECK, &job);
	for (i = 3; i < 7; i++) {
		answer(f, &job, 200, mute_body(f, arena_printf(f->a,
		    "{\"life\":78,\"sent\":%d,\"former_life\":77}", i)));
		f->now_us += 3 * SECOND_US;
		if (next_due(f, &job, &(int64_t){ 0 }) != KODO_OK)
			break;
		kinds |= 1u << job.kind;
	}
	assert_true((kinds & 1u << EXCHANGE_CONNECT) != 0);
	assert_true((kinds & 1u << EXCHANGE_RECONNECT) != 0);
}

static struct wire_body
role_of(struct fixture *f, bool registry, bool feed, int sent)
{
	struct wire_refusal no;
	struct wire_body b;
	char *json = arena_printf(f->a,
	    "{\"url\":\"" TARGET "\",\"organization\":null,\"registry\":%s,\"feed\":%s,"
	    "\"idle\":true,\"now\":\"2025-01-13T14:00:00Z\",\"message\":[],"
	    "\"kodo\":{\"life\":77,\"sent\":%d}}",
	    registry ? "true" : "false", feed ? "true" : "false", sent);

	must(wire_read(f->a, WIRE_DEFAULT, str_of(json), f->now_us, f->o.url_key, &b, &no));
	return b;
}

/* Connected to TARGET, whose answer holds one node. */
static void
start_fed(struct fixture *f)
{
	struct exchange_job job;

	start(f);
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 201,
	    arena_printf(f->a,
		"{\"url\":\"" TARGET "\",\"organization\":null,\"registry\":true,"
		"\"feed\":true,\"idle\":true,\"now\":\"2025-01-13T14:00:00Z\","
		"\"message\":[],\"nodes\":[%s],\"kodo\":" OURS_KODO "}",
		node_json(f, "http://m:1", "M", 2), 1));
	assert_int_equal(total_of(f), 3);
}

static void
what_came_by_answers_ends_with_the_role(void **state)
{
	struct fixture *f = *state;
	struct wire_body b;
	struct receipt in;

	start_fed(f);
	b = role_of(f, true, false, 5);
	must(registry_reconnect(f->r, &b, f->now_us, &in));
	assert_true(in.known);
	assert_int_equal(total_of(f), 1);
	check_clean(f);
}

static void
what_came_by_answers_ends_with_our_feed(void **state)
{
	struct fixture *f = *state;

	start_fed(f);
	fixture_options(f, "http://localhost:3367", true, false, TARGET, 1);
	fixture_apply(f, START_NOW);
	assert_int_equal(total_of(f), 1);
	check_clean(f);
}

/* N connects to us, and we to N by mistake. */
static void
mistaken_target_keeps_its_own_link(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	node_comes(f, TARGET, "N", 2);
	start(f);
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 404, "");
	assert_false(peer_is_subscriber(&(struct peer){ .flags = peer_of(f, TARGET).flags }));
	/* it can still be asked */
	next_is(f, EXCHANGE_RECONNECT, &job);
	answer(f, &job, 200, "");
	assert_int_equal(total_of(f), 3);
	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	assert_int_equal(total_of(f), 3);
	check_clean(f);
}

static void
forgotten_are_statements_not_whom_to_ask(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	int i;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	node_comes(f, "http://n:1", "N", 2);
	for (i = 0; i < 2; i++) {
		/* cache_reset; or a node for a while */
		fixture_options(f, "http://localhost:3367", i == 0, i == 0, NULL, 1);
		f->o.cache_reset = i == 0;
		fixture_apply(f, START_NOW);
		assert_int_equal(total_of(f), 1);
		fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
		if (i == 1)
			fixture_apply(f, START_NOW);
		strangers_prove(f);
		next_is(f, EXCHANGE_RECONNECT, &job);
		answer(f, &job, 200, "");
		node_comes(f, "http://n:1", "N", 2);
		assert_int_equal(total_of(f), 3);
	}
	check_clean(f);
}

/* A request has failed that was not wanted any more: the next one begins with a wait. */
static void
runner_learns_of_work_that_waits(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	const char *nodes = arena_printf(f->a, "[%s]", node_json(f, "http://n:1", "N", 2));
	struct wire_body b =
	    body_of(f, "http://n:1", false, nodes, "{\"life\":5,\"sent\":1}");
	struct receipt in;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	f->o.cache_reset = true;
	fixture_apply(f, START_NOW);
	must(registry_connect(f->r, &b, f->now_us, &in));
	fixture_apply(f, START_NOW);
	strangers_prove(f);
	next_is(f, EXCHANGE_RECONNECT, &job);
	b = body_of(f, "http://n:1", false, nodes, "{\"life\":5,\"sent\":2}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	answer(f, &job, 0, "");
	assert_int_equal(nothing_until(f), INT64_MAX);
	b = body_of(f, "http://q:1", false, "[]",
	    arena_printf(f->a, "{\"life\":6,\"sent\":1,\"gone\":{\"http://n:1\":%lld}}",
		(long long)f->now_us + SECOND_US));
	must(registry_connect(f->r, &b, f->now_us, &in));
	assert_true(in.wake);
	assert_within(nothing_until(f) - f->now_us, 1, SECOND_US);
	check_clean(f);
}

/* A digest check is never more than 72 s ahead: further, and the clock was set back. */
static void
digest_check_after_a_clock_was_set_back(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start_connected(f, arena_printf(f->a, OURS_KODO, 1));
	assert_within(nothing_until(f) - f->now_us, 60 * SECOND_US, 72 * SECOND_US);
	f->now_us -= 90 * SECOND_US;
	assert_within(nothing_until(f) - f->now_us, 60 * SECOND_US, 72 * SECOND_US);
	f->now_us -= 90 * SECOND_US;
	f->r->scheduled_us = 0;	/* another process, which has not seen it */
	next_is(f, EXCHANGE_DIGEST_CHECK, &job);
	answer(f, &job, 0, "");
	assert_within(nothing_until(f) - f->now_us, 2 * SECOND_US, 72 * SECOND_US);
}

/* The network repeats a connect of before: nobody waits for its answer. */
static void
repeated_connect_answers_no_request(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	const char *nodes = arena_printf(f->a, "[%s]", node_json(f, "http://n:1", "N", 2));
	struct wire_body b =
	    body_of(f, "http://n:1", false, nodes, "{\"life\":5,\"sent\":1}");
	struct receipt in;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	must(registry_connect(f->r, &b, f->now_us, &in));
	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	f->o.cache_reset = true;
	fixture_apply(f, START_NOW);
	must(registry_connect(f->r, &b, f->now_us, &in));
	strangers_prove(f);
	next_is(f, EXCHANGE_RECONNECT, &job);
	b = body_of(f, "http://n:1", false, nodes, "{\"life\":5,\"sent\":2}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	assert_int_equal(nothing_until(f), INT64_MAX);
	check_clean(f);
}

/* An update was on its way to who has signed off meanwhile: its failure makes no work. */
static void
nothing_is_wanted_of_who_has_left(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct wire_body b = body_of(f, "http://p:1", true, "[]", "{\"life\":5,\"sent\":1}");
	struct receipt in;
	uint64_t ticket;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	must(registry_connect(f->r, &b, f->now_us, &in));
	strangers_prove(f);
	f->now_us += 3 * SECOND_US;
	node_comes(f, "http://n:1", "N", 2);
	next_is(f, EXCHANGE_UPDATE, &job);
	b = disconnect_of(f, "http://p:1", "[\"http://p:1\"]", "{\"life\":5,\"sent\":2}");
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	answer(f, &job, 0, "");
	assert_int_equal(nothing_until(f), INT64_MAX);
	check_clean(f);
}

/* A target that is called wrongly, whatever we call it, is no hurry; nor is anybody's word its. */
static void
who_calls_itself_otherwise_is_tried_later(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct speaker who = { .is_signed = true, .from = STR("http://other:1") };
	struct exchange_result res = { .status = 421, .body = STR("{}"), .who = &who };
	int64_t due_us;
	bool wake;
	unsigned i;

	start(f);
	for (i = 0; i < 100 && next_due(f, &job, &due_us) == KODO_OK; i++)
		must(outcome_take(f->r, f->a, &job, &res, f->now_us, &wake));
	assert_in_range(i, 1, 3);
	assert_true(str_eq(peer_of(f, TARGET).alias, STR("http://other:1")));
	/* unsigned it says nothing */
	who = (struct speaker){ .from = STR("http://third:1") };
	must(outcome_take(f->r, f->a, &job, &res, f->now_us, &wake));
	assert_true(str_eq(peer_of(f, TARGET).alias, STR("http://other:1")));
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(who_calls_itself_otherwise_is_tried_later),
		T(who_speaks_is_tried_soon),
		T(pauses_are_short_for_an_hour),
		T(link_to_who_signs_off_lives_on),
		T(who_signs_off_again_is_tried_as_before),
		T(list_and_what_is_behind_it_make_a_subscriber),
		T(late_sign_off_of_a_target_is_asked_about),
		T(sign_off_that_was_overtaken_counts),
		T(sign_off_that_was_overtaken_ends_a_request),
		T(list_in_doubt_is_asked_for_where_answers_bring_none),
		T(what_came_by_answers_ends_with_the_role),
		T(what_came_by_answers_ends_with_our_feed),
		T(mistaken_target_keeps_its_own_link),
		T(forgotten_are_statements_not_whom_to_ask),
		T(nothing_is_wanted_of_who_has_left),
		T(repeated_connect_answers_no_request),
		T(runner_learns_of_work_that_waits),
		T(digest_check_after_a_clock_was_set_back),
	};

	return cmocka_run_group_tests_name("bound", tests, NULL, NULL);
}
