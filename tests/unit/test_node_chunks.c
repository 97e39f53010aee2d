/* Nodes over a peer's ceiling: in chunks to a kodo peer, paused for a legacy peer. */
#include "core/records/node_chunks.h"
#include "core/records/record.h"
#include "core/registry/reply.h"
#include "core/registry/requests.h"
#include "core/registry/startup.h"
#include "core/storage/sink.h"
#include "core/views/peer_status.h"
#include "core/views/provenance.h"
#include "core/views/search.h"
#include "registry_help.h"

#define FLOWS 40u
#define FLOW_BYTES 1000
#define SENDER "http://s:1"
#define TARGET "http://t:1"

struct pair {
	struct fixture *from, *to;
	size_t ceiling; /* of the receiver's web server */
	char description[FLOW_BYTES + 1];
	unsigned n_chunks, n_messages;
};

static int
setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));
	void *f;

	if (fixture_setup(&f) != 0)
		return -1;
	p->from = f;
	if (fixture_setup(&f) != 0)
		return -1;
	p->to = f;
	p->ceiling = 16384;
	memset(p->description, 'd', FLOW_BYTES);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct pair *p = *state;
	void *f = p->from;

	fixture_teardown(&f);
	f = p->to;
	fixture_teardown(&f);
	free(p);
	return 0;
}

/* The sender offers n flows, the first of which is called name. */
static void
offer(struct pair *p, size_t n, const char *name)
{
	size_t i;

	fixture_options(p->from, SENDER, true, true, TARGET, n);
	for (i = 0; i < n; i++)
		p->from->flows[i].description = str_of(p->description);
	if (n > 0)
		p->from->flows[0].name = str_of(name);
	p->from->now_us += 1000;
	p->to->now_us = p->from->now_us;
	fixture_apply(p->from, START_IF_CHANGED);
}

static void
start(struct pair *p)
{
	fixture_options(p->to, TARGET, true, true, NULL, 0);
	fixture_apply(p->to, START_NOW);
	offer(p, FLOWS, "First");
}

static void
news(struct fixture *f, const struct exchange_job *job, unsigned status, struct str body)
{
	struct exchange_result res = { .status = status, .body = body, .error = "lost" };
	bool wake;

	must(outcome_take(f->r, f->a, job, &res, f->now_us, &wake));
}

static unsigned
receive(struct pair *p, const struct exchange_job *job, struct str *answer)
{
	struct fixture *f = p->to;
	bool is_connect = job->kind == EXCHANGE_CONNECT;
	enum wire_kind kind = is_connect      ? WIRE_CONNECT
	    : job->kind == EXCHANGE_REMOVE ? WIRE_DISCONNECT : WIRE_UPDATE;
	struct sink sink = SINK_INIT(NULL);
	struct wire_refusal no;
	struct wire_body b;
	struct receipt in;
	uint64_t ticket;
	bool rest;

	*answer = STR_NULL;
	if (job->body.len > p->ceiling)
		return 413;
	must(wire_read(f->a, kind, job->body, f->now_us, f->o.url_key, &b, &no));
	if (kind == WIRE_DISCONNECT)
		must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	else if (is_connect)
		must(registry_connect(f->r, &b, f->now_us, &in));
	else
		must(registry_update(f->r, &b, f->now_us, &in));
	if (!in.known)
		return 404;
	must(reply_put(f->r, &b, is_connect, false, f->now_us, &sink, &rest));
	must(arena_str(f->a, buf_str(&sink.buf), answer));
	sink_free(&sink);
	check_clean(f);
	return is_connect ? 201 : 200;
}

/* The next message of the sender, or false. */
static bool
next_job(struct pair *p, struct exchange_job *job)
{
	int64_t due_us, active_us;
	enum kodo_err err = schedule_next(p->from->r, p->from->a, p->from->now_us, NULL, 0, job,
	    &due_us, &active_us);

	assert_true(err == KODO_OK || err == KODO_ENOTFOUND);
	if (err == KODO_ENOTFOUND && active_us != INT64_MAX) {
		p->from->now_us = p->to->now_us = active_us; /* it waits after a failure */
		return next_job(p, job);
	}
	if (err == KODO_OK && job->chunk.of != 0)
		p->n_chunks++;
	p->n_messages += err == KODO_OK;
	assert_true(p->n_messages < 300);
	return err == KODO_OK;
}

static void
exchange(struct pair *p, const struct exchange_job *job)
{
	struct str answer;
	unsigned status = receive(p, job, &answer);

	news(p->from, job, status, answer);
}

/* Until there is nothing to send; of the sender's node all is seen, or nothing. */
static void
run(struct pair *p, size_t before, size_t after)
{
	struct exchange_job job;

	while (next_job(p, &job)) {
		exchange(p, &job);
		assert_true(total_of(p->to) == before || total_of(p->to) == after);
	}
	assert_int_equal(total_of(p->to), after);
	assert_true(is_idle(p->from));
	check_clean(p->from);
}

/* Until n chunks were taken. */
static void
run_chunks(struct pair *p, unsigned n)
{
	struct exchange_job job;

	while (p->n_chunks < n && next_job(p, &job))
		exchange(p, &job);
	assert_int_equal(p->n_chunks, n);
}

static const char *
seen_of(struct pair *p)
{
	struct search_result res;

	return flows_of(p->to, "", "", 0, 100, &res);
}

static uint64_t
records_of(struct fixture *f)
{
	struct store_stat st;

	must(store_stat(registry_store(f->r), &st));
	return st.entries[T_NODE_CHUNK];
}

/* --- between kodo peers --- */

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

/* --- what is not taken --- */

struct found {
	uint64_t n_refused, n_pending;
	char refused[1024];
};

static enum kodo_err
peer_found(void *arg, const struct peer_state *p)
{
	struct found *found = arg;

	if (!str_eq(p->url, STR(TARGET)))
		return KODO_OK;
	found->n_refused = p->n_refused;
	found->n_pending = p->n_pending;
	snprintf(found->refused, sizeof(found->refused), "%.*s", STR_ARG(p->refused));
	return KODO_OK;
}

/* In words: of the target, and of the sender's own node. */
static void
shown(struct pair *p, struct found *found, struct provenance *o)
{
	struct view v;

	must(view_begin(p->from->r, p->from->now_us, &v));
	must(peer_status_each(&v, p->from->a, peer_found, found));
	must(provenance_find(&v, p->from->a, STR(SENDER), o));
	view_end(&v);
}

static void
flow_over_the_ceiling_is_paused(void **state)
{
	struct pair *p = *state;
	char *fat = arena_alloc(p->from->a, 20000);
	struct exchange_job job;
	struct found found;
	struct provenance o;

	start(p);
	run(p, 0, FLOWS);
	memset(fat, 'f', 20000);
	fixture_options(p->from, SENDER, true, true, TARGET, 3);
	p->from->flows[1].description = (struct str){ fat, 20000 };
	fixture_apply(p->from, START_IF_CHANGED);
	run(p, FLOWS, FLOWS);
	shown(p, &found, &o);
	assert_int_equal(found.n_refused, 1);
	assert_int_equal(found.n_pending, 0);
	assert_true(strstr(found.refused, SENDER " not taken, 2") && strstr(found.refused, "413"));
	assert_int_equal(o.n_refusals, 1);
	assert_int_equal(o.n_unnotified, 0);
	/* a digest check leaves out what is paused, once the connect took back what was */
	digest_check_runs(p, &job);
	run(p, FLOWS, 0);
	p->from->now_us += 400 * 1000000ll;
	p->to->now_us = p->from->now_us;
	p->n_messages = 0;
	run(p, 0, 0);
	assert_int_equal(p->n_messages, 1);
	/* it changes, and goes */
	offer(p, FLOWS, "First");
	run(p, 0, FLOWS);
	shown(p, &found, &o);
	assert_int_equal(found.n_refused, 0);
}

static void
legacy_peer_goes_without_that_node_alone(void **state)
{
	struct pair *p = *state;
	struct exchange_job job;
	struct found found;
	struct wire_body b;
	struct receipt in;
	struct provenance o;
	size_t i, n_small = 0, n_fat = 0;

	offer(p, FLOWS, "First");
	for (i = 0; i < 10; i++) {
		const char *url = arena_printf(p->from->a, "http://n%zu:1", i);

		b = body_of(p->from, url, false,
		    arena_printf(p->from->a, "[%s]", node_json(p->from, url, "N", 3)), NULL);
		must(registry_connect(p->from->r, &b, p->from->now_us, &in));
	}
	while (next_job(p, &job)) {
		bool is_fat = memmem(job.body.p, job.body.len, "First", 5) != NULL;

		n_fat += is_fat && job.kind == EXCHANGE_UPDATE;
		news(p->from, &job, job.body.len > p->ceiling ? 413 : 201, STR_NULL);
		n_small += job.body.len > p->ceiling ? 0 : job.n_nodes;
	}
	assert_true(n_small == 10 && n_fat == 1);
	assert_true(is_idle(p->from));
	shown(p, &found, &o);
	assert_int_equal(found.n_refused, 1);
	assert_non_null(strstr(found.refused, SENDER " not taken, 4"));
	assert_int_equal(o.n_refusals, 1);
	assert_true(str_eq(o.refusals[0].peer, STR(TARGET)));
	check_clean(p->from);

	/* other changes go on, and it is tried again when it changes */
	b = body_of(p->from, "http://n3:1", false, arena_printf(p->from->a, "[%s]",
	    node_json(p->from, "http://n3:1", "M", 3)), NULL);
	must(registry_connect(p->from->r, &b, p->from->now_us, &in));
	assert_true(next_job(p, &job));
	assert_int_equal(job.n_nodes, 1);
	assert_null(memmem(job.body.p, job.body.len, "First", 5));
	news(p->from, &job, 200, STR_NULL);
	assert_false(next_job(p, &job));
	offer(p, FLOWS, "Second");
	assert_true(next_job(p, &job));
	news(p->from, &job, 200, STR_NULL);
	assert_false(next_job(p, &job));
	shown(p, &found, &o);
	assert_int_equal(found.n_refused, 0);
}

static void
server_out_of_order_is_no_verdict(void **state)
{
	struct pair *p = *state;
	struct exchange_job job;
	char *fat = arena_alloc(p->from->a, 2000);
	struct found found;
	struct provenance o;
	unsigned n;

	memset(fat, 'f', 2000);
	p->ceiling = 1 << 20;
	offer(p, 1, "First");
	assert_true(next_job(p, &job));
	news(p->from, &job, 201, STR_NULL);
	fixture_options(p->from, SENDER, true, true, TARGET, 60);
	for (n = 0; n < 60; n++)
		p->from->flows[n].description = (struct str){ fat, 2000 };
	fixture_apply(p->from, START_IF_CHANGED);
	for (n = 0; next_job(p, &job); n++) {
		assert_true(job.body.len > 65536);
		news(p->from, &job, 502, STR_NULL);
	}
	assert_int_equal(n, 3);
	shown(p, &found, &o);
	assert_int_equal(found.n_refused, 1);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
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
		T(flow_over_the_ceiling_is_paused),
		T(legacy_peer_goes_without_that_node_alone),
		T(server_out_of_order_is_no_verdict),
	};

	return cmocka_run_group_tests_name("node_chunks", tests, NULL, NULL);
}
