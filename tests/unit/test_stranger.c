/*
 * Peers that never answered: a probe and no body, waits that grow, an end; and pools, so that
 * neither they nor those that fail stand in the way of others.
 */
#include <time.h>

#include "core/exchange/stranger.h"
#include "core/records/head.h"
#include "exchange_help.h"

#define STRANGER "http://r:1"
#define MANY 30000u

static void
comes(struct fixture *f, const char *url)
{
	struct wire_body b = body_of(f, url, true, "[]", NULL);
	struct receipt in;

	f->now_us += 1000;
	must(registry_connect(f->r, &b, f->now_us, &in));
	assert_true(in.wake);
}

static void
begin(struct fixture *f)
{
	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	comes(f, STRANGER);
}

static const char *
greeting(struct fixture *f, const char *url)
{
	return default_body(f, url, NULL);
}

static void
probe_is(struct fixture *f, const char *url, struct exchange_job *job)
{
	next_is(f, EXCHANGE_PROBE, job);
	assert_true(str_eq(job->url, str_of(url)));
	assert_false(job->is_post);
	assert_int_equal(job->body.len, 0);
}

static void
no_body_before_it_has_answered(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	begin(f);
	node_comes(f, "http://n:1", "N", 1);
	probe_is(f, STRANGER "/", &job);
	answer(f, &job, 200, greeting(f, STRANGER));
	assert_true((peer_of(f, STRANGER).flags & PEER_PROVEN) != 0);
	next_is(f, EXCHANGE_UPDATE, &job); /* what came meanwhile, and that alone */
	assert_int_equal(job.n_nodes, 1);
	answer(f, &job, 200, "");
	assert_int_equal(nothing_until(f), INT64_MAX);
	node_comes(f, "http://n:1", "M", 1);
	next_is(f, EXCHANGE_UPDATE, &job); /* it is not asked again */
	check_clean(f);
}

/* Nothing was to be sent meanwhile: it is found by its position, as any other. */
static void
probed_ahead(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	begin(f);
	probe_is(f, STRANGER "/", &job);
	answer(f, &job, 200, greeting(f, STRANGER));
	assert_true(peer_of(f, STRANGER).filed.has_pos);
	assert_int_equal(nothing_until(f), INT64_MAX);
}

static void
what_proves_nothing(void **state)
{
	static const struct {
		unsigned status;
		const char *url; /* of its greeting; NULL: none */
	} rows[] = {
		{ 200, "http://r:2" }, { 200, NULL }, { 201, NULL }, { 404, STRANGER },
		{ 500, NULL }, { 0, NULL },
	};
	struct fixture *f = *state;
	struct exchange_job job;
	struct peer p;
	size_t i;

	begin(f);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		probe_is(f, i % 2 == 0 ? STRANGER "/" : STRANGER "/home", &job);
		answer(f, &job, rows[i].status,
		    rows[i].url == NULL ? "<html>" : greeting(f, rows[i].url));
		p = peer_of(f, STRANGER);
		assert_int_equal(p.flags & PEER_PROVEN, 0);
		assert_null(p.alias.p);
		assert_int_equal(p.out.attempts, i + 1);
		f->now_us = nothing_until(f);
	}
	probe_is(f, STRANGER "/", &job);
	answer(f, &job, 200, greeting(f, "http://R:1/")); /* the same url */
	assert_true((peer_of(f, STRANGER).flags & PEER_PROVEN) != 0);
}

static void
waits_grow_until_it_is_dropped(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	int64_t due_us, wait_us = 500000;
	int i;

	begin(f);
	node_comes(f, STRANGER, "R", 1);
	comes(f, STRANGER);
	for (i = 1; i < 9; i++, wait_us *= 2) {
		next_is(f, EXCHANGE_PROBE, &job);
		answer(f, &job, 0, "");
		due_us = nothing_until(f);
		assert_within(due_us - f->now_us, wait_us, wait_us * 11 / 10);
		assert_true(is_idle(f));
		f->now_us = due_us;
	}
	node_comes(f, "http://n:1", "N", 1);
	next_is(f, EXCHANGE_PROBE, &job);
	answer(f, &job, 0, "");
	assert_int_equal(nothing_until(f), INT64_MAX);
	node_comes(f, "http://n:1", "M", 1);
	assert_int_equal(nothing_until(f), INT64_MAX); /* it is no subscriber */
	assert_int_equal(total_of(f), 2);
	comes(f, STRANGER); /* with the whole list in the answer */
	probe_is(f, STRANGER "/", &job);
	answer(f, &job, 200, greeting(f, STRANGER));
	node_comes(f, "http://n:1", "O", 1);
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_int_equal(job.n_nodes, 1);
	check_clean(f);
}

/* Whoever speaks in its name ends no wait, and gets no list. */
static void
reconnect_in_its_name(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct wire_body b;
	struct receipt in;
	int64_t due_us;
	int i;

	begin(f);
	for (i = 0; i < 3; i++) {
		next_is(f, EXCHANGE_PROBE, &job);
		answer(f, &job, 0, "");
		due_us = nothing_until(f);
		b = body_of(f, STRANGER, true, "[]", NULL);
		must(registry_reconnect(f->r, &b, f->now_us, &in));
		assert_true(in.known);
		assert_int_equal(nothing_until(f), due_us);
		f->now_us = due_us;
	}
	probe_is(f, STRANGER "/home", &job);
	answer(f, &job, 200, greeting(f, STRANGER));
	next_is(f, EXCHANGE_CONNECT, &job);
}

/* A provider without feed is sent nothing but a request to connect again, after a probe. */
static void
probed_before_it_is_asked_again(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	node_comes(f, "http://n:1", "N", 1);
	assert_int_equal(nothing_until(f), INT64_MAX);
	fixture_apply(f, START_NOW);
	probe_is(f, "http://n:1/", &job);
	answer(f, &job, 200, greeting(f, "http://n:1"));
	next_is(f, EXCHANGE_RECONNECT, &job);
}

/* Any acknowledgement that has the peer's own url proves as much as a probe. */
static void
former_target_is_no_stranger(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start_connected(f, NULL);
	assert_true((peer_of(f, TARGET).flags & PEER_PROVEN) != 0);
	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	next_is(f, EXCHANGE_DISCONNECT, &job);
	answer(f, &job, 200, "");
}

/* A sign-off is owed to a target that never answered, too. */
static void
sign_off_needs_no_proof(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start(f);
	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	next_is(f, EXCHANGE_DISCONNECT, &job);
}

static enum kodo_err
put_off(struct fixture *f, uint32_t peer, int64_t wait_us)
{
	const struct put_offs offs = { { { peer, EXCHANGE_PROBE, wait_us } }, 1 };

	return stranger_put_off(f->r, &offs, f->now_us);
}

static void
put_off_or_dropped(void **state)
{
	struct fixture *f = *state;
	uint32_t id;

	begin(f);
	id = peer_of(f, STRANGER).id;
	must(put_off(f, id, 7 * SECOND_US));
	assert_int_equal(nothing_until(f), f->now_us + 7 * SECOND_US);
	assert_int_equal(peer_of(f, STRANGER).out.attempts, 0);
	must(put_off(f, id, INT64_MAX));
	assert_int_equal(nothing_until(f), INT64_MAX);
	assert_true((peer_of(f, STRANGER).flags & PEER_DROPPED) != 0);
	must(put_off(f, id + 1, 1)); /* there is none */
	check_clean(f);
}

/* What a word in the name of one that was dropped has sent to it, if it answers so. */
static unsigned
probes_after_a_word(struct fixture *f, unsigned status)
{
	struct exchange_job job;
	struct peer p;
	unsigned n;

	f->now_us += 60 * SECOND_US;
	comes(f, STRANGER);
	for (n = 0; n < 20; n++) {
		p = peer_of(f, STRANGER);
		if ((p.flags & PEER_DROPPED) != 0)
			break;
		if (p.out.due_us > f->now_us)
			f->now_us = p.out.due_us;
		probe_is(f, n % 2 == 0 ? STRANGER "/" : STRANGER "/home", &job);
		answer(f, &job, status, NULL);
	}
	return n;
}

/* Nothing comes back: it may have just come, and is tried for a while. */
static void
word_for_one_that_was_dropped(void **state)
{
	struct fixture *f = *state;

	begin(f);
	must(put_off(f, peer_of(f, STRANGER).id, INT64_MAX));
	assert_int_equal(probes_after_a_word(f, 500), 1);
	assert_in_range(probes_after_a_word(f, 0), 3, 8);
	check_clean(f);
}

/* --- pools --- */

static enum kodo_err
next_in(struct fixture *f, enum schedule_pool pool, struct exchange_job *job, int64_t *due_us)
{
	int64_t active_us = INT64_MAX;

	*due_us = INT64_MAX;
	return schedule_next_in(f->r, f->a, f->now_us, pool, NULL, 0, job, due_us, &active_us);
}

/* A target that fails, a stranger, and a peer that answers: each is found in its own pool. */
static void
each_in_its_pool(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	int64_t due_us;

	start(f);
	comes(f, "http://g:1");
	strangers_prove(f);
	comes(f, STRANGER);
	must(next_in(f, POOL_GOOD, &job, &due_us)); /* it has not failed yet */
	assert_int_equal(job.kind, EXCHANGE_CONNECT);
	assert_int_equal(next_in(f, POOL_FAILING, &job, &due_us), KODO_ENOTFOUND);
	assert_int_equal(due_us, INT64_MAX);
	must(next_in(f, POOL_GOOD, &job, &due_us));
	answer(f, &job, 0, "");
	node_comes(f, "http://n:1", "N", 1);
	must(next_in(f, POOL_GOOD, &job, &due_us));
	assert_true(str_eq(job.url, STR("http://g:1/update")));
	assert_int_equal(next_in(f, POOL_FAILING, &job, &due_us), KODO_ENOTFOUND);
	f->now_us = due_us;
	must(next_in(f, POOL_FAILING, &job, &due_us));
	assert_true(str_eq(job.url, STR(TARGET "/connect")));
	must(next_in(f, POOL_STRANGERS, &job, &due_us));
	assert_true(str_eq(job.url, STR(STRANGER "/")));
	assert_false(is_idle(f));
}

/* Each class knows by itself that the clock was set back, whatever is due before. */
static void
clock_set_back(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	int64_t due_us;

	begin(f);
	must(next_in(f, POOL_STRANGERS, &job, &due_us));
	answer(f, &job, 0, "");
	f->now_us -= 86400 * SECOND_US;
	comes(f, "http://q:1");
	must(put_off(f, peer_of(f, "http://q:1").id, SECOND_US));
	must(next_in(f, POOL_STRANGERS, &job, &due_us));
	assert_true(str_eq(job.url, STR(STRANGER "/home")));
}

/* It spoke before the clock was set back, and not since: its probes end all the same. */
static void
dropped_after_a_clock_was_set_back(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	int64_t due_us = 0;
	int i;

	begin(f);
	f->now_us -= 3600 * SECOND_US;
	for (i = 0; i < 12 && due_us != INT64_MAX; i++) {
		next_is(f, EXCHANGE_PROBE, &job);
		answer(f, &job, 0, "");
		due_us = nothing_until(f);
		f->now_us = due_us == INT64_MAX ? f->now_us : due_us;
	}
	assert_int_equal(i, 9);
}

static int64_t
cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000ll + ts.tv_nsec / 1000;
}

/* What it takes to find that a pool has nothing, and the next message of another. */
static int64_t
cost_us(struct fixture *f)
{
	struct exchange_job job;
	int64_t due_us, best_us = INT64_MAX;
	int i, j;

	for (i = 0; i < 20; i++) {
		int64_t began_us = cpu_us();

		for (j = 0; j < 20; j++) {
			assert_int_equal(next_in(f, POOL_FAILING, &job, &due_us), KODO_ENOTFOUND);
			assert_int_equal(next_in(f, POOL_GOOD, &job, &due_us), KODO_ENOTFOUND);
			must(next_in(f, POOL_STRANGERS, &job, &due_us));
			assert_false(!is_idle(f));
		}
		if (cpu_us() - began_us < best_us)
			best_us = cpu_us() - began_us;
	}
	return best_us;
}

static void
stranger_set(const struct fixture *f, const struct head *h, unsigned i, struct peer *p)
{
	(void)h;
	p->flags = PEER_FEED | PEER_NOTIFIED;
	p->out.work[WORK_NOTIFY] = 1;
	p->out.due_us = f->now_us - i;
}

/* Nobody walks all peers to find what is due; four times is for a busy machine. */
static void
cost_does_not_grow(void **state)
{
	struct fixture *f = *state;
	int64_t few, many;

	begin(f);
	few = cost_us(f);
	fixture_put_peers(f, MANY, stranger_set);
	many = cost_us(f);
	if (many > 4 * few)
		fail_msg("%lld us with one stranger, %lld us with %u", (long long)few,
		    (long long)many, MANY);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(no_body_before_it_has_answered),
		T(probed_ahead),
		T(what_proves_nothing),
		T(waits_grow_until_it_is_dropped),
		T(reconnect_in_its_name),
		T(probed_before_it_is_asked_again),
		T(former_target_is_no_stranger),
		T(sign_off_needs_no_proof),
		T(put_off_or_dropped),
		T(word_for_one_that_was_dropped),
		T(each_in_its_pool),
		T(clock_set_back),
		T(dropped_after_a_clock_was_set_back),
		T(cost_does_not_grow),
	};

	return cmocka_run_group_tests_name("stranger", tests, NULL, NULL);
}
