/* Nodes that a peer does not take, whole or in chunks: they are paused, alone. */
#include "core/views/peer_status.h"
#include "core/views/provenance.h"
#include "pair_help.h"

struct found {
	uint64_t n_refused, n_pending;
	int health;
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
	found->health = (int)p->health;
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
	/* a digest check passes over paused nodes, once the connect took back what was there */
	p->from->now_us += 400 * 1000000ll;
	p->to->now_us = p->from->now_us;
	assert_true(next_job(p, &job));
	assert_int_equal(job.kind, EXCHANGE_DIGEST_CHECK);
	exchange(p, &job);
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
original_goes_without_that_node_alone(void **state)
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

/* Counted by the position of the peer, less what came from it. */
static void
what_lies_behind_is_shown(void **state)
{
	struct pair *p = *state;
	struct found found;
	struct provenance o;
	struct exchange_job job;
	struct wire_body b;
	struct receipt in;

	p->ceiling = 1 << 20;
	start(p);
	run(p, 0, FLOWS);
	shown(p, &found, &o);
	assert_true(found.n_pending == 0 && o.n_unnotified == 0);
	assert_int_equal(found.health, STATUS_UNKNOWN); /* no runner listens */
	offer(p, FLOWS, "Second");
	b = body_of(p->from, TARGET, true, arena_printf(p->from->a, "[%s]",
	    node_json(p->from, "http://x:1", "X", 3)), "{\"versions\":{\"http://x:1\":5}}");
	must(registry_update(p->from->r, &b, p->from->now_us, &in));
	assert_true(in.known);
	shown(p, &found, &o);
	assert_true(found.n_pending == 1 && found.health == STATUS_PENDING);
	assert_int_equal(o.n_unnotified, 1);
	assert_true(str_eq(o.unnotified[0], STR(TARGET)));
	assert_true(next_job(p, &job));
	exchange(p, &job);
	shown(p, &found, &o);
	assert_true(found.n_pending == 0 && o.n_unnotified == 0 && found.health == STATUS_UNKNOWN);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, pair_setup, pair_teardown)
	const struct CMUnitTest tests[] = {
		T(flow_over_the_ceiling_is_paused),
		T(original_goes_without_that_node_alone),
		T(server_out_of_order_is_no_verdict),
		T(what_lies_behind_is_shown),
	};

	return cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
}
