/* Nodes over the ceiling of a peer come in chunks, between two kodo peers. */
#include "core/records/node_chunks.h"
#include "core/storage/store.h"
#include "core/views/search.h"
#include "pair_help.h"

static void
comes_whole_and_never_incomplete(void **state)
{
	struct pair *p = *state;

	start(p);
	run(p, 0, FLOWS);
	assert_true(p->n_chunks >= 3);
	assert_int_equal(records_of(p->to), 1); /* the id is left */
	p->n_chunks = 0;
	offer(p, 3, "Small");	/* it comes whole again */
	run(p, FLOWS, 3);
	assert_int_equal(p->n_chunks, 0);
	assert_int_equal(records_of(p->to), 0);
	offer(p, FLOWS, "First");
	run(p, 3, FLOWS);
	offer(p, 0, NULL);
	run(p, FLOWS, 0);
}

static void
comes_in_order_with_its_version(void **state)
{
	struct pair *p = *state;
	const char *mine, *theirs;
	struct search_result res;

	start(p);
	run(p, 0, FLOWS);
	mine = flows_of(p->from, "", "url", 0, 100, &res);
	theirs = flows_of(p->to, "", "url", 0, 100, &res);
	/* but for the times of who offers it */
	assert_string_equal(strstr(mine, "\"heartbeat\""), strstr(theirs, "\"heartbeat\""));
}

static void
answers_are_lost_and_requests_repeated(void **state)
{
	struct pair *p = *state;
	struct exchange_job job;
	struct str answer;
	unsigned i, status;

	start(p);
	for (i = 0; next_job(p, &job); i++) {
		status = receive(p, &job, &answer);
		if (i % 3 == 1) {
			news(p->from, &job, 0, STR_NULL);
			continue;
		}
		if (i % 3 == 2 && status == 200)
			receive(p, &job, &answer); /* it came twice; the second answer counts */
		news(p->from, &job, status, answer);
		assert_true(total_of(p->to) == 0 || total_of(p->to) == FLOWS);
	}
	assert_int_equal(total_of(p->to), FLOWS);
}

static void
requests_are_lost(void **state)
{
	struct pair *p = *state;
	struct exchange_job job;
	unsigned i;

	start(p);
	for (i = 0; next_job(p, &job); i++) {
		if (i % 2 == 1)
			news(p->from, &job, 0, STR_NULL);
		else
			exchange(p, &job);
	}
	assert_int_equal(total_of(p->to), FLOWS);
}

static void
is_halved_in_the_middle(void **state)
{
	struct pair *p = *state;
	struct exchange_job job;

	start(p);
	run_chunks(p, 2);
	p->ceiling = 9000;
	assert_true(next_job(p, &job));
	assert_true(job.chunk.from > 0);
	exchange(p, &job); /* 413 */
	assert_true(next_job(p, &job));
	assert_true(job.chunk.from > 0);	/* it goes on, in smaller steps */
	exchange(p, &job);
	run(p, 0, FLOWS);
}

static void
changes_in_the_middle(void **state)
{
	struct pair *p = *state;
	struct exchange_job job;

	start(p);
	run_chunks(p, 2);
	offer(p, FLOWS, "Second");
	assert_true(next_job(p, &job));
	assert_int_equal(job.chunk.from, 0);
	exchange(p, &job);
	run(p, 0, FLOWS);
	assert_true(strstr(seen_of(p), "Second") != NULL && strstr(seen_of(p), "First") == NULL);

	/* while a chunk is under way, so that its answer is about what was before */
	offer(p, FLOWS, "Third");
	run_chunks(p, p->n_chunks + 2);
	assert_true(next_job(p, &job));
	offer(p, FLOWS, "Fourth");
	exchange(p, &job);
	run(p, FLOWS, FLOWS);
	assert_non_null(strstr(seen_of(p), "Fourth"));
}

static void
goes_in_the_middle(void **state)
{
	struct pair *p = *state;

	start(p);
	run_chunks(p, 2);
	offer(p, 0, NULL);
	run(p, 0, 0);
	offer(p, FLOWS, "First");
	run(p, 0, FLOWS);
}

static void
receiver_restarts_in_the_middle(void **state)
{
	struct pair *p = *state;
	struct exchange_job job;

	start(p);
	run_chunks(p, 2);
	registry_close(p->to->r);
	fixture_open(p->to);
	assert_true(next_job(p, &job));
	assert_true(job.chunk.from > 0);
	exchange(p, &job);
	run(p, 0, FLOWS);
}

static enum kodo_err
forget(struct txn *t, void *arg)
{
	(void)arg;
	return node_chunks_drop(t, 1);
}

static void
receiver_forgets_in_the_middle(void **state)
{
	struct pair *p = *state;
	struct exchange_job job;

	start(p);
	run_chunks(p, 2);
	must(store_write(registry_store(p->to->r), forget, NULL));
	assert_true(next_job(p, &job));
	exchange(p, &job);
	assert_true(next_job(p, &job) && job.chunk.from == 0);
	exchange(p, &job);
	run(p, 0, FLOWS);
}

/* Whoever keeps nothing is not sent the same for ever. */
static void
receiver_always_forgets(void **state)
{
	struct pair *p = *state;
	struct exchange_job job;

	start(p);
	while (next_job(p, &job)) {
		exchange(p, &job);
		must(store_write(registry_store(p->to->r), forget, NULL));
	}
	assert_int_equal(total_of(p->to), 0);
	assert_true(p->n_chunks < 20);
	assert_true(is_idle(p->from));
}

static void
connects_anew_in_the_middle(void **state)
{
	struct pair *p = *state;
	struct exchange_job job;

	start(p);
	run_chunks(p, 2);
	assert_true(records_of(p->to) > 1);
	fixture_apply(p->from, START_NOW);
	assert_true(next_job(p, &job));
	assert_int_equal(job.kind, EXCHANGE_CONNECT);
	exchange(p, &job);
	assert_int_equal(records_of(p->to), 0);
	assert_true(next_job(p, &job));
	assert_int_equal(job.chunk.from, 0);
	exchange(p, &job);
	run(p, 0, FLOWS);
	/* and when it is there, a connect that does not hold it takes nothing away */
	fixture_apply(p->from, START_NOW);
	run(p, FLOWS, FLOWS);
}

static void
digest_check_runs(struct pair *p, struct exchange_job *job)
{
	p->from->now_us += 400 * 1000000ll;
	p->to->now_us = p->from->now_us;
	assert_true(next_job(p, job));
	assert_int_equal(job->kind, EXCHANGE_DIGEST_CHECK);
	exchange(p, job);
}

static void
digest_checks_agree(void **state)
{
	struct pair *p = *state;
	struct exchange_job job;

	start(p);
	run(p, 0, FLOWS);
	digest_check_runs(p, &job);
	assert_false(next_job(p, &job));
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, pair_setup, pair_teardown)
	const struct CMUnitTest tests[] = {
		T(comes_whole_and_never_incomplete),
		T(comes_in_order_with_its_version),
		T(answers_are_lost_and_requests_repeated),
		T(requests_are_lost),
		T(is_halved_in_the_middle),
		T(changes_in_the_middle),
		T(goes_in_the_middle),
		T(receiver_restarts_in_the_middle),
		T(receiver_forgets_in_the_middle),
		T(receiver_always_forgets),
		T(connects_anew_in_the_middle),
		T(digest_checks_agree),
	};

	return cmocka_run_group_tests_name("node_chunks", tests, NULL, NULL);
}
