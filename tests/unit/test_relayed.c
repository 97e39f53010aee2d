/* Statements of legacy peers about others' nodes: versions made here, and resyncs. */
#include "core/records/peer.h"
#include "core/records/record.h"
#include "core/registry/requests.h"
#include "core/registry/startup.h"
#include "core/storage/store.h"
#include "core/views/search.h"
#include "registry_help.h"

#define SECOND_US 1000000ll
#define NODE "http://n:1"
#define OLD "http://o:1"	/* a legacy peer that feeds */
#define OURS "http://r:1"	/* a kodo peer that feeds */

static void
start(struct fixture *f)
{
	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
}

/* A list or an update with one form of the node. kodo NULL: of a legacy peer. */
static void
says(struct fixture *f, const char *who, const char *path, const char *form, const char *kodo)
{
	struct wire_body b = body_of(
	    f, who, true, arena_printf(f->a, "[%s]", node_json(f, NODE, form, 1)), kodo);
	struct receipt in;

	f->now_us += 1000;
	if (strcmp(path, "/connect") == 0)
		must(registry_connect(f->r, &b, f->now_us, &in));
	else
		must(registry_update(f->r, &b, f->now_us, &in));
	assert_true(in.known);
	strangers_prove(f);
}

static void
assert_shown(struct fixture *f, const char *form)
{
	struct search_result res;
	const char *items = flows_of(f, "", "", 0, 10, &res);

	if (form == NULL)
		assert_int_equal(res.total, 0);
	else if (strstr(items, arena_printf(f->a, "\"name\":\"%s 0\"", form)) == NULL)
		fail_msg("not %s but %s", form, items);
}

/* The jobs that are due now, answered 200 and otherwise forgotten; how many connects to OLD. */
static unsigned
connects_to_old(struct fixture *f)
{
	struct exchange_result res = { .status = 200, .body = STR_NULL };
	struct exchange_job job;
	int64_t due_us, active_us;
	unsigned n = 0;
	bool wake;

	while (schedule_next(f->r, f->a, f->now_us, NULL, 0, &job, &due_us, &active_us) ==
	    KODO_OK) {
		n += job.kind == EXCHANGE_CONNECT && str_eq(job.url, STR(OLD "/connect"));
		must(outcome_take(f->r, f->a, &job, &res, f->now_us, &wake));
	}
	return n;
}

static uint64_t
version_sent(struct fixture *f)
{
	static const char member[] = "\"" NODE "\":";
	struct exchange_job job;
	int64_t due_us, active_us;
	uint32_t busy;
	struct peer p;
	struct txn t;
	const char *at;

	must(store_begin(registry_store(f->r), STORE_READ, &t));
	must(peer_find(&t, f->a, STR(OLD), &p));
	must(store_end(&t, KODO_OK));
	busy = p.id;
	must(schedule_next(f->r, f->a, f->now_us, &busy, 1, &job, &due_us, &active_us));
	at = memmem(job.body.p, job.body.len, member, sizeof(member) - 1);
	assert_non_null(at);
	return strtoull(at + sizeof(member) - 1, NULL, 10);
}

static void
latest_news_win(void **state)
{
	struct fixture *f = *state;
	uint64_t first, second;

	start(f);
	says(f, OURS, "/connect", "X", "{\"life\":5,\"sent\":1}");
	says(f, OLD, "/connect", "A", NULL);
	assert_shown(f, "A");
	first = version_sent(f);
	assert_within((int64_t)first, T0 / SECOND_US, T0 / SECOND_US + 1);
	/* of two legacy peers too, whoever came first */
	says(f, "http://o2:1", "/connect", "B", NULL);
	assert_shown(f, "B");
	second = version_sent(f);
	assert_true(second > first);
	/* repeated it is no news */
	says(f, OLD, "/connect", "A", NULL);
	assert_shown(f, "B");
	assert_int_equal(version_sent(f), second);
	says(f, OLD, "/connect", "C", NULL);
	assert_shown(f, "C");
	/* the next kodo peer decides by the same numbers */
	says(f, OURS, "/update", "D",
	    arena_printf(f->a, "{\"versions\":{\"" NODE "\":%llu},\"life\":5,\"sent\":2}",
		(unsigned long long)second));
	assert_shown(f, "C");
	says(f, OURS, "/update", "D",
	    arena_printf(f->a, "{\"versions\":{\"" NODE "\":%llu},\"life\":5,\"sent\":3}",
		(unsigned long long)second + 2));
	assert_shown(f, "D");
	check_clean(f);
}

static void
owners_word_is_over_relayed(void **state)
{
	struct fixture *f = *state;
	struct wire_body b;
	struct receipt in;
	uint64_t ticket;

	start(f);
	says(f, OLD, "/connect", "A", NULL);
	says(f, NODE, "/connect", "N", NULL);
	assert_shown(f, "N");
	f->now_us += 1000 * SECOND_US;
	says(f, OLD, "/connect", "B", NULL);
	assert_shown(f, "N");
	/* nor does it come back after the owner left */
	b = disconnect_of(f, NODE, "[\"" NODE "\"]", NULL);
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	assert_shown(f, NULL);
	says(f, OLD, "/connect", "C", NULL);
	assert_shown(f, NULL);
	check_clean(f);
}

#define FLOW(entry) "[{\"url\":\"" NODE "\",\"flows\":[{\"url\":\"/a\",\"name\":\"A\"" entry "}]}]"

static void
lists(struct fixture *f, const char *who, const char *nodes)
{
	struct wire_body b = body_of(f, who, true, nodes, NULL);
	struct receipt in;

	f->now_us += 1000 * SECOND_US;
	must(registry_connect(f->r, &b, f->now_us, &in));
	strangers_prove(f);
}

static bool
has_entry(struct fixture *f)
{
	struct statement s;
	struct packed_flow flow;
	struct packed p;
	struct scan scan;
	struct record rec;
	struct txn t;
	bool has = false;

	must(store_begin(registry_store(f->r), STORE_READ, &t));
	scan = record_scan_seen(&t);
	assert_true(record_next(&scan, &rec));
	s = rec.said;
	must(packed_open(s.bytes, &p));
	must(packed_flow(&p, 0, &flow));
	has = flow.entry.p != NULL;
	must(scan_end(&scan));
	must(store_end(&t, KODO_OK));
	return has;
}

/* Who drops entries has no other word than what it was told; who kept one and drops it has. */
static void
echo_without_entry_is_no_news(void **state)
{
	struct fixture *f = *state;

	start(f);
	lists(f, OLD, FLOW(",\"entry\":\"http://h/a\""));
	assert_true(has_entry(f));
	lists(f, "http://o2:1", FLOW(""));
	assert_true(has_entry(f));
	lists(f, "http://o2:1", FLOW(",\"author\":\"b\""));
	assert_false(has_entry(f));
	lists(f, OLD, FLOW(",\"entry\":\"http://h/b\""));
	assert_true(has_entry(f));
	lists(f, OLD, FLOW(""));
	assert_false(has_entry(f));
	check_clean(f);
}

/* Changes that come one by one are no echo: each is asked for at once. */
static void
changes_one_by_one_do_not_wait(void **state)
{
	struct fixture *f = *state;
	unsigned i;

	start(f);
	says(f, OLD, "/connect", "A", NULL);
	for (i = 0; i < 20; i++) {
		f->now_us += 20 * SECOND_US;
		says(f, OLD, "/update", i % 2 == 0 ? "E" : "F", NULL);
		assert_int_equal(connects_to_old(f), 1);
	}
}

static void
resyncs_come_ever_more_slowly(void **state)
{
	struct fixture *f = *state;
	unsigned asked = 0, i;
	int64_t end_us;

	start(f);
	says(f, OLD, "/connect", "A", NULL);
	says(f, OLD, "/update", "A", NULL);
	assert_int_equal(connects_to_old(f), 0);
	says(f, OLD, "/update", "B", NULL);
	assert_shown(f, "A");
	assert_int_equal(connects_to_old(f), 1);
	end_us = f->now_us + 600 * SECOND_US;
	for (i = 0; f->now_us < end_us; i++) {
		says(f, OLD, "/update", i % 2 == 0 ? "E" : "F", NULL);
		f->now_us += SECOND_US / 2;
		asked += connects_to_old(f);
	}
	/* after 1, 2, 4, 8, 8 .. 8 s, then every 5 minutes */
	assert_int_equal(asked, 10);
	assert_shown(f, "A");
	/* ten minutes of calm, and all begins anew */
	f->now_us += 601 * SECOND_US;
	assert_int_equal(connects_to_old(f), 1);
	f->now_us += 601 * SECOND_US;
	for (i = 0; i < 2; i++) {
		says(f, OLD, "/update", "B", NULL);
		assert_int_equal(connects_to_old(f), 1);
		f->now_us += SECOND_US * 11 / 10;
	}
	check_clean(f);
}

/* A runner that sleeps must learn when the resync is due. */
static void
resync_that_waits_wakes(void **state)
{
	struct fixture *f = *state;
	struct wire_body b;
	struct receipt in;
	int i;

	start(f);
	says(f, OLD, "/connect", "A", NULL);
	for (i = 0; i < 2; i++) {
		b = body_of(f, OLD, true,
		    arena_printf(f->a, "[%s]", node_json(f, NODE, i == 0 ? "B" : "C", 1)), NULL);
		must(registry_update(f->r, &b, f->now_us, &in));
		assert_true(in.known && in.wake);
		assert_int_equal(connects_to_old(f), 1 - i);
	}
}

/* What it was sent of a node that is seen through it is taken back by the resync. */
static void
asking_takes_back_what_came_from_it(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	int64_t due_us, active_us;

	start(f);
	says(f, OLD, "/connect", "A", NULL);
	says(f, OLD, "/update", "B", NULL);
	must(schedule_next(f->r, f->a, f->now_us, NULL, 0, &job, &due_us, &active_us));
	assert_int_equal(job.kind, EXCHANGE_CONNECT);
	assert_int_equal(job.n_nodes, 0);
}

/* It knows us from our connect on, and drops what we answer 404, its answer still on the way. */
static void
word_before_the_answer_is_asked_for(void **state)
{
	struct fixture *f = *state;
	struct exchange_result res = { .status = 201, .body = STR_NULL };
	struct exchange_job job;
	struct receipt in;
	struct wire_body b;
	int64_t due_us, active_us;
	bool wake;

	fixture_options(f, "http://localhost:3367", true, true, OLD, 0);
	fixture_apply(f, START_NOW);
	must(schedule_next(f->r, f->a, f->now_us, NULL, 0, &job, &due_us, &active_us));
	assert_int_equal(job.kind, EXCHANGE_CONNECT);
	b = body_of(f, OLD, true, arena_printf(f->a, "[%s]", node_json(f, NODE, "A", 1)), NULL);
	must(registry_update(f->r, &b, f->now_us, &in));
	assert_false(in.known);
	must(outcome_take(f->r, f->a, &job, &res, f->now_us, &wake));
	must(schedule_next(f->r, f->a, f->now_us, NULL, 0, &job, &due_us, &active_us));
	assert_int_equal(job.kind, EXCHANGE_CONNECT);
	must(outcome_take(f->r, f->a, &job, &res, f->now_us, &wake));
	assert_int_equal(schedule_next(f->r, f->a, f->now_us, NULL, 0, &job, &due_us, &active_us),
	    KODO_ENOTFOUND);
}

/* A start asks for the list anyway, and must not leave a resync behind that nothing ever ends. */
static void
start_ends_a_resync(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	int64_t due_us, active_us;

	fixture_options(f, "http://localhost:3367", true, true, OLD, 0);
	fixture_apply(f, START_NOW);
	assert_int_equal(connects_to_old(f), 1);
	says(f, OLD, "/connect", "A", NULL);
	says(f, OLD, "/update", "B", NULL);
	assert_int_equal(connects_to_old(f), 1);
	says(f, OLD, "/update", "C", NULL);
	assert_int_equal(connects_to_old(f), 0);
	fixture_apply(f, START_NOW);
	assert_int_equal(connects_to_old(f), 1);
	/* another digest check, and another resync */
	assert_int_equal(
	    schedule_next(f->r, f->a, f->now_us, NULL, 0, &job, &due_us, &active_us),
	    KODO_ENOTFOUND);
	assert_within(due_us, f->now_us, f->now_us + 400 * SECOND_US);
	f->now_us += 700 * SECOND_US;
	says(f, OLD, "/update", "D", NULL);
	assert_int_equal(connects_to_old(f), 1);
}

/* Who is no target of ours is not asked any more once it has signed off, nor known by that. */
static void
sign_off_ends_a_resync(void **state)
{
	struct fixture *f = *state;
	struct wire_body b;
	struct receipt in;
	uint64_t ticket;

	start(f);
	says(f, OLD, "/connect", "A", NULL);
	says(f, OLD, "/update", "B", NULL);
	b = disconnect_of(f, OLD, "[\"" OLD "\"]", NULL);
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	assert_true(in.removed);
	assert_int_equal(connects_to_old(f), 0);
	check_clean(f);
}

/* Two that speak for others' nodes and differ would raise their words over each other's. */
static void
two_that_differ_come_to_rest(void **state)
{
	static const char *const who[] = { "http://a:1", "http://b:1" };
	struct fixture *f = *state;
	struct exchange_result res = { .status = 200, .body = STR_NULL };
	struct exchange_job job;
	struct wire_body b[2];
	struct receipt in;
	int64_t due_us, active_us;
	unsigned n = 0, i;
	bool wake;

	start(f);
	for (i = 0; i < 2; i++) {
		b[i] = body_of(f, who[i], false,
		    arena_printf(f->a, "[%s]", node_json(f, NODE, i == 0 ? "A" : "B", 1)), NULL);
		must(registry_connect(f->r, &b[i], f->now_us++, &in));
		strangers_prove(f);
	}
	assert_shown(f, "B");
	while (schedule_next(f->r, f->a, f->now_us, NULL, 0, &job, &due_us, &active_us) ==
	    KODO_OK) {
		assert_int_equal(job.kind, EXCHANGE_RECONNECT);
		must(outcome_take(f->r, f->a, &job, &res, f->now_us, &wake));
		i = str_eq(job.url, STR("http://b:1/reconnect"));
		must(registry_connect(f->r, &b[i], f->now_us += 1000, &in));
		assert_true(++n < 4);
	}
	assert_shown(f, "B");
	/* its next statement is news */
	b[0] = body_of(
	    f, who[0], false, arena_printf(f->a, "[%s]", node_json(f, NODE, "C", 1)), NULL);
	must(registry_connect(f->r, &b[0], f->now_us, &in));
	assert_shown(f, "C");
	check_clean(f);
}

static void
says_nothing(struct fixture *f)
{
	struct wire_body b = body_of(f, OLD, true, "[]", NULL);
	struct receipt in;

	f->now_us += 1000;
	must(registry_connect(f->r, &b, f->now_us, &in));
}

static void
ends(struct fixture *f)
{
	struct wire_body b = disconnect_of(f, OLD, "[\"" NODE "\"]", NULL);
	struct receipt in;
	uint64_t ticket;

	f->now_us += 1000;
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	assert_shown(f, NULL);
}

/* A node left and came again: the end may come back through a ring, behind its return. */
static void
end_of_what_was_just_stated_is_asked_about(void **state)
{
	struct fixture *f = *state;

	start(f);
	says(f, OLD, "/connect", "A", NULL);
	ends(f);
	assert_int_equal(connects_to_old(f), 1);
	says(f, OLD, "/connect", "A", NULL);
	assert_shown(f, "A");
	/* it is no echo any more */
	f->now_us += 60 * SECOND_US;
	ends(f);
	assert_int_equal(connects_to_old(f), 0);
	/* nor is what a whole list leaves out */
	says(f, OLD, "/connect", "A", NULL);
	connects_to_old(f);
	says_nothing(f);
	assert_shown(f, NULL);
	assert_int_equal(connects_to_old(f), 0);
	check_clean(f);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(latest_news_win),
		T(owners_word_is_over_relayed),
		T(echo_without_entry_is_no_news),
		T(changes_one_by_one_do_not_wait),
		T(resyncs_come_ever_more_slowly),
		T(resync_that_waits_wakes),
		T(asking_takes_back_what_came_from_it),
		T(word_before_the_answer_is_asked_for),
		T(two_that_differ_come_to_rest),
		T(start_ends_a_resync),
		T(sign_off_ends_a_resync),
		T(end_of_what_was_just_stated_is_asked_about),
	};

	return cmocka_run_group_tests_name("relayed", tests, NULL, NULL);
}
