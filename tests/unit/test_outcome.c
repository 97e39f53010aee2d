#include "core/base/utf8.h"
#include "exchange_help.h"

/* --- what an answer means --- */

enum want { WANT_DONE, WANT_RETRY, WANT_PARK };

static void
connect_answers(void **state)
{
	static const struct {
		unsigned status;
		enum want want;
	} rows[] = {
		{ 200, WANT_DONE },
		{ 201, WANT_DONE },
		{ 204, WANT_DONE },
		{ 404, WANT_PARK },
		{ 400, WANT_PARK },
		{ 405, WANT_PARK },
		{ 501, WANT_PARK },
		{ 500, WANT_RETRY },
		{ 502, WANT_RETRY },
		{ 503, WANT_RETRY },
		{ 301, WANT_RETRY },
		{ 429, WANT_RETRY },
		{ 0, WANT_RETRY },
	};
	struct fixture *f = *state;
	struct exchange_job job;
	struct peer p;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start(f);
		next_is(f, EXCHANGE_CONNECT, &job);
		assert_true(job.is_post);
		assert_true(str_eq(job.url, STR("http://t:1/connect")));
		assert_int_equal(job.n_nodes, 1);
		answer(
		    f, &job, rows[i].status, "garbage"); /* the status counts, whatever the body */
		p = peer_of(f, TARGET);
		assert_int_equal(peer_has_work(&p), rows[i].want != WANT_DONE);
		assert_int_equal((p.flags & PEER_PAUSED) != 0, rows[i].want == WANT_PARK);
		assert_int_equal(p.out.connected_us != 0, rows[i].want == WANT_DONE);
		if (rows[i].want == WANT_RETRY)
			assert_within(nothing_until(f) - f->now_us, 500000, 550000);
		else
			assert_within(nothing_until(f) - f->now_us,
			    rows[i].want == WANT_PARK ? 30 * SECOND_US : 60 * SECOND_US,
			    rows[i].want == WANT_PARK ? 36 * SECOND_US : 73 * SECOND_US);
		f->now_us += SECOND_US;
	}
}

static void
update_answered_404_connects_to_a_target(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start_connected(f, NULL);
	node_comes(f, "http://n:1", "N", 2);
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_true(str_eq(job.url, STR("http://t:1/update")));
	assert_int_equal(job.n_flows, 2);
	answer(f, &job, 404, "");
	next_is(f, EXCHANGE_CONNECT, &job);
	assert_int_equal(job.n_nodes, 2);
	answer(f, &job, 201, "");
	nothing_until(f);
}

static void
update_answered_404_asks_a_provider(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct wire_body b;
	struct receipt in;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	b = body_of(f, "http://r:1", true,
	    arena_printf(f->a, "[%s]", node_json(f, "http://r:1", "R", 1)), NULL);
	must(registry_connect(f->r, &b, f->now_us, &in));
	node_comes(f, "http://n:1", "N", 2);
	next_is(f, EXCHANGE_UPDATE, &job);
	answer(f, &job, 404, "");
	next_is(f, EXCHANGE_RECONNECT, &job);
	assert_true(str_eq(job.url, STR("http://r:1/reconnect")));
	assert_non_null(memmem(job.body.p, job.body.len, "[\"please reconnect\"]", 20));
	assert_int_equal(total_of(f), 3);
	answer(f, &job, 404, ""); /* it has left */
	assert_int_equal(total_of(f), 2);
	assert_int_equal(nothing_until(f), INT64_MAX);
	check_clean(f);
}

static void
removal_is_sent_once(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct wire_body b;
	struct receipt in;
	uint64_t ticket;

	start_connected(f, NULL);
	node_comes(f, "http://n:1", "N", 2);
	next_is(f, EXCHANGE_UPDATE, &job);
	answer(f, &job, 200, "");
	b = disconnect_of(f, "http://n:1", "[\"http://n:1\"]", NULL);
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	next_is(f, EXCHANGE_REMOVE, &job);
	assert_true(str_eq(job.url, STR("http://t:1/disconnect")));
	assert_non_null(memmem(job.body.p, job.body.len, "\"gone\":{\"http://n:1\":", 21));
	answer(f, &job, 204, "");
	nothing_until(f);
}

static void
disconnect_answered_404_is_done(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct receipt in;
	uint64_t ticket;
	bool tried;

	start_connected(f, NULL);
	must(registry_leave(f->r, f->now_us, &ticket, &in));
	must(wait_is_tried(f->r, ticket, f->now_us, &tried));
	assert_false(tried);
	next_is(f, EXCHANGE_DISCONNECT, &job);
	answer(f, &job, 404, "");
	must(wait_is_tried(f->r, ticket, f->now_us, &tried));
	assert_true(tried);
	assert_int_equal(nothing_until(f), INT64_MAX); /* no digest check of a target left */
}

/* --- what happens meanwhile --- */

static void
news_survive_an_older_message(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start_connected(f, NULL);
	node_comes(f, "http://n:1", "N", 1);
	next_is(f, EXCHANGE_UPDATE, &job);
	f->now_us += 1000;
	node_comes(f, "http://n:1", "N", 3); /* while the message is under way */
	answer(f, &job, 200, "");
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_int_equal(job.n_flows, 3);
	answer(f, &job, 200, "");
	nothing_until(f);
}

static void
leave_cancels_a_pending_connect(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct receipt in;
	uint64_t ticket;

	start(f);
	must(registry_leave(f->r, f->now_us, &ticket, &in));
	next_is(f, EXCHANGE_DISCONNECT, &job);
	assert_true(str_eq(job.leave_url, STR("http://localhost:3367")));
	answer(f, &job, 200, "");
	assert_int_equal(nothing_until(f), INT64_MAX);
}

static void
late_answer_to_a_connect_resurrects_nothing(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct receipt in;
	uint64_t ticket;
	char *body;

	start(f);
	next_is(f, EXCHANGE_CONNECT, &job);
	must(registry_leave(f->r, f->now_us, &ticket, &in));
	body = arena_printf(f->a,
	    "{\"url\":\"" TARGET
	    "\",\"registry\":true,\"feed\":true,\"idle\":true,\"now\":\"2025-01-13T14:00:00Z\","
	    "\"message\":[],\"nodes\":[%s]}",
	    node_json(f, "http://x:1", "X", 2));
	answer(f, &job, 201, body);
	assert_int_equal(total_of(f), 1);
	assert_true(peer_of(f, TARGET).out.connected_us == 0);
	next_is(f, EXCHANGE_DISCONNECT, &job);
	answer(f, &job, 200, "");
	assert_int_equal(nothing_until(f), INT64_MAX);
}

static void
reconnect_while_leaving_hastens_the_leave(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct receipt in;
	struct wire_body b = { 0 };
	struct wire_refusal no;
	uint64_t ticket;

	start_connected(f, NULL);
	must(registry_leave(f->r, f->now_us, &ticket, &in));
	next_is(f, EXCHANGE_DISCONNECT, &job);
	answer(f, &job, 0, "");
	nothing_until(f);
	must(wire_read(f->a, WIRE_DEFAULT, str_of(default_body(f, TARGET, NULL)), f->now_us,
	    f->o.url_key, &b, &no));
	must(registry_reconnect(f->r, &b, f->now_us, &in));
	assert_true(in.known);
	next_is(f, EXCHANGE_DISCONNECT, &job);
	answer(f, &job, 200, "");
	assert_int_equal(nothing_until(f), INT64_MAX);
	must(registry_reconnect(
	    f->r, &b, f->now_us, &in)); /* acknowledged: a legacy peer may call us back */
	next_is(f, EXCHANGE_CONNECT, &job);
}

/* What a peer answers is shown to people and goes into JSON. */
static void
error_is_a_clean_line(void **state)
{
	static const char bad[] = "no\n\xff\xc3 \x1b[31m\xed\xa0\x80";
	struct fixture *f = *state;
	struct exchange_job job;
	char text[400];
	struct peer p;
	size_t i;

	/* never cut inside of a character, wherever the end falls */
	for (i = 0; i < sizeof(text); i++)
		text[i] = "\xc3\xa9"[(i + sizeof(bad)) % 2];
	memcpy(text, bad, sizeof(bad) - 1);
	text[sizeof(text) - 1] = '\0';
	start(f);
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 404, text);
	p = peer_of(f, TARGET);
	assert_true(utf8_valid(p.out.error) && p.out.error.len > 150);
	assert_true(strpbrk(arena_strz(f->a, p.out.error), "\n\x1b") == NULL);
}

/* --- sizes --- */

static void
too_much_is_halved_and_doubled(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	size_t i, first;
	uint32_t ceiling, last;

	start_connected(f, NULL);
	for (i = 0; i < 100; i++)
		node_comes(f, arena_printf(f->a, "http://n%zu:1", i), "N", 40);
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_int_equal(job.n_nodes, 100);
	first = job.body.len;
	answer(f, &job, 413, "");
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_true(job.body.len <= first / 2 + 12000); /* versions come on top */
	assert_true(job.body.len > 65536);
	assert_true(job.n_nodes < 60);
	assert_true(job.is_partial);
	answer(f, &job, 500, ""); /* a body over 64 KiB: may be its size */
	ceiling = peer_of(f, TARGET).out.ceiling_bytes;
	assert_int_equal(ceiling, job.body.len / 2);
	for (i = 0; i < 30 && next_due(f, &job, &(int64_t){ 0 }) == KODO_OK; i++)
		answer(f, &job, 200, "");
	for (i = 0; i < 25; i++) {
		f->now_us += 1000;
		node_comes(f, "http://n0:1", "N", 1 + i % 2);
		next_is(f, EXCHANGE_UPDATE, &job);
		answer(f, &job, 200, "");
	}
	last = peer_of(f, TARGET).out.ceiling_bytes;
	assert_true(last == 0 || last > ceiling);
}

/* A batch answered 400 is halved down to the node at fault, which is paused until it changes. */
static void
node_at_fault_is_found(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct wire_body b;
	struct receipt in;
	int64_t due_us;
	size_t i, taken = 0;

	start_connected(f, NULL);
	for (i = 0; i < 60; i++)
		node_comes(f, arena_printf(f->a, "http://n%zu:1", i), i == 33 ? "Bad" : "N", 30);
	for (i = 0; i < 200 && next_due(f, &job, &due_us) == KODO_OK; i++) {
		bool bad = memmem(job.body.p, job.body.len, "Bad", 3) != NULL;

		assert_int_equal(job.kind, EXCHANGE_UPDATE);
		answer(f, &job, bad ? 400 : 200, "");
		taken += bad ? 0 : job.n_nodes;
	}
	assert_int_equal(taken, 59);
	assert_within(
	    nothing_until(f) - f->now_us, 50 * SECOND_US, 73 * SECOND_US); /* the digest check */
	/* who connects again may take it */
	b = body_of(f, TARGET, true, "[]", NULL);
	must(registry_connect(f->r, &b, f->now_us, &in));
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_non_null(memmem(job.body.p, job.body.len, "Bad", 3));
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(connect_answers),
		T(update_answered_404_connects_to_a_target),
		T(update_answered_404_asks_a_provider),
		T(removal_is_sent_once),
		T(disconnect_answered_404_is_done),
		T(news_survive_an_older_message),
		T(leave_cancels_a_pending_connect),
		T(late_answer_to_a_connect_resurrects_nothing),
		T(reconnect_while_leaving_hastens_the_leave),
		T(error_is_a_clean_line),
		T(too_much_is_halved_and_doubled),
		T(node_at_fault_is_found),
	};

	return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
