/* Messages that come late, states that were lost, states that were restored from an older copy. */
#include <time.h>

#include "core/base/limit.h"
#include "core/records/head.h"
#include "core/records/outbox.h"
#include "core/records/peer.h"
#include "core/records/record.h"
#include "core/registry/expire.h"
#include "core/registry/reply.h"
#include "core/registry/requests.h"
#include "core/registry/startup.h"
#include "core/storage/sink.h"
#include "core/storage/store.h"
#include "epochs_help.h"

/* --- late messages --- */

static void
late_messages_change_nothing(void **state)
{
	static const int64_t clock_s[] = { 0, 700, -400000, 900000 };
	struct fixture *f = *state;
	struct wire_body late, off;
	struct receipt in;
	uint64_t ticket;
	size_t i;

	start(f);
	off = disconnect_of(f, NODE, "[\"" NODE "\"]", "{\"life\":5,\"sent\":9}");
	must(registry_disconnect(f->r, &off, f->now_us, &in, &ticket));
	assert_false(in.known);
	late = body_of(f, NODE, false, one(f, NODE, 2), "{\"life\":5,\"sent\":8}");
	/* whatever the clock says */
	for (i = 0; i < sizeof(clock_s) / sizeof(clock_s[0]); i++) {
		must(registry_connect(f->r, &late, T0 + clock_s[i] * 1000000, &in));
		assert_int_equal(total_of(f), 0);
	}
	late = body_of(f, NODE, false, one(f, NODE, 2), "{\"life\":5,\"sent\":10}");
	must(registry_connect(f->r, &late, f->now_us, &in));
	assert_int_equal(total_of(f), 2);
	for (i = 0; i < sizeof(clock_s) / sizeof(clock_s[0]); i++) {
		must(registry_disconnect(f->r, &off, T0 + clock_s[i] * 1000000, &in, &ticket));
		assert_int_equal(total_of(f), 2);
	}
	check_clean(f);
}

/* Who signed off is forgotten at the second tidying that finds it so, and strangers too. */
static void
who_signed_off_fades(void **state)
{
	struct fixture *f = *state;
	struct wire_body b;
	struct receipt in;
	uint64_t before, ticket;
	int i;

	start(f);
	before = peers_of(f);
	for (i = 0; i < 20; i++) {
		b = disconnect_of(f, arena_printf(f->a, "http://stranger%d:1", i),
		    arena_printf(f->a, "[\"http://stranger%d:1\"]", i), "{\"life\":5,\"sent\":9}");
		must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	}
	assert_int_equal(peers_of(f), before + 20);
	for (i = 0; i < 2; i++) {
		must(expire_run(f->r, f->now_us));
		assert_int_equal(peers_of(f), before + 20);
	}
	/* one of them speaks again, so that it is remembered for longer */
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	f->now_us += 3601ll * 1000000;
	must(expire_run(f->r, f->now_us));
	assert_int_equal(peers_of(f), before + 1);
	f->now_us += 3601ll * 1000000;
	must(expire_run(f->r, f->now_us));
	assert_int_equal(peers_of(f), before);
	check_clean(f);
}

/* Its url does not answer, until it is asked no more. */
static void
nobody_answers(struct fixture *f)
{
	const struct exchange_result none = { .status = 0, .error = "refused" };
	struct exchange_job job;
	bool wake;
	int i;

	for (i = 0; i < 20; i++) {
		f->now_us += 400ll * 1000000;
		if (next(f, &job) == KODO_OK)
			must(outcome_take(f->r, f->a, &job, &none, f->now_us, &wake));
	}
}

/* A replay of a signed connect is void as long as its key is remembered. */
static void
signed_connect_is_not_replayed(void **state)
{
	struct fixture *f = *state;
	struct speaker who = { .is_signed = true };
	struct wire_body b, off;
	struct receipt in;
	uint64_t ticket;
	int i;

	start(f);
	b = body_of(f, PEER, false, "[]", "{\"life\":5,\"sent\":9}");
	off = disconnect_of(f, PEER, "[\"" PEER "\"]", "{\"life\":5,\"sent\":10}");
	b.speaker = off.speaker = &who;
	must(registry_connect(f->r, &b, f->now_us, &in));
	must(registry_disconnect(f->r, &off, f->now_us, &in, &ticket));
	assert_true(in.removed);
	for (i = 0; i < 3; i++) {
		nobody_answers(f);
		must(expire_run(f->r, f->now_us));
		f->now_us += 3601ll * 1000000;
		must(expire_run(f->r, f->now_us));
		must(registry_connect(f->r, &b, f->now_us, &in));
		assert_int_equal(providers_of(f), 0);
	}
	nobody_answers(f);
	f->now_us += 31ll * 86400 * 1000000;
	for (i = 0; i < 3; i++) {
		f->now_us += 3601ll * 1000000;
		must(expire_run(f->r, f->now_us));
	}
	must(registry_connect(f->r, &b, f->now_us, &in));
	assert_int_equal(providers_of(f), 1);
	check_clean(f);
}

/* --- lost states --- */

/* What it repeats under the same version may stem from its former statements. */
static void
lost_state_takes_its_words_along(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	const char *nodes;

	start(f);
	nodes = arena_printf(
	    f->a, "[%s,%s]", node_json(f, PEER, "P", 1), node_json(f, NODE, "N", 2));
	says(f, "/connect", nodes,
	    "{\"versions\":{\"" PEER "\":70,\"" NODE "\":100},\"life\":5,\"sent\":9}");
	assert_int_equal(total_of(f), 3);
	assert_int_equal(next(f, &job), KODO_ENOTFOUND);
	says(f, "/connect", nodes,
	    "{\"versions\":{\"" PEER "\":70,\"" NODE "\":100},\"life\":6,\"sent\":2}");
	assert_int_equal(total_of(f), 3); /* anybody may have said that */
	answers(f, EXCHANGE_RECONNECT, "{\"life\":6,\"sent\":3}");
	assert_int_equal(total_of(f), 1); /* its own node it knows */
	says(f, "/connect", nodes,
	    "{\"versions\":{\"" PEER "\":70,\"" NODE "\":100},\"life\":6,\"sent\":4}");
	assert_int_equal(total_of(f), 1);
	must(next(f, &job));
	assert_int_equal(job.kind, EXCHANGE_REMOVE);
	assert_true(has(job.body, "\"gone\":{\"" NODE "\":101}"));
	/* the owner's word reached it again, over the tombstone */
	says(f, "/update", one(f, NODE, 2),
	    "{\"versions\":{\"" NODE "\":200},\"life\":6,\"sent\":5}");
	assert_int_equal(total_of(f), 3);
	check_clean(f);
}

static void
lost_state_that_updates_is_asked_for_its_list(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	start(f);
	says(f, "/connect",
	    arena_printf(
		f->a, "[%s,%s]", node_json(f, PEER, "P", 1), node_json(f, NODE, "N", 2)),
	    "{\"versions\":{\"" PEER "\":70,\"" NODE "\":100},\"life\":5,\"sent\":9}");
	says(f, "/update", "[]", "{\"life\":5,\"sent\":10}");
	assert_int_equal(next(f, &job), KODO_ENOTFOUND);
	says(f, "/update", "[]", "{\"life\":6,\"sent\":2}");
	answers(f, EXCHANGE_RECONNECT, "{\"life\":6,\"sent\":3}");
	assert_int_equal(total_of(f), 1); /* its own node it knows */
	f->now_us += 1000000;
	must(next(f, &job));
	assert_int_equal(job.kind, EXCHANGE_RECONNECT);
}

/* --- restored states --- */

static void
answers_acknowledge(void **state)
{
	struct fixture *f = *state;
	struct sink out = SINK_INIT(registry_state(f->r));
	struct wire_body b;
	bool rest;

	start(f);
	says(f, "/connect", one(f, NODE, 2), "{\"life\":5,\"sent\":9}");
	b = says(f, "/connect", "[]", "{\"life\":5,\"sent\":8}");
	assert_int_equal(total_of(f), 2);
	must(reply_put(f->r, &b, true, false, f->now_us, &out, &rest));
	assert_true(has(buf_str(&out.buf), "\"heard_life\":5,\"heard\":9"));
	assert_false(has(buf_str(&out.buf), "\"nodes\""));
	sink_free(&out);
}

static void
restored_state_speaks_as_another(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct head h, now;

	start(f);
	says(f, "/connect", "[]", "{\"life\":5,\"sent\":9}");
	h = head_of(f);
	says(f, "/update", "[]",
	    arena_printf(f->a, "{\"life\":5,\"sent\":10,\"heard_life\":%llu,\"heard\":%llu}",
		(unsigned long long)head_epoch(&h), (unsigned long long)h.state));
	now = head_of(f);
	assert_int_equal(head_epoch(&now), head_epoch(&h));
	assert_int_equal(next(f, &job), KODO_ENOTFOUND);
	/* of another state it may acknowledge more */
	says(f, "/update", "[]",
	    arena_printf(f->a, "{\"life\":5,\"sent\":11,\"heard_life\":%llu,\"heard\":%llu}",
		(unsigned long long)head_epoch(&h) ^ 1u, (unsigned long long)h.state + 100));
	now = head_of(f);
	assert_int_equal(head_epoch(&now), head_epoch(&h));
	says(f, "/update", "[]",
	    arena_printf(f->a, "{\"life\":5,\"sent\":12,\"heard_life\":%llu,\"heard\":%llu}",
		(unsigned long long)head_epoch(&h), (unsigned long long)h.state + 100));
	now = head_of(f);
	assert_int_equal(head_epoch(&now), head_epoch(&h)); /* anybody may have said that */
	answers(f, EXCHANGE_RECONNECT,
	    arena_printf(f->a, "{\"life\":5,\"sent\":13,\"heard_life\":%llu,\"heard\":%llu}",
		(unsigned long long)head_epoch(&h), (unsigned long long)h.state + 100));
	now = head_of(f);
	assert_int_not_equal(head_epoch(&now), head_epoch(&h));
	assert_int_equal(now.former, head_epoch(&h));
	f->now_us += 1000000;
	must(next(f, &job));
	assert_int_equal(job.kind, EXCHANGE_RECONNECT);
	assert_true(has(job.body, "\"heard_life\":5,\"heard\":12"));
	assert_true(has(job.body,
	    arena_printf(f->a, "\"former_life\":%llu", (unsigned long long)head_epoch(&h))));
}

/* --- many, and none --- */

/* It left between the request and the answer, which has no room for all. */
static void
answer_to_one_that_left(void **state)
{
	struct fixture *f = *state;
	struct sink out = SINK_INIT(registry_state(f->r));
	char *fat = arena_alloc(f->a, 60001), *flows = arena_printf(f->a, "%s", "");
	struct wire_body b;
	bool rest;
	int i;

	start(f);
	memset(fat, 'f', 60000);
	fat[60000] = '\0';
	for (i = 0; i < 40; i++)
		flows = arena_printf(f->a, "%s%s{\"url\":\"/%d\",\"name\":\"N\","
		    "\"description\":\"%s\"}", flows, i > 0 ? "," : "", i, fat);
	says(f, "/connect", arena_printf(f->a, "[{\"url\":\"" NODE "\",\"flows\":[%s]},"
	    "{\"url\":\"" PEER "\",\"flows\":[%s]}]", flows, flows), NULL);
	b = body_of(f, "http://left:1", true, "[]", "{}");
	must(reply_put(f->r, &b, true, false, f->now_us, &out, &rest));
	assert_true(rest);
	sink_free(&out);
}

/* An answer with more lines than a body may have could not be read. */
static void
answer_names_so_many_and_counts_the_rest(void **state)
{
	struct fixture *f = *state;
	struct sink out = SINK_INIT(registry_state(f->r));
	struct wire_left_out left[1500];
	struct wire_refusal no;
	struct wire_body b, answer;
	bool rest;
	size_t i;

	start(f);
	b = says(f, "/connect", "[]", "{}");
	for (i = 0; i < 1500; i++)
		left[i] = (struct wire_left_out){ STR(NODE), STR("its clock is wrong") };
	b.left_out = left;
	b.n_left_out = 1500;
	must(reply_put(f->r, &b, true, false, f->now_us, &out, &rest));
	must(wire_read(f->a, WIRE_CONNECT, buf_str(&out.buf), f->now_us, STR_NULL, &answer, &no));
	assert_int_equal(answer.from.n_message, 999);
	assert_true(str_eq(answer.from.message[998], STR("left out 502 more")));
	sink_free(&out);
}

#define CROWD	30000u

static enum kodo_err
crowd_make(struct txn *t, void *arg)
{
	struct fixture *f = arg;
	struct head h;
	struct peer p;
	unsigned i;
	enum kodo_err err = head_get(t, &h);

	for (i = 0; i < CROWD && err == KODO_OK; i++) {
		struct str url = str_of(arena_printf(f->a, "http://stranger%u:1", i));

		peer_init(&p, &h, url, url);
		p.in.epoch = 5;
		err = peer_put(t, &p);
	}
	return err == KODO_OK ? head_put(t, &h) : err;
}

/* Anybody may sign off, and is remembered: a walk over all of them must not take their square. */
static void
crowd_of_strangers_fades(void **state)
{
	struct fixture *f = *state;
	clock_t begun, made, faded;

	start(f);
	begun = clock();
	must(store_write(registry_store(f->r), crowd_make, f));
	made = clock() - begun;
	begun = clock();
	must(expire_run(f->r, f->now_us));
	faded = clock() - begun;
	assert_true(faded < 4 * made);
	f->now_us += 3601ll * 1000000;
	must(expire_run(f->r, f->now_us));
	assert_true(peers_of(f) < 10);
}

/* What is remembered of strangers has a ceiling, and who is not accepted is none of them. */
static void
strangers_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct wire_body b;
	struct receipt in;
	uint64_t before, ticket;
	unsigned i;

	start(f);
	before = peers_of(f);
	for (i = 0; i < LIMIT_SIGNED_OFF + 10; i++) {
		const char *url = arena_printf(f->a, "http://stranger%u:1", i);

		b = disconnect_of(f, url, arena_printf(f->a, "[\"%s\"]", url),
		    "{\"life\":5,\"sent\":9}");
		must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
		assert_false(in.known);
	}
	assert_int_equal(peers_of(f), before + LIMIT_SIGNED_OFF);
	check_clean(f);
	/* the oldest is forgotten, the next one is not: its connect, which comes late, is void */
	b = body_of(f, "http://stranger0:1", true,
	    arena_printf(f->a, "[%s]", node_json(f, "http://stranger0:1", "S", 1)),
	    "{\"life\":5,\"sent\":8}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	assert_int_equal(total_of(f), 1);
	b = body_of(f, "http://stranger10:1", true,
	    arena_printf(f->a, "[%s]", node_json(f, "http://stranger10:1", "S", 1)),
	    "{\"life\":5,\"sent\":8}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	assert_int_equal(total_of(f), 1);
}

static void
who_is_not_accepted_is_not_remembered(void **state)
{
	struct fixture *f = *state;
	struct wire_body b;
	struct receipt in;
	uint64_t before, ticket;

	fixture_options(f, "http://own.example:1", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	before = peers_of(f);
	b = disconnect_of(f, "http://localhost:9", "[\"http://localhost:9\"]",
	    "{\"life\":5,\"sent\":9}");
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	assert_false(in.known);
	assert_int_equal(peers_of(f), before);
}

#define WAITING	100000u

static enum kodo_err
waiting_make(struct txn *t, void *arg)
{
	unsigned char k[8], v[8];
	uint32_t i;
	enum kodo_err err = KODO_OK;

	(void)arg;
	for (i = 1; i <= WAITING && err == KODO_OK; i++)
		err = store_put(t, T_OUT, key_u32_u32(k, 7, i), key_u64(v, 3));
	return err;
}

/* Asked after each message: is there more to send? */
static void
more_to_send_is_seen_at_once(void **state)
{
	struct fixture *f = *state;
	clock_t begun, all, first;
	bool to_notify, paused;
	struct txn t;

	must(store_write(registry_store(f->r), waiting_make, NULL));
	must(store_begin(registry_store(f->r), STORE_READ, &t));
	begun = clock();
	must(outbox_has(&t, 7, &to_notify, &paused));
	all = clock() - begun;
	assert_true(to_notify && !paused);
	begun = clock();
	must(outbox_has(&t, 7, &to_notify, NULL));
	first = clock() - begun;
	assert_true(to_notify);
	must(store_end(&t, KODO_OK));
	assert_true(first < all / 10);
}

/* Anybody can send a sign-off, so it moves nobody. */
static void
strangers_recall_nothing(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	struct head h, now;
	struct wire_body b;
	struct receipt in;
	uint64_t ticket;

	start(f);
	says(f, "/connect", "[]", "{\"life\":5,\"sent\":9}");
	h = head_of(f);
	b = disconnect_of(f, "http://stranger:1", "[\"http://x:1\"]",
	    arena_printf(f->a, "{\"life\":1,\"sent\":1,\"heard_life\":%llu,\"heard\":%llu}",
		(unsigned long long)head_epoch(&h), (unsigned long long)h.state + 1000));
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	now = head_of(f);
	assert_int_equal(head_epoch(&now), head_epoch(&h));
	assert_int_equal(next(f, &job), KODO_ENOTFOUND);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(late_messages_change_nothing),
		T(who_signed_off_fades),
		T(signed_connect_is_not_replayed),
		T(lost_state_takes_its_words_along),
		T(lost_state_that_updates_is_asked_for_its_list),
		T(answers_acknowledge),
		T(restored_state_speaks_as_another),
		T(strangers_recall_nothing),
		T(answer_to_one_that_left),
		T(answer_names_so_many_and_counts_the_rest),
		T(crowd_of_strangers_fades),
		T(strangers_are_bounded),
		T(who_is_not_accepted_is_not_remembered),
		T(more_to_send_is_seen_at_once),
	};

	return cmocka_run_group_tests_name("epochs", tests, NULL, NULL);
}
