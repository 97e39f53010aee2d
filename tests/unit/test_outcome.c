#include "core/base/utf8.h"
#include "core/views/provenance.h"
#include "exchange_help.h"

/* --- what an answer means --- */

enum want { WANT_DONE, WANT_RETRY, WANT_PARK, WANT_SOON };

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
		{ 404, WANT_SOON },
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
	static const int64_t waits_s[] = { [WANT_DONE] = 60, [WANT_PARK] = 30, [WANT_SOON] = 8 };
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
		assert_int_equal((p.flags & PEER_PAUSED) != 0,
		    rows[i].want == WANT_PARK || rows[i].want == WANT_SOON);
		assert_int_equal(p.out.connected_us != 0, rows[i].want == WANT_DONE);
		if (rows[i].want == WANT_RETRY)
			assert_within(nothing_until(f) - f->now_us, 500000, 550000);
		else
			assert_within(nothing_until(f) - f->now_us,
			    waits_s[rows[i].want] * SECOND_US,
			    waits_s[rows[i].want] * SECOND_US * 12 / 10);
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
	strangers_prove(f);
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

/* --- nodes that are not taken, and positions --- */

#define GIANT (9u << 20)

/* The own node alone is more than any body of a legacy peer, or, with two of them, of any. */
static void
own_giant(struct fixture *f, size_t n)
{
	char *text = arena_alloc(f->a, GIANT);
	size_t i;

	memset(text, 'g', GIANT);
	fixture_options(f, "http://localhost:3367", true, true, TARGET, n);
	for (i = 0; i < n; i++)
		f->flows[i].description = (struct str){ text, GIANT };
	f->now_us += 1000;
	fixture_apply(f, START_IF_CHANGED);
}

static void
assert_refused(struct fixture *f, const char *url, bool want)
{
	struct provenance o;
	struct view v;

	must(view_begin(f->r, f->now_us, &v));
	must(provenance_find(&v, f->a, str_of(url), &o));
	assert_int_equal(o.n_refusals, want);
	assert_int_equal(o.n_unnotified, 0);
	view_end(&v);
}

/* A node that is not sent at all is noted also where that of the body is refused. */
static void
both_are_noted(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start_connected(f, NULL);
	own_giant(f, 1);
	node_comes(f, "http://n:1", "N", 1);
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_true(job.n_nodes == 1 && job.n_pauses == 1);
	answer(f, &job, 400, "");
	nothing_until(f);
	assert_refused(f, "http://n:1", true);
	assert_refused(f, "http://localhost:3367", true);
	assert_behind(f, TARGET, false, false);
}

/* One that is not sent does not end the chunks of the next. */
static void
chunks_go_on_behind_a_paused_node(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	uint32_t at = 0;
	size_t i;

	start_with_kodo(f);
	node_comes(f, "http://n:1", "N", 400);
	next_is(f, EXCHANGE_UPDATE, &job);
	answer(f, &job, 413, "");
	own_giant(f, 2);
	node_comes(f, "http://n:1", "Later", 400);
	for (i = 0; at < 400; i++) {
		next_is(f, EXCHANGE_UPDATE, &job);
		assert_true(job.chunk.of == 400 && job.chunk.from == at && job.n_nodes == 1);
		at = job.chunk.to;
		assert_behind(f, TARGET, true, i == 0);
		answer(f, &job, 200, default_body(f, TARGET,
		    arena_printf(f->a, "{\"life\":77,\"sent\":%zu,\"has\":%u}", i + 2, at)));
	}
	assert_true(i > 2);
	nothing_until(f);
	assert_behind(f, TARGET, false, false);
	assert_refused(f, "http://localhost:3367", true);
	assert_refused(f, "http://n:1", false);
}

/* While a node goes in chunks the position stays before it; what came later follows. */
static void
chunked_node_holds_the_position(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	uint64_t pos;
	uint32_t at;

	start_with_kodo(f);
	node_comes(f, "http://m:1", "M", 1);
	node_comes(f, "http://n:1", "N", 400);
	node_comes(f, "http://k:1", "K", 1);
	next_is(f, EXCHANGE_UPDATE, &job);
	answer(f, &job, 413, "");
	next_is(f, EXCHANGE_UPDATE, &job); /* what goes before it alone */
	assert_true(job.n_nodes == 1 && job.chunk.of == 0 && has(&job, "M 0"));
	answer(f, &job, 200, "");
	pos = peer_of(f, TARGET).out.pos;
	for (at = 0; at < 400; at = job.chunk.to) {
		assert_true(peer_of(f, TARGET).out.pos == pos);
		next_is(f, EXCHANGE_UPDATE, &job);
		assert_true(job.chunk.of == 400 && job.chunk.from == at && job.pos == pos);
		assert_false(has(&job, "K 0"));
		answer(f, &job, 200, default_body(f, TARGET,
		    arena_printf(f->a, "{\"life\":77,\"sent\":2,\"has\":%u}", job.chunk.to)));
	}
	assert_true(peer_of(f, TARGET).out.pos == job.chunk.at && job.chunk.at > pos);
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_true(job.n_nodes == 1 && job.chunk.of == 0 && has(&job, "K 0"));
	answer(f, &job, 200, "");
	assert_behind(f, TARGET, false, false);
	nothing_until(f);
}

/* One that is refused in chunks is passed over alone. */
static void
chunked_node_that_is_refused(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start_with_kodo(f);
	node_comes(f, "http://n:1", "N", 400);
	next_is(f, EXCHANGE_UPDATE, &job);
	answer(f, &job, 413, "");
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_int_equal(job.chunk.of, 400);
	node_comes(f, "http://k:1", "K", 1);
	answer(f, &job, 400, "");
	assert_refused(f, "http://n:1", true);
	assert_behind(f, TARGET, true, true);
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_true(job.n_nodes == 1 && has(&job, "K 0"));
	answer(f, &job, 200, "");
	assert_behind(f, TARGET, false, false);
	nothing_until(f);
}

/* It is sent again after its next change, and not before. */
static void
refused_node_waits_for_its_next_change(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start_with_kodo(f);
	node_comes(f, "http://n:1", "Bad", 1);
	next_is(f, EXCHANGE_UPDATE, &job);
	answer(f, &job, 400, "");
	assert_refused(f, "http://n:1", true);
	assert_behind(f, TARGET, false, true); /* its removals were not asked about */
	nothing_until(f);
	assert_behind(f, TARGET, false, false);
	node_comes(f, "http://m:1", "M", 1);
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_true(job.n_nodes == 1 && !has(&job, "Bad 0"));
	answer(f, &job, 200, "");
	f->now_us += 1000;
	node_comes(f, "http://n:1", "Good", 1);
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_true(job.n_nodes == 1 && has(&job, "Good 0"));
	f->now_us += 1000;
	node_comes(f, "http://n:1", "Better", 1); /* while it is refused again */
	answer(f, &job, 400, "");
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_true(job.n_nodes == 1 && has(&job, "Better 0"));
	answer(f, &job, 200, "");
	assert_refused(f, "http://n:1", false);
	nothing_until(f);
	node_goes(f, "http://n:1");
	next_is(f, EXCHANGE_REMOVE, &job);
	answer(f, &job, 200, "");
	nothing_until(f);
}

/* Where news do not go there is a time for them; afterwards they are found by position again. */
static void
failure_gives_a_time(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct peer p;

	start_with_kodo(f);
	node_comes(f, "http://n:1", "N", 1);
	p = peer_of(f, TARGET);
	assert_true(p.filed.has_pos && !p.filed.due[FILED_WORK].is);
	next_is(f, EXCHANGE_UPDATE, &job);
	answer(f, &job, 0, "");
	p = peer_of(f, TARGET);
	assert_true(!p.filed.has_pos && p.filed.due[FILED_WORK].is);
	assert_int_equal(p.out.work[WORK_NOTIFY], job.gen);
	assert_within(nothing_until(f) - f->now_us, 500000, 550000);
	assert_behind(f, TARGET, true, true);
	assert_false(is_idle(f));
	node_comes(f, "http://m:1", "M", 1); /* does not shorten the wait */
	assert_within(nothing_until(f) - f->now_us, 500000, 550000);
	f->now_us = nothing_until(f);
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_int_equal(job.n_nodes, 2);
	answer(f, &job, 200, "");
	p = peer_of(f, TARGET);
	assert_true(p.filed.has_pos && !p.filed.due[FILED_WORK].is && p.out.work[WORK_NOTIFY] == 0);
	nothing_until(f);
	assert_true(is_idle(f));
	check_clean(f);
}

/* One that is no target gets all when it connects again: until then it is told nothing. */
static void
unknown_peer_is_told_nothing_old(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct receipt in;
	struct wire_body b;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	b = body_of(f, "http://r:1", true, "[]", NULL);
	must(registry_connect(f->r, &b, f->now_us, &in));
	strangers_prove(f);
	node_comes(f, "http://n:1", "N", 2);
	assert_behind(f, "http://r:1", true, true);
	next_is(f, EXCHANGE_UPDATE, &job);
	answer(f, &job, 404, "");
	assert_behind(f, "http://r:1", false, false);
	next_is(f, EXCHANGE_RECONNECT, &job);
	answer(f, &job, 200, "");
	nothing_until(f);
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
		T(both_are_noted),
		T(chunks_go_on_behind_a_paused_node),
		T(chunked_node_holds_the_position),
		T(chunked_node_that_is_refused),
		T(refused_node_waits_for_its_next_change),
		T(failure_gives_a_time),
		T(unknown_peer_is_told_nothing_old),
	};

	return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
