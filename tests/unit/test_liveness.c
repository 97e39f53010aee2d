/* Signs of life: when who is asked, when it is silent, and what a clock that was set back does. */
#include "core/liveness/liveness.h"
#include "core/liveness/node_state.h"
#include "core/liveness/watch.h"
#include "core/registry/liveness_round.h"
#include "exchange_help.h"

#define MINUTE_US	(60 * SECOND_US)

/* Asked in vain as often as it is due, from now_us on; how often until it falls silent. */
static unsigned
asked_until_silent(struct peer *p, int64_t now_us)
{
	unsigned n = 1;

	while (!liveness_missed(p, 0, now_us)) {
		assert_true(p->liveness.due_us > now_us);
		now_us = p->liveness.due_us;
		n++;
		assert_true(n < 20);
	}
	return n;
}

static void
silent_after_three_rounds(void **state)
{
	const int64_t t0 = START_NOW;
	struct peer p = { .id = 7, .flags = PEER_PROVIDER | PEER_PROVEN };

	(void)state;
	p.in.at_us = t0;
	liveness_look_later(&p, t0);
	assert_int_equal(p.liveness.due_us, t0 + LIVENESS_ASK_US + 7 * SECOND_US);
	assert_true(liveness_is_heard(&p, t0 + 9 * MINUTE_US));
	assert_false(liveness_is_heard(&p, t0 + 11 * MINUTE_US));
	assert_false(liveness_is_heard(&p, t0 - MINUTE_US)); /* the clock was set back */
	assert_int_equal(asked_until_silent(&p, t0 + 10 * MINUTE_US), 3);
	assert_int_equal(p.liveness.silent_us, t0);
	assert_int_equal(p.liveness.fell_us, t0 + 15 * MINUTE_US);
	assert_false(liveness_missed(&p, 0, t0 + 30 * MINUTE_US)); /* once */
	/* ever more seldom, for ever */
	assert_int_equal(p.liveness.due_us, t0 + 40 * MINUTE_US);
	assert_false(liveness_missed(&p, 0, t0 + 3000 * MINUTE_US));
	assert_int_equal(p.liveness.due_us, t0 + 3060 * MINUTE_US);
	assert_false(liveness_is_given_up(&p));
}

/* However late in its round it was asked first. */
static void
it_is_not_fresh_for_longer(void **state)
{
	const int64_t t0 = START_NOW;
	struct peer p = { .id = 59, .flags = PEER_PROVIDER | PEER_PROVEN };

	(void)state;
	p.in.at_us = t0;
	liveness_look_later(&p, t0);
	assert_int_equal(asked_until_silent(&p, p.liveness.due_us), 3);
	assert_int_equal(p.liveness.fell_us, t0 + LIVENESS_SILENT_US);
}

static void
nobody_is_silent_before_it_had_its_chance(void **state)
{
	const int64_t t0 = START_NOW, back = t0 + 4000 * MINUTE_US;
	struct peer p = { .flags = PEER_PROVIDER | PEER_PROVEN };

	(void)state;
	p.in.at_us = t0;
	assert_false(liveness_missed(&p, back, back));
	assert_false(liveness_missed(&p, back, back + 14 * MINUTE_US));
	assert_true(liveness_missed(&p, back, back + 15 * MINUTE_US));
	assert_int_equal(p.liveness.silent_us, t0);
}

/* Words in a name that signs nothing and never answered are no sign of life. */
static void
stranger_is_asked_four_times(void **state)
{
	struct peer p = { .flags = PEER_PROVIDER, .created_us = START_NOW };

	(void)state;
	p.in.at_us = START_NOW;
	liveness_begin(&p, START_NOW);
	assert_int_equal(p.liveness.due_us, START_NOW + LIVENESS_FIRST_US);
	assert_int_equal(liveness_since_us(&p), LIVENESS_NOT_KNOWN);
	assert_int_equal(asked_until_silent(&p, p.liveness.due_us), 4);
	assert_true(liveness_is_given_up(&p) && liveness_since_us(&p) == START_NOW);
	liveness_try_again(&p, START_NOW);
	assert_false(liveness_is_given_up(&p));
	assert_int_equal(liveness_since_us(&p), START_NOW); /* a connect alone proves nothing */
	p.trust.key = STR("k");
	assert_int_equal(liveness_heard_us(&p), START_NOW);
}

static void
states_by_time(void **state)
{
	const int64_t day = LIVENESS_LOST_US;

	(void)state;
	assert_int_equal(liveness_state_of(0, day), LIVENESS_FRESH);
	assert_int_equal(liveness_state_of(LIVENESS_NOT_KNOWN, day), LIVENESS_UNKNOWN);
	assert_int_equal(liveness_state_of(5, 4 + day), LIVENESS_SILENT);
	assert_int_equal(liveness_state_of(5, 5 + day), LIVENESS_LOST);
}

static void
many_at_once_are_our_own_line(void **state)
{
	static const struct {
		uint64_t fallen, of;
		bool is;
	} rows[] = { { 0, 0, false }, { 2, 2, false }, { 3, 3, true }, { 3, 20, false },
		{ 3, 19, true }, { 15, 100, false }, { 16, 100, true } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(liveness_is_suspect(rows[i].fallen, rows[i].of), rows[i].is);
}

static enum kodo_err
look_next(struct fixture *f, struct exchange_job *job)
{
	int64_t due_us = INT64_MAX, active_us = INT64_MAX;

	return schedule_next_in(
	    f->r, f->a, f->now_us, POOL_LIVENESS, NULL, 0, job, &due_us, &active_us);
}

/* What others say of a node whose owner is connected here is nothing; of strangers it never is. */
static void
owner_is_heard_itself(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct node_state of;
	struct receipt in;
	struct wire_body b;
	struct view v;
	uint32_t node;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	node_comes(f, "http://n:1", "N", 1);
	f->now_us += 6 * SECOND_US;
	must(look_next(f, &job));
	answer(f, &job, 200, default_body(f, "http://n:1", NULL));
	b = body_of(f, "http://liar:1", true, arena_printf(f->a, "[%s]",
	    node_json(f, "http://n:1", "N", 1)),
	    "{\"versions\":{\"http://n:1\":5},\"silent\":{\"http://n:1\":5},"
	    "\"life\":5,\"sent\":1}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	strangers_prove(f);
	b.sequence++;
	must(registry_connect(f->r, &b, f->now_us, &in));
	must(view_begin(f->r, f->now_us, &v));
	must(node_find(&v.t, STR("http://n:1"), &node));
	must(node_state_get(&v.t, node, &of));
	view_end(&v);
	assert_int_equal(of.since_us, 0);
}

static int64_t
since_of(struct fixture *f, const char *url)
{
	struct node_state of;
	struct view v;
	uint32_t node;

	must(view_begin(f->r, f->now_us, &v));
	must(node_find(&v.t, str_of(url), &node));
	must(node_state_get(&v.t, node, &of));
	view_end(&v);
	return of.since_us;
}

/* What it tells of nodes that it feeds counts once it has answered; until then they are unknown. */
static void
strangers_tell_nothing(void **state)
{
	struct fixture *f = *state;
	struct receipt in;
	struct wire_body b;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	b = body_of(f, "http://feeder:1", true, arena_printf(f->a, "[%s,%s]",
	    node_json(f, "http://x:1", "X", 1), node_json(f, "http://y:1", "Y", 1)),
	    "{\"versions\":{\"http://x:1\":5,\"http://y:1\":5},"
	    "\"silent\":{\"http://x:1\":7},\"life\":5,\"sent\":1}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	assert_int_equal(since_of(f, "http://x:1"), LIVENESS_NOT_KNOWN);
	assert_int_equal(since_of(f, "http://y:1"), LIVENESS_NOT_KNOWN);
	strangers_prove(f);
	b.sequence++;
	must(registry_connect(f->r, &b, f->now_us, &in));
	assert_int_equal(since_of(f, "http://x:1"), 7);
	assert_int_equal(since_of(f, "http://y:1"), 0);
}

/* Also where the node comes by way of another, as it did before its owner spoke of it here. */
static void
owner_counts_as_soon_as_it_speaks(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	const char *node;
	struct receipt in;
	struct wire_body b;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	b = body_of(f, "http://x:1", false, "[]", "{\"life\":9,\"sent\":1}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	f->now_us += 6 * SECOND_US;
	must(look_next(f, &job));
	answer(f, &job, 200, default_body(f, "http://x:1", NULL));
	b = body_of(f, "http://feeder:1", true, "[]", "{\"life\":5,\"sent\":1}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	strangers_prove(f);
	node = arena_printf(f->a, "[%s]", node_json(f, "http://x:1", "X", 1));
	b = body_of(f, "http://feeder:1", true, node,
	    "{\"versions\":{\"http://x:1\":5},\"silent\":{\"http://x:1\":7},\"life\":5,"
	    "\"sent\":2}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	assert_int_equal(since_of(f, "http://x:1"), 7);
	b = body_of(f, "http://x:1", false, node,
	    "{\"versions\":{\"http://x:1\":5},\"life\":9,\"sent\":2}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	assert_int_equal(since_of(f, "http://x:1"), 0);
}

/* It was asked four times; whoever looks for what is due finds it no more. */
static void
given_up_is_not_found(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	unsigned n = 0, i;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	node_comes(f, "http://n:1", "N", 1);
	for (i = 0; i < 1000; i++) {
		f->now_us += MINUTE_US;
		if (look_next(f, &job) != KODO_OK)
			continue;
		assert_true(n++ < 4);
		answer(f, &job, 404, NULL);
	}
	assert_int_equal(n, 4);
	assert_true(since_of(f, "http://n:1") > 0);
}

#define REAL		10u
#define INVENTED	450u

/* Minutes pass: looks are answered by some of those that are there, the watch has its rounds. */
static void
minutes_pass(struct fixture *f, unsigned n, char first_silent)
{
	struct exchange_job job;
	bool more;

	for (; n > 0; n--) {
		f->now_us += MINUTE_US;
		while (look_next(f, &job) == KODO_OK)
			if (job.url.p[7] == 'n' && job.url.p[8] < first_silent)
				answer(f, &job, 200, default_body(f,
				    arena_printf(f->a, "%.*s", (int)job.url.len - 1, job.url.p),
				    NULL));
			else
				answer(f, &job, 404, NULL);
		do
			must(liveness_round(f->r, f->now_us, &more));
		while (more);
	}
}

static unsigned
providers_of(struct fixture *f, struct watch *w)
{
	struct scan s;
	struct view v;
	unsigned n = 0;
	uint32_t id;

	must(view_begin(f->r, f->now_us, &v));
	must(watch_get(&v.t, w));
	s = peer_scan_providers(&v.t);
	while (peer_next_provider(&s, &id))
		n++;
	must(scan_end(&s));
	view_end(&v);
	return n;
}

/* However many are invented: three of ten that fall silent are many, and those are withdrawn. */
static void
invented_ones_count_for_nothing(void **state)
{
	struct fixture *f = *state;
	struct watch w;
	unsigned i;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	f->o.expire_days = 2;
	fixture_apply(f, START_NOW);
	for (i = 0; i < REAL; i++)
		node_comes(f, arena_printf(f->a, "http://n%u:1", i), "N", 1);
	strangers_prove(f);
	minutes_pass(f, 20, '9' + 1);
	for (i = 0; i < INVENTED; i++)
		node_comes(f, arena_printf(f->a, "http://invented%u:1", i), "I", 1);
	assert_int_equal(providers_of(f, &w), REAL + INVENTED);
	minutes_pass(f, 60, '7');
	assert_int_equal(providers_of(f, &w), REAL + INVENTED);
	assert_int_not_equal(w.suspect_us, 0);
	minutes_pass(f, 70, '9' + 1); /* they are asked seldom */
	(void)providers_of(f, &w);
	assert_int_equal(w.suspect_us, 0);
	minutes_pass(f, 48 * 60, '9' + 1);
	assert_int_equal(providers_of(f, &w), REAL);
	check_clean(f);
}

/* One that was heard is put off, however far ahead its time is: else it would be found for ever. */
static void
clock_set_back_ends(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	node_comes(f, "http://n:1", "N", 1);
	f->now_us += 6 * SECOND_US;
	must(look_next(f, &job));
	assert_int_equal(job.kind, EXCHANGE_LOOK);
	assert_true(str_eq(job.url, STR("http://n:1/")));
	answer(f, &job, 200, default_body(f, "http://n:1", NULL));
	assert_true((peer_of(f, "http://n:1").flags & PEER_PROVEN) != 0);
	f->now_us -= 40000 * SECOND_US;
	node_comes(f, "http://n:1", "N", 1);
	alarm(20);
	must(look_next(f, &job));
	answer(f, &job, 200, default_body(f, "http://n:1", NULL));
	assert_int_equal(look_next(f, &job), KODO_ENOTFOUND);
	alarm(0);
	check_clean(f);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silent_after_three_rounds),
		cmocka_unit_test(it_is_not_fresh_for_longer),
		cmocka_unit_test(nobody_is_silent_before_it_had_its_chance),
		cmocka_unit_test(stranger_is_asked_four_times),
		cmocka_unit_test(states_by_time),
		cmocka_unit_test(many_at_once_are_our_own_line),
		T(owner_is_heard_itself),
		T(owner_counts_as_soon_as_it_speaks), T(strangers_tell_nothing),
		T(given_up_is_not_found),
		T(invented_ones_count_for_nothing),
		T(clock_set_back_ends),
	};

	return cmocka_run_group_tests_name("liveness", tests, NULL, NULL);
}
