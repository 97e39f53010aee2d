/* Which flows are asked whether they answer, and what is made of it. */
#include "core/exchange/flow_probe.h"
#include "core/liveness/watch.h"
#include "core/probe/probe.h"
#include "core/registry/expire.h"
#include "core/registry/registry_private.h"
#include "exchange_help.h"

#define MINUTE_US	(60 * SECOND_US)
#define ASKS		8u

static struct flow_ask asks[ASKS];

static size_t
pick(struct fixture *f, uint64_t *from, size_t max)
{
	size_t n;

	must(flow_probe_pick(f->r, f->a, from, f->now_us, asks, max, &n));
	return n;
}

static void
note(struct fixture *f, const struct flow_ask *ask, unsigned status, const char *body)
{
	const struct exchange_result res = { .status = status, .body = str_of(body) };

	must(flow_probe_note(f->r, ask, &res, f->now_us, f->now_us));
}

/* Nodes of different hosts come, and have answered. */
static void
begin(struct fixture *f, unsigned n)
{
	struct exchange_job job;
	int64_t due_us = INT64_MAX, active_us = INT64_MAX;
	unsigned i;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	for (i = 0; i < n; i++)
		node_comes(f, arena_printf(f->a, "http://n%u.example:1", i), "N", 2);
	f->now_us += 6 * SECOND_US;
	while (schedule_next_in(f->r, f->a, f->now_us, POOL_LIVENESS, NULL, 0, &job, &due_us,
	    &active_us) == KODO_OK)
		answer(f, &job, 200, default_body(f, arena_printf(f->a, "%.*s",
		    (int)job.url.len - 1, job.url.p), NULL));
}

static enum probe_verdict
verdict_of(struct fixture *f, const struct flow_ask *ask)
{
	struct probe_result r = { 0, PROBE_UNKNOWN };
	struct statement s;
	struct packed p;
	struct str results;
	struct view v;
	uint32_t i;

	must(view_begin(f->r, f->now_us, &v));
	must(record_get_seen(&v.t, ask->node, &s));
	must(packed_open(s.bytes, &p));
	must(probe_results_get(&v.t, ask->node, &results));
	for (i = 0; i < p.n_flows; i++)
		if (probe_flow_id(&p, i) == ask->flow)
			r = probe_result_of(results, &p, i);
	view_end(&v);
	return r.verdict;
}

/* A few at a time, and on from there; first robots.txt, a minute later a flow. */
static void
each_has_its_turn(void **state)
{
	struct fixture *f = *state;
	uint64_t from = 0;
	size_t i, n;

	begin(f, 5);
	n = pick(f, &from, 3);
	assert_int_equal(n, 3);
	assert_true(asks[0].is_robots &&
	    str_eq(asks[0].url, STR("http://n0.example:1/robots.txt")));
	for (i = 0; i < n; i++)
		note(f, &asks[i], 404, "");
	assert_int_equal(pick(f, &from, 3), 2);
	assert_true(str_eq(asks[1].url, STR("http://n4.example:1/robots.txt")));
	for (i = 0; i < 2; i++)
		note(f, &asks[i], 404, "");
	assert_int_equal(pick(f, &from, 3), 0);
	f->now_us += MINUTE_US;
	assert_int_equal(pick(f, &from, ASKS), 5);
	assert_true(!asks[0].is_robots &&
	    str_eq(asks[0].url, STR("http://n0.example:1/flows/N0")));
	/* what is not noted, as its runner was killed, is held for two minutes */
	f->now_us += MINUTE_US;
	assert_int_equal(pick(f, &from, ASKS), 0);
	f->now_us += MINUTE_US;
	assert_int_equal(pick(f, &from, ASKS), 5);
	note(f, &asks[0], 200, "");
	f->now_us += MINUTE_US;
	assert_int_equal(pick(f, &from, 1), 1);
	assert_true(str_eq(asks[0].url, STR("http://n0.example:1/flows/N1")));
	check_clean(f);
}

static enum kodo_err
suspect_fn(struct txn *t, void *arg)
{
	struct watch w;
	enum kodo_err err = watch_get(t, &w);

	w.suspect_us = *(const int64_t *)arg;
	return err == KODO_OK ? watch_put(t, &w) : err;
}

/* No answer is no verdict while our own line may be down; one of any kind is. */
static void
own_line_is_no_failure(void **state)
{
	struct fixture *f = *state;
	int64_t suspect_us;
	uint64_t from = 0;

	begin(f, 1);
	assert_int_equal(pick(f, &from, 2), 1);
	note(f, &asks[0], 404, "");
	f->now_us += MINUTE_US;
	assert_int_equal(pick(f, &from, 2), 1);
	suspect_us = f->now_us;
	must(store_write(registry_store(f->r), suspect_fn, &suspect_us));
	note(f, &asks[0], 0, "");
	assert_int_equal(verdict_of(f, &asks[0]), PROBE_UNKNOWN);
	note(f, &asks[0], 500, "");
	assert_int_equal(verdict_of(f, &asks[0]), PROBE_FAILS);
	note(f, &asks[0], 200, "");
	assert_int_equal(verdict_of(f, &asks[0]), PROBE_ANSWERS);
	suspect_us = 0;
	must(store_write(registry_store(f->r), suspect_fn, &suspect_us));
	note(f, &asks[0], 429, "");
	assert_int_equal(verdict_of(f, &asks[0]), PROBE_ANSWERS);
	note(f, &asks[0], 0, "");
	assert_int_equal(verdict_of(f, &asks[0]), PROBE_FAILS);
}

/* What was known of hosts is forgotten when it is out of date. */
static void
hosts_are_forgotten(void **state)
{
	struct fixture *f = *state;
	struct store_stat st;
	uint64_t from = 0;

	begin(f, 1);
	assert_int_equal(pick(f, &from, 2), 1);
	note(f, &asks[0], 404, "");
	f->now_us += MINUTE_US;
	assert_int_equal(pick(f, &from, 2), 1);
	note(f, &asks[0], 200, "");
	must(store_stat(registry_store(f->r), &st));
	assert_int_equal(st.entries[T_PROBE], 1);
	must(flow_probe_tidy(f->r, f->now_us));
	must(store_stat(registry_store(f->r), &st));
	assert_int_equal(st.entries[T_PROBE_HOST], 2);
	must(flow_probe_tidy(f->r, f->now_us + 25 * 60 * MINUTE_US));
	must(store_stat(registry_store(f->r), &st));
	assert_int_equal(st.entries[T_PROBE_HOST], 0);
}

/* It signs off; when nobody remembers its node any more, nothing is left of what was found out. */
static void
results_end_with_their_node(void **state)
{
	struct fixture *f = *state;
	struct store_stat st;
	struct wire_body b;
	struct receipt in;
	uint64_t ticket, from = 0;
	unsigned i;

	begin(f, 1);
	assert_int_equal(pick(f, &from, 2), 1);
	note(f, &asks[0], 404, "");
	f->now_us += MINUTE_US;
	assert_int_equal(pick(f, &from, 2), 1);
	note(f, &asks[0], 200, "");
	b = disconnect_of(f, "http://n0.example:1", "[\"http://n0.example:1\"]", NULL);
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	note(f, &asks[0], 200, "");
	for (i = 0; i < 3; i++) {
		f->now_us += 31ll * 24 * 60 * MINUTE_US;
		must(expire_run(f->r, f->now_us));
	}
	must(store_stat(registry_store(f->r), &st));
	assert_int_equal(st.entries[T_NODE_URL], 1);	/* the own one */
	assert_int_equal(st.entries[T_PROBE], 0);
	check_clean(f);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(each_has_its_turn),
		T(own_line_is_no_failure),
		T(hosts_are_forgotten),
		T(results_end_with_their_node),
	};

	return cmocka_run_group_tests_name("flow_probe", tests, NULL, NULL);
}
