/* States that are, or may be, copies of older ones; and words that anybody may have made. */
#include "core/storage/sink.h"
#include "epochs_help.h"

/* --- forged and unreachable --- */

static void
forged_words_of_a_state_change_nothing(void **state)
{
	struct fixture *f = *state;
	struct head h, now;
	struct exchange_job job;
	int i;

	start(f);
	says(f, "/connect", one(f, NODE, 2),
	    "{\"versions\":{\"" NODE "\":100},\"life\":5,\"sent\":9}");
	h = head_of(f);
	for (i = 0; i < 20; i++) {
		says(f, "/update", "[]",
		    arena_printf(f->a, "{\"life\":%d,\"sent\":2}", 100 + i));
		says(f, "/update", "[]",
		    arena_printf(f->a,
			"{\"life\":5,\"sent\":9,\"heard_life\":%llu,\"heard\":%llu}",
			(unsigned long long)head_epoch(&h), (unsigned long long)h.state + 1000));
	}
	/* one question, and the answer ends it */
	answers(f, EXCHANGE_RECONNECT, "{\"life\":5,\"sent\":10}");
	assert_int_equal(next(f, &job), KODO_ENOTFOUND);
	now = head_of(f);
	assert_int_equal(head_epoch(&now), head_epoch(&h));
	assert_int_equal(total_of(f), 2);
	check_clean(f);
}

/* Who cannot be called has to be believed: behind a NAT it could never lose a state else. */
static void
who_does_not_answer_is_believed(void **state)
{
	struct exchange_result none = { .status = 0, .error = "refused" };
	struct fixture *f = *state;
	struct exchange_job job;
	bool wake;

	start(f);
	says(f, "/connect", one(f, NODE, 2),
	    "{\"versions\":{\"" NODE "\":100},\"life\":5,\"sent\":9}");
	says(f, "/connect", "[]", "{\"life\":6,\"sent\":2}");
	assert_int_equal(total_of(f), 2);
	must(next(f, &job));
	assert_int_equal(job.kind, EXCHANGE_RECONNECT);
	must(outcome_take(f->r, f->a, &job, &none, f->now_us, &wake));
	says(f, "/connect", "[]", "{\"life\":6,\"sent\":3}");
	assert_int_equal(total_of(f), 0);
}

/* --- older copies --- */

static void
copy_takes_nothing_away(void **state)
{
	struct fixture *f = *state;
	struct sink out = SINK_INIT(registry_state(f->r));
	struct wire_body b;
	bool rest;

	start(f);
	says(f, "/connect", one(f, NODE, 2),
	    "{\"versions\":{\"" NODE "\":100},\"life\":5,\"sent\":9}");
	says(f, "/update", "[]", "{\"life\":6,\"sent\":2,\"former_life\":5}");
	answers(f, EXCHANGE_RECONNECT, "{\"life\":6,\"sent\":3,\"former_life\":5}");
	assert_int_equal(total_of(f), 2);
	/* neither what it left out, nor what it has forgotten, nor its removal of that */
	says(f, "/connect", "[]", "{\"life\":6,\"sent\":4,\"former_life\":5}");
	says(f, "/update", one(f, NODE, 1),
	    "{\"versions\":{\"" NODE "\":50},\"life\":6,\"sent\":5,\"former_life\":5}");
	says(f, "/update", "[]",
	    "{\"gone\":{\"" NODE "\":51},\"life\":6,\"sent\":6,\"former_life\":5}");
	assert_int_equal(total_of(f), 2);
	/* it is given back in the answer to its list */
	b = says(f, "/connect", "[]", "{\"life\":6,\"sent\":7,\"former_life\":5}");
	must(reply_put(f->r, &b, true, false, f->now_us, &out, &rest));
	assert_true(has(buf_str(&out.buf), "\"back\":{\"" NODE "\":100}"));
	sink_free(&out);
	/* a later word counts */
	says(f, "/update", "[]",
	    "{\"gone\":{\"" NODE "\":101},\"life\":6,\"sent\":8,\"former_life\":5}");
	assert_int_equal(total_of(f), 0);
	check_clean(f);
}

/* The copy's connect overtakes its answer to the question that its first word caused. */
static void
connect_in_doubt_is_asked_for_again(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start(f);
	says(f, "/connect", one(f, NODE, 2),
	    "{\"versions\":{\"" NODE "\":100},\"life\":5,\"sent\":9}");
	says(f, "/connect", "[]", "{\"life\":6,\"sent\":2,\"former_life\":5}");
	must(next(f, &job));
	says(f, "/connect", "[]", "{\"life\":6,\"sent\":4,\"former_life\":5}");
	answer(f, &job, "{\"life\":6,\"sent\":3,\"former_life\":5}");
	f->now_us += 2000000;
	must(next(f, &job));
	assert_int_equal(job.kind, EXCHANGE_RECONNECT);
	answer(f, &job, "{\"life\":6,\"sent\":5,\"former_life\":5}");
	f->now_us += 10000000;
	/* its answer was the first proof of it, so what it feeds is not unknown any more */
	must(next(f, &job));
	assert_int_equal(job.kind, EXCHANGE_UPDATE);
	assert_true(has(job.body, "\"nodes\":[]") && has(job.body, "\"silent\":{\"" NODE "\":0}"));
	answer(f, &job, "{\"life\":6,\"sent\":6,\"former_life\":5}");
	f->now_us += 10000000;
	assert_int_equal(next(f, &job), KODO_ENOTFOUND);
}

static void
what_is_given_back_counts_for_a_copy_alone(void **state)
{
	const struct exchange_result there = { .status = 200, .body = STR(
	    "{\"url\":\"" NODE "\",\"organization\":null,\"registry\":false,\"feed\":false,"
	    "\"idle\":true,\"now\":\"2025-11-24T16:00:00Z\",\"message\":[]}") };
	struct fixture *f = *state;
	struct exchange_job job;
	struct head h;
	const char *kodo;
	bool wake;

	start(f);
	says(f, "/connect", one(f, NODE, 2),
	    "{\"back\":{\"" NODE "\":100},\"life\":5,\"sent\":9}");
	assert_int_equal(total_of(f), 0);
	h = head_of(f);
	kodo = arena_printf(f->a, "{\"life\":5,\"sent\":10,\"heard_life\":%llu,\"heard\":%llu}",
	    (unsigned long long)head_epoch(&h), (unsigned long long)h.state + 100);
	says(f, "/update", "[]", kodo);
	answers(f, EXCHANGE_RECONNECT, kodo);
	says(f, "/connect", one(f, NODE, 2),
	    "{\"back\":{\"" NODE "\":100},\"life\":5,\"sent\":11}");
	assert_int_equal(total_of(f), 2);
	/* its owner, which does not feed, says that it is there */
	must(next(f, &job));
	assert_int_equal(job.kind, EXCHANGE_RECONNECT);
	must(outcome_take(f->r, f->a, &job, &there, f->now_us, &wake));
	assert_int_equal(total_of(f), 2);
	/* not over what is known already */
	says(f, "/connect", one(f, NODE, 1),
	    "{\"back\":{\"" NODE "\":100},\"life\":5,\"sent\":12}");
	assert_int_equal(total_of(f), 2);
	check_clean(f);
}

/* Two states answer under one url in turn: each has our list by then, so no connect follows. */
static void
answer_of_another_state_needs_no_connect(void **state)
{
	struct exchange_result res = { .status = 201 };
	struct fixture *f = *state;
	struct exchange_job job;
	bool wake;
	int i;

	fixture_options(f, "http://localhost:3367", true, true, PEER, 1);
	fixture_apply(f, START_NOW);
	for (i = 0; i < 2; i++) {
		must(next(f, &job));
		assert_int_equal(job.kind, EXCHANGE_CONNECT);
		res.body = str_of(arena_printf(f->a,
		    "{\"url\":\"" PEER "\",\"registry\":true,\"feed\":true,\"idle\":true,"
		    "\"now\":\"2025-01-13T14:00:00Z\",\"message\":[],\"nodes\":%s,"
		    "\"kodo\":{\"life\":%d,\"sent\":9}}", one(f, NODE, 2), 5 + i));
		must(outcome_take(f->r, f->a, &job, &res, f->now_us, &wake));
		assert_int_equal(total_of(f), 3);
		if (next(f, &job) == KODO_OK)
			assert_int_not_equal(job.kind, EXCHANGE_CONNECT);
		fixture_apply(f, START_NOW);
	}
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(forged_words_of_a_state_change_nothing),
		T(who_does_not_answer_is_believed),
		T(copy_takes_nothing_away),
		T(connect_in_doubt_is_asked_for_again),
		T(what_is_given_back_counts_for_a_copy_alone),
		T(answer_of_another_state_needs_no_connect),
	};

	return cmocka_run_group_tests_name("restored", tests, NULL, NULL);
}
