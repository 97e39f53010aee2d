/* What must not wait long: whatever happened, all is right soon after it is over. */
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
	const int64_t began_us = T0;

	start(f);
	attempts_fail(f, 9);
	while (f->now_us < began_us + 3500 * SECOND_US) {
		assert_within(nothing_until(f) - f->now_us, 8 * SECOND_US, 10 * SECOND_US);
		attempts_fail(f, 1);
	}
	f->now_us = began_us + 3601 * SECOND_US;
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

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(who_speaks_is_tried_soon),
		T(pauses_are_short_for_an_hour),
		T(link_to_who_signs_off_lives_on),
	};

	return cmocka_run_group_tests_name("bound", tests, NULL, NULL);
}
