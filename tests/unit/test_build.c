/* What is sent next: what lies behind the positions of a peer in the log of changes. */
#include "core/records/changelog.h"
#include "core/registry/registry_private.h"
#include "exchange_help.h"

#define NODES	40u

/* What the target is sent next, and takes. */
static void
takes(struct fixture *f, enum exchange_kind kind, const char *text)
{
	struct exchange_job job;

	next_is(f, kind, &job);
	if (!has(&job, text))
		fail_msg("%s is not in %.*s", text, STR_ARG(job.body));
	answer(f, &job, 200, "");
}

/* The own flows are n from now on. */
static void
own_flows(struct fixture *f, size_t n)
{
	fixture_options(f, "http://localhost:3367", true, true, TARGET, n);
	f->now_us += 1000;
	fixture_apply(f, START_IF_CHANGED);
}

static void
what_was_changed_is_sent(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start_with_kodo(f);
	nothing_until(f);
	assert_behind(f, TARGET, false, false);
	node_comes(f, "http://n:1", "N", 1);
	node_comes(f, "http://m:1", "M", 1);
	node_comes(f, "http://n:1", "Later", 3); /* moves to the end, and goes once */
	assert_behind(f, TARGET, true, true);
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_true(job.n_nodes == 2 && job.n_ids == 2 && job.n_flows == 4);
	assert_true(has(&job, "M 0") && has(&job, "Later 2") && !has(&job, "N 0"));
	assert_true(strstr(job.body.p, "M 0") < strstr(job.body.p, "Later 2"));
	assert_false(has(&job, "localhost:3367\",\"organization\":\"Own\",\"flows"));
	answer(f, &job, 200, "");
	assert_behind(f, TARGET, false, false);
	nothing_until(f);
}

static void
removals_go_before_nodes(void **state)
{
	static const struct {
		bool is_removed_first;
	} rows[] = { { true }, { false } };
	struct fixture *f = *state;
	struct exchange_job job;
	size_t i;

	start_with_kodo(f);
	for (i = 0; i < 2; i++) {
		node_comes(f, "http://n:1", "N", 1);
		takes(f, EXCHANGE_UPDATE, "N 0");
		if (rows[i].is_removed_first)
			node_goes(f, "http://n:1");
		node_comes(f, "http://m:1", i == 0 ? "Alpha" : "Beta", 1);
		if (!rows[i].is_removed_first)
			node_goes(f, "http://n:1");
		next_is(f, EXCHANGE_REMOVE, &job);
		assert_true(has(&job, "http://n:1") && !has(&job, "http://m:1"));
		assert_int_equal(job.n_ids, 1);
		answer(f, &job, 200, "");
		assert_behind(f, TARGET, true, false); /* of removals alone */
		next_is(f, EXCHANGE_UPDATE, &job);
		assert_true(has(&job, "http://m:1") && !has(&job, "http://n:1"));
		answer(f, &job, 200, "");
		assert_behind(f, TARGET, false, false);
		nothing_until(f);
		f->now_us += 1000;
	}
}

/*
 * The end of the own node goes in an update, for its url in a disconnect means that the service
 * leaves: in the order of the changes, or a removal that overtakes it would be lost with it.
 */
static void
own_end_goes_in_its_turn(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start_with_kodo(f);
	node_comes(f, "http://n:1", "N", 1);
	node_comes(f, "http://m:1", "M", 1);
	takes(f, EXCHANGE_UPDATE, "N 0");
	node_goes(f, "http://n:1");
	own_flows(f, 0);
	node_goes(f, "http://m:1");
	next_is(f, EXCHANGE_REMOVE, &job);
	assert_true(has(&job, "http://n:1") && !has(&job, "http://m:1"));
	assert_false(has(&job, "[\"http://localhost:3367"));
	answer(f, &job, 200, "");
	assert_behind(f, TARGET, true, true);
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_true(has(&job, "\"gone\":{\"http://localhost:3367\":"));
	assert_false(has(&job, "http://m:1"));
	assert_int_equal(job.n_nodes, 0);
	answer(f, &job, 200, "");
	assert_behind(f, TARGET, false, true);
	next_is(f, EXCHANGE_REMOVE, &job);
	assert_true(has(&job, "http://m:1") && !has(&job, "http://n:1"));
	answer(f, &job, 200, "");
	assert_behind(f, TARGET, false, false);
	nothing_until(f);
	own_flows(f, 2); /* it is there again */
	takes(f, EXCHANGE_UPDATE, "Own 1");
	nothing_until(f);
}

/* Behind nodes that do not fit in one update it waits for the last. */
static void
own_end_goes_with_the_last_update(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	size_t i;

	start_with_kodo(f);
	for (i = 0; i < NODES; i++)
		node_comes(f, arena_printf(f->a, "http://n%zu:1", i), "N", 40);
	next_is(f, EXCHANGE_UPDATE, &job);
	answer(f, &job, 413, "");
	own_flows(f, 0);
	for (i = 0; i < NODES; i += job.n_nodes) {
		next_is(f, EXCHANGE_UPDATE, &job);
		assert_int_equal(has(&job, "\"gone\":{\"http"), i + job.n_nodes == NODES);
		assert_behind(f, TARGET, true, true);
		answer(f, &job, 200, "");
	}
	assert_int_equal(i, NODES);
	assert_behind(f, TARGET, false, false);
	nothing_until(f);
}

/* Who caused a change is not sent it, nor anything else that it knows. */
static void
cause_is_skipped(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start_with_kodo(f);
	target_says(f, "http://x:1", "X", 1, 5);
	assert_behind(f, TARGET, false, false); /* without a message */
	assert_true(is_idle(f));
	nothing_until(f);
	node_comes(f, "http://n:1", "N", 1);
	target_says(f, "http://x:1", "X", 2, 6);
	target_says(f, "http://y:1", "Y", 2, 7);
	assert_behind(f, TARGET, true, true);
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_int_equal(job.n_nodes, 1);
	assert_true(has(&job, "N 0") && !has(&job, "X 0") && !has(&job, "Y 0"));
	answer(f, &job, 200, "");
	assert_behind(f, TARGET, false, false);
	nothing_until(f);
	/* nothing but its own is behind it: it is passed over */
	node_comes(f, "http://n:1", "N", 2);
	target_says(f, "http://n:1", "Target", 2, 1);
	next_is(f, EXCHANGE_UPDATE, &job);
	answer(f, &job, 200, "");
	node_comes(f, "http://m:1", "M", 1);
	target_says(f, "http://x:1", "X", 3, 8);
	node_goes(f, "http://m:1");
	next_is(f, EXCHANGE_REMOVE, &job);
	assert_false(has(&job, "http://x:1"));
	answer(f, &job, 200, "");
	assert_behind(f, TARGET, true, false);
	nothing_until(f);
	assert_behind(f, TARGET, false, false);
}

/* A peer that says what was removed learns it again, beside what lies behind its positions. */
static void
removal_is_told_again(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start_with_kodo(f);
	node_comes(f, "http://n:1", "N", 1);
	takes(f, EXCHANGE_UPDATE, "N 0");
	node_goes(f, "http://n:1");
	node_comes(f, "http://m:1", "M", 1);
	takes(f, EXCHANGE_REMOVE, "http://n:1");
	assert_behind(f, TARGET, true, false);
	target_says(f, "http://n:1", "Old", 1, 5);
	takes(f, EXCHANGE_REMOVE, "http://n:1");
	takes(f, EXCHANGE_UPDATE, "M 0");
	/* and once where it lies behind them too */
	f->now_us += 1000;
	node_comes(f, "http://k:1", "K", 1);
	takes(f, EXCHANGE_UPDATE, "K 0");
	node_goes(f, "http://k:1");
	target_says(f, "http://k:1", "Old", 1, 6);
	next_is(f, EXCHANGE_REMOVE, &job);
	assert_int_equal(job.n_ids, 1);
	answer(f, &job, 200, "");
	nothing_until(f);
	assert_behind(f, TARGET, false, false);
	check_clean(f);
}

/* Its own change is skipped, but what came of it otherwise than it said is not. */
static void
cause_learns_what_it_does_not_know(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct wire_body b;
	struct receipt in;

	start_with_kodo(f);
	node_comes(f, "http://n:1", "N", 1); /* it is behind */
	target_says(f, "http://x:1", "X", 1, 5);
	b = body_of(f, TARGET, true,
	    arena_printf(f->a, "[%s]", node_json(f, "http://x:1", "Older", 1)),
	    "{\"life\":77,\"sent\":6,\"versions\":{\"http://x:1\":4}}");
	must(registry_update(f->r, &b, f->now_us, &in));
	takes(f, EXCHANGE_REMOVE, "\"gone\":{\"http://x:1\":6}");
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_true(job.n_nodes == 1 && has(&job, "N 0"));
	answer(f, &job, 200, "");
	nothing_until(f);
	assert_behind(f, TARGET, false, false);
}

static enum kodo_err
stranger_notify(struct change *ch, void *arg)
{
	return change_notify(ch, 999, *(uint32_t *)arg);
}

/* An entry of the outbox may be of a node that was forgotten since. */
static void
forgotten_node_is_nothing(void **state)
{
	struct fixture *f = *state;
	const struct change_type type = { .fn = stranger_notify };
	uint32_t peer;
	struct change_run run = { .type = &type, .r = f->r, .now_us = f->now_us, .arg = &peer };

	start_with_kodo(f);
	peer = peer_of(f, TARGET).id;
	must(registry_change(&run));
	assert_false(is_idle(f));
	nothing_until(f);
	assert_true(is_idle(f));
}

static enum kodo_err
stranger_forget(struct change *ch, void *arg)
{
	(void)arg;
	must(change_notify_all(ch, 999, PEER_SELF));
	return changelog_del(ch->t, &ch->head, 999);
}

/* The last entry of the log may be gone: the position moves to where it was. */
static void
end_of_the_log_was_forgotten(void **state)
{
	struct fixture *f = *state;
	const struct change_type type = { .fn = stranger_forget };
	struct change_run run = { .type = &type, .r = f->r, .now_us = f->now_us };

	start_with_kodo(f);
	must(registry_change(&run));
	assert_behind(f, TARGET, true, true);
	nothing_until(f);
	assert_behind(f, TARGET, false, false);
	node_comes(f, "http://n:1", "N", 1);
	must(registry_change(&run));
	takes(f, EXCHANGE_UPDATE, "N 0");
	assert_behind(f, TARGET, false, false);
}

/* Numbers of one change lie side by side: the last of them is not passed over. */
static void
rest_of_one_change(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct wire_body b;
	struct receipt in;
	int i;

	start_with_kodo(f);
	b = body_of(f, "http://r:1", false,
	    arena_printf(f->a, "[%s,%s,%s]", node_json(f, "http://n:1", "N", 60),
	    node_json(f, "http://m:1", "M", 60), node_json(f, "http://k:1", "K", 60)), NULL);
	must(registry_connect(f->r, &b, f->now_us, &in));
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_int_equal(job.n_nodes, 3);
	answer(f, &job, 413, "");
	for (i = 0; i < 3; i++) {
		assert_false(is_idle(f));
		next_is(f, EXCHANGE_UPDATE, &job);
		assert_true(job.n_nodes == 1 && job.chunk.of == 0 && job.is_partial == (i < 2));
		answer(f, &job, 200, "");
	}
	nothing_until(f);
	assert_true(is_idle(f));
	assert_behind(f, TARGET, false, false);
}

/* --- lists --- */

/* How many nodes are in the body; each of them is counted in seen. */
static size_t
nodes_count(struct fixture *f, const struct exchange_job *job, unsigned seen[NODES])
{
	size_t i, n = 0;

	for (i = 0; i < NODES; i++)
		if (has(job, arena_printf(f->a, "{\"url\":\"http://n%zu:1\"", i))) {
			seen[i]++;
			n++;
		}
	return n;
}

/* A registry with nodes, and a ceiling of the target that holds only some of them. */
static void
start_with_nodes(struct fixture *f)
{
	struct exchange_job job;
	size_t i;

	start_with_kodo(f);
	for (i = 0; i < NODES; i++)
		node_comes(f, arena_printf(f->a, "http://n%zu:1", i), "N", 40);
	next_is(f, EXCHANGE_UPDATE, &job);
	answer(f, &job, 413, "");
	next_is(f, EXCHANGE_UPDATE, &job);
	answer(f, &job, 413, "");
	next_is(f, EXCHANGE_UPDATE, &job);
	answer(f, &job, 404, ""); /* it has lost its state */
}

static void
list_goes_by_position(void **state)
{
	struct fixture *f = *state;
	unsigned seen[NODES] = { 0 };
	struct exchange_job job;
	uint64_t before = 0;
	struct peer p;
	size_t i, n;

	start_with_nodes(f);
	next_is(f, EXCHANGE_CONNECT, &job);
	assert_true(job.is_partial && job.pos > 0);
	n = nodes_count(f, &job, seen);
	assert_true(n > 2 && n < NODES / 2);
	answer(f, &job, 201, default_body(f, TARGET, arena_printf(f->a, OURS_KODO, 9)));
	p = peer_of(f, TARGET);
	assert_true(p.out.pos == job.pos && p.out.list == job.gen);
	node_comes(f, "http://n0:1", "Later", 40); /* meanwhile: it goes to the end */
	for (i = 0; p.out.list != 0 && i < NODES; i++) {
		before = p.out.pos;
		next_is(f, EXCHANGE_UPDATE, &job);
		assert_int_equal(job.list_id, p.out.list);
		n += nodes_count(f, &job, seen);
		assert_int_equal(has(&job, "Later"), !job.is_partial);
		answer(f, &job, 200, "");
		p = peer_of(f, TARGET);
		assert_true(p.out.pos > before);
	}
	assert_true(i > 2 && i < NODES);
	assert_int_equal(n, NODES + 1);
	assert_int_equal(seen[0], 2);
	for (i = 1; i < NODES; i++)
		assert_int_equal(seen[i], 1);
	assert_behind(f, TARGET, false, false);
	nothing_until(f);
}

struct rest {
	uint32_t peer, node;
};

static enum kodo_err
rest_notify(struct change *ch, void *arg)
{
	struct rest *r = arg;
	struct peer *p;

	must(change_peer(ch, r->peer, &p));
	p->out.list = ch->head.state;
	return change_notify(ch, r->node, r->peer);
}

/* Flows of the chunked node at hand until all were taken. Was the last chunk called partial? */
static bool
chunks_taken(struct fixture *f, struct exchange_job *job)
{
	do {
		next_is(f, EXCHANGE_UPDATE, job);
		assert_int_equal(job->chunk.of, 400);
		answer(f, job, 200, default_body(f, TARGET,
		    arena_printf(f->a, "{\"life\":77,\"sent\":2,\"has\":%u}", job->chunk.to)));
	} while (job->chunk.to < job->chunk.of);
	return job->is_partial;
}

/* A list does not end with a node in chunks where others of it lie behind the position. */
static void
list_goes_on_behind_a_chunked_node(void **state)
{
	struct fixture *f = *state;
	const struct change_type type = { .fn = rest_notify };
	struct exchange_job job;
	struct rest r;
	struct change_run run = { .type = &type, .r = f->r, .now_us = f->now_us, .arg = &r };

	start_with_kodo(f);
	node_comes(f, "http://n:1", "N", 400);
	next_is(f, EXCHANGE_UPDATE, &job);
	answer(f, &job, 413, "");
	assert_false(chunks_taken(f, &job));
	r = (struct rest){ job.peer, job.chunk.node };	/* the rest of an answer */
	must(registry_change(&run));
	node_comes(f, "http://m:1", "M", 1);
	assert_true(chunks_taken(f, &job));
	assert_true(peer_of(f, TARGET).out.list != 0);
	next_is(f, EXCHANGE_UPDATE, &job);
	assert_true(!job.is_partial && job.list_id != 0 && has(&job, "M 0"));
	answer(f, &job, 200, "");
	assert_int_equal(peer_of(f, TARGET).out.list, 0);
	nothing_until(f);
}

/* A list of which a chunk fails goes on where it was. */
static void
failed_chunk_of_a_list(void **state)
{
	struct fixture *f = *state;
	unsigned seen[NODES] = { 0 };
	struct exchange_job job;
	struct peer p;
	size_t n;

	start_with_nodes(f);
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 0, "");
	p = peer_of(f, TARGET);
	f->now_us = p.out.due_us;
	next_is(f, EXCHANGE_CONNECT, &job);
	n = nodes_count(f, &job, seen);
	answer(f, &job, 201, "");
	next_is(f, EXCHANGE_UPDATE, &job);
	p = peer_of(f, TARGET);
	answer(f, &job, 0, "");
	assert_true(peer_of(f, TARGET).out.pos == p.out.pos);
	f->now_us = nothing_until(f);
	while (peer_of(f, TARGET).out.list != 0) {
		next_is(f, EXCHANGE_UPDATE, &job);
		n += nodes_count(f, &job, seen);
		answer(f, &job, 200, "");
	}
	assert_int_equal(n, NODES);
}

/* What the peer says itself is in no chunk. */
static void
list_has_nothing_of_its_peer(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start_with_nodes(f);
	target_says(f, "http://x:1", "X", 1, 5);
	next_is(f, EXCHANGE_CONNECT, &job);
	target_says(f, "http://y:1", "Y", 1, 6);
	answer(f, &job, 201, default_body(f, TARGET, arena_printf(f->a, OURS_KODO, 9)));
	while (peer_of(f, TARGET).out.list != 0) {
		assert_false(has(&job, "X 0") || has(&job, "Y 0"));
		next_is(f, EXCHANGE_UPDATE, &job);
		answer(f, &job, 200, "");
	}
	assert_false(has(&job, "X 0") || has(&job, "Y 0"));
	assert_behind(f, TARGET, false, false);
}

/* --- legacy peers --- */

static void
list_of_a_legacy_peer_tells_removals(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start_connected(f, NULL);
	node_comes(f, "http://n:1", "N", 1);
	takes(f, EXCHANGE_UPDATE, "N 0");
	node_goes(f, "http://n:1");
	node_comes(f, "http://m:1", "M", 1);
	assert_behind(f, TARGET, true, true);
	next_is(f, EXCHANGE_REMOVE, &job);
	answer(f, &job, 404, "");
	next_is(f, EXCHANGE_CONNECT, &job);
	assert_true(has(&job, "M 0") && !has(&job, "http://n:1"));
	answer(f, &job, 201, default_body(f, TARGET, NULL));
	assert_behind(f, TARGET, false, false);
	nothing_until(f);
	/* a kodo peer is told of them apart, for others may have given it the node */
	node_goes(f, "http://m:1");
	next_is(f, EXCHANGE_REMOVE, &job);
	answer(f, &job, 404, "");
	f->now_us = nothing_until(f);
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 201, default_body(f, TARGET, arena_printf(f->a, OURS_KODO, 1)));
	assert_behind(f, TARGET, false, true);
	takes(f, EXCHANGE_REMOVE, "http://m:1");
	assert_behind(f, TARGET, false, false);
	nothing_until(f);
}

static void
legacy_peer_is_not_sent_its_own_node(void **state)
{
	struct fixture *f = *state;
	struct wire_body b;
	struct receipt in;
	uint64_t ticket;

	start_connected(f, NULL);
	b = body_of(f, "http://r:1", true, arena_printf(f->a, "[%s]", node_json(f, TARGET, "T", 1)),
	    "{\"life\":5,\"sent\":5,\"versions\":{\"" TARGET "\":5}}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	strangers_prove(f);
	assert_int_equal(total_of(f), 2);
	assert_behind(f, TARGET, true, true);
	nothing_until(f); /* it would only echo it */
	assert_behind(f, TARGET, false, false);
	b = disconnect_of(f, "http://r:1", "[\"http://r:1\"]", NULL);
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	assert_int_equal(total_of(f), 1);
	nothing_until(f); /* and take this for its own leaving */
	assert_behind(f, TARGET, false, false);
}

/* Only a whole list tells a legacy peer that we offer no flows ourselves any more. */
static void
own_end_is_a_list_for_a_legacy_peer(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start_connected(f, NULL);
	node_comes(f, "http://n:1", "N", 1);
	takes(f, EXCHANGE_UPDATE, "N 0");
	own_flows(f, 0);
	next_is(f, EXCHANGE_CONNECT, &job);
	assert_true(has(&job, "N 0") && !has(&job, "Own 0"));
	answer(f, &job, 201, default_body(f, TARGET, NULL));
	assert_behind(f, TARGET, false, false);
	nothing_until(f);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(what_was_changed_is_sent),
		T(removals_go_before_nodes),
		T(own_end_goes_in_its_turn),
		T(own_end_goes_with_the_last_update),
		T(cause_is_skipped),
		T(removal_is_told_again),
		T(cause_learns_what_it_does_not_know),
		T(forgotten_node_is_nothing),
		T(end_of_the_log_was_forgotten),
		T(rest_of_one_change),
		T(list_goes_by_position),
		T(list_goes_on_behind_a_chunked_node),
		T(failed_chunk_of_a_list),
		T(list_has_nothing_of_its_peer),
		T(list_of_a_legacy_peer_tells_removals),
		T(legacy_peer_is_not_sent_its_own_node),
		T(own_end_is_a_list_for_a_legacy_peer),
	};

	return cmocka_run_group_tests_name("build", tests, NULL, NULL);
}
