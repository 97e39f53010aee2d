/*
 * Bytes that go to others for each byte that an outsider sends, by route: a simulated hour, in
 * which he repeats what costs most, in the name of somebody who has asked for nothing. REFLECTION=1
 * prints the table of DESIGN.md.
 */
#include <stdlib.h>

#include "core/base/log.h"
#include "core/records/digest.h"
#include "core/records/known.h"
#include "core/registry/reply.h"
#include "exchange_help.h"

#define VICTIM "http://victim.example:80"
#define SPAN_US (3600 * SECOND_US)
/* the shortest heads: of a request that comes, and of those that we send, less the url */
#define HEAD_IN 60u
#define HEAD_POST 150u
#define HEAD_GET 75u
#define MOST 10.0

struct route {
	const char *name;
	void (*post)(struct fixture *f, unsigned i, uint64_t *n_in);
	int64_t every_us;
};

struct victim {
	const char *name;
	unsigned status;
	const char *body;
};

static void
count_in(uint64_t *n_in, const char *path, const char *body)
{
	*n_in += HEAD_IN + strlen(path) + strlen(body);
}

static const char *
words(struct fixture *f, const char *url, bool feed, const char *nodes, const char *kodo)
{
	return arena_printf(f->a,
	    "{\"url\":\"%s\",\"registry\":%s,\"feed\":%s,\"idle\":true,"
	    "\"now\":\"2025-01-13T14:00:00Z\",\"message\":[],\"nodes\":%s%s%s}",
	    url, feed ? "true" : "false", feed ? "true" : "false", nodes,
	    kodo != NULL ? ",\"kodo\":" : "", kodo != NULL ? kodo : "");
}

static struct wire_body
read_body(struct fixture *f, enum wire_kind kind, const char *json)
{
	struct wire_refusal no;
	struct wire_body b;

	must(wire_read(f->a, kind, str_of(json), f->now_us, f->o.url_key, &b, &no));
	return b;
}

static void
post(struct fixture *f, const char *path, const char *json, uint64_t *n_in)
{
	struct receipt in;
	struct wire_body b;
	uint64_t ticket;

	count_in(n_in, path, json);
	if (strcmp(path, "/disconnect") == 0) {
		b = read_body(f, WIRE_DISCONNECT, json);
		must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	} else if (strcmp(path, "/reconnect") == 0) {
		b = read_body(f, WIRE_DEFAULT, json);
		must(registry_reconnect(f->r, &b, f->now_us, &in));
	} else {
		b = read_body(f, WIRE_CONNECT, json);
		must(strcmp(path, "/connect") == 0 ? registry_connect(f->r, &b, f->now_us, &in)
						   : registry_update(f->r, &b, f->now_us, &in));
	}
}

/* --- routes --- */

static void
connects_once(struct fixture *f, unsigned i, uint64_t *n_in)
{
	if (i == 0)
		post(f, "/connect", words(f, VICTIM, true, "[]", NULL), n_in);
}

static void
connects(struct fixture *f, unsigned i, uint64_t *n_in)
{
	(void)i;
	post(f, "/connect", words(f, VICTIM, true, "[]", NULL), n_in);
}

static void
connects_under_other_urls(struct fixture *f, unsigned i, uint64_t *n_in)
{
	post(f, "/connect",
	    words(f, arena_printf(f->a, VICTIM "/%u", i), true, "[]", NULL), n_in);
}

/* With a life of its own each time, which costs its word. */
static void
updates(struct fixture *f, unsigned i, uint64_t *n_in)
{
	post(f, i == 0 ? "/connect" : "/update",
	    words(f, VICTIM, true, "[]",
		arena_printf(f->a, "{\"life\":%u,\"sent\":1}", i + 1)), n_in);
}

/* A node of many flows changes by another's word, and goes to whoever feeds. */
static void
disconnects(struct fixture *f, unsigned i, uint64_t *n_in)
{
	if (i % 2 == 0)
		post(f, "/connect", words(f, VICTIM, true, "[]", NULL), n_in);
	else
		post(f, "/disconnect",
		    "{\"provider\":\"" VICTIM "\",\"url\":[\"" VICTIM "\"]}", n_in);
}

static void
reconnects(struct fixture *f, unsigned i, uint64_t *n_in)
{
	post(f, i == 0 ? "/connect" : "/reconnect", words(f, VICTIM, true, "[]", NULL), n_in);
}

static const struct route routes[] = {
	{ "POST /connect, once", connects_once, SPAN_US },
	{ "POST /connect, each second", connects, SECOND_US },
	{ "POST /connect, other urls of a host", connects_under_other_urls, 10 * SECOND_US },
	{ "POST /update, as another each time", updates, SECOND_US },
	{ "POST /disconnect and /connect", disconnects, SECOND_US },
	{ "POST /reconnect", reconnects, SECOND_US },
};

static const struct victim victims[] = {
	{ "no answer", 0, "" },
	{ "404", 404, "<html>" },
	{ "a web page", 200, "<html>" },
};

/* --- the hour --- */

static double
hour_pass(struct fixture *f, const struct route *route, const struct victim *victim)
{
	const int64_t end_us = f->now_us + SPAN_US;
	uint64_t n_in = 0, n_out = 0;
	int64_t post_us = f->now_us, due_us;
	struct exchange_job job;
	unsigned i = 0;

	while (f->now_us < end_us) {
		arena_reset(f->a);
		fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
		if (f->now_us >= post_us) {
			route->post(f, i++, &n_in);
			post_us += route->every_us;
		}
		if (next_due(f, &job, &due_us) != KODO_OK) {
			f->now_us = due_us < post_us ? due_us : post_us;
			continue;
		}
		assert_true(str_starts(job.url, STR(VICTIM)));
		n_out += job.url.len + job.body.len + (job.is_post ? HEAD_POST : HEAD_GET);
		f->now_us += 2000;
		answer(f, &job, victim->status, victim->body);
	}
	return (double)n_out / (double)n_in;
}

static void
at_most_ten(void **state)
{
	struct fixture *f = *state;
	const bool is_shown = getenv("REFLECTION") != NULL;
	size_t i, j;

	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		for (j = 0; j < sizeof(victims) / sizeof(victims[0]); j++) {
			double times;
			void *fresh = NULL;

			assert_int_equal(fixture_setup(&fresh), 0);
			f = fresh;
			fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
			fixture_apply(f, START_NOW);
			node_comes(f, "http://n:1", "N", 500);
			times = hour_pass(f, &routes[i], &victims[j]);
			if (is_shown)
				print_message("| %s | %s | %.2f |\n", routes[i].name,
				    victims[j].name, times);
			if (times > MOST)
				fail_msg("%s, %s: %.2f", routes[i].name, victims[j].name, times);
			assert_int_equal(fixture_teardown(&fresh), 0);
		}
}

/* --- what he says of the node of a peer that has a key, which is then asked (rule 7) --- */

#define HIM "http://outsider.example:80"

static void
key_pin(struct fixture *f)
{
	struct peer p = peer_of(f, TARGET);
	struct txn t;

	p.trust.key = STR("k");
	p.flags |= PEER_PROVEN;
	must(store_begin(registry_store(f->r), STORE_WRITE, &t));
	must(peer_put(&t, &p));
	must(store_end(&t, KODO_OK));
}

static void
contradicts(struct fixture *f, unsigned i, uint64_t *n_in)
{
	post(f, i == 0 ? "/connect" : "/update",
	    words(f, HIM, true,
		arena_printf(f->a,
		    "[{\"url\":\"" TARGET "\",\"organization\":\"X\",\"flows\":"
		    "[{\"url\":\"/x\",\"name\":\"%u\"}]}]", i),
		arena_printf(f->a,
		    "{\"life\":5,\"sent\":%u,\"versions\":{\"" TARGET "\":%lld}}", i + 1,
		    (long long)f->now_us)), n_in);
}

/* All that the owner says: its own node, and that it has what it was sent, and was heard so. */
static const char *
owner_body(struct fixture *f, const struct exchange_job *job, unsigned sequence)
{
	const struct peer p = peer_of(f, TARGET);
	const bool is_list = job == NULL || job->kind == EXCHANGE_CONNECT;
	char told[DIGEST_SIZE];
	struct txn t;

	must(store_begin(registry_store(f->r), STORE_READ, &t));
	must(digest_stated(&t, p.id, p.key, true, false, told));
	must(store_end(&t, KODO_OK));
	return words(f, TARGET, true, is_list ? arena_printf(f->a, "[%s]",
	    node_json(f, TARGET, "T", 1)) : "[]",
	    arena_printf(f->a, "{\"life\":77,\"sent\":%u,\"versions\":{%s%s}%s%s%s%s%s}", sequence,
		is_list ? "\"" TARGET "\":" : "",
		is_list ? arena_printf(f->a, "%lld", (long long)f->now_us) : "",
		is_list ? "" : ",\"view\":\"",
		is_list ? "" : arena_strz(f->a, job->view.p == NULL ? STR("") : job->view),
		is_list ? "" : "\",\"told\":\"", is_list ? "" : told, is_list ? "" : "\""));
}

/* The owner connects; the bytes of the answer. */
static uint64_t
owner_connects(struct fixture *f, unsigned sequence)
{
	const char *json = owner_body(f, NULL, sequence);
	struct sink out = SINK_INIT(registry_state(f->r));
	struct wire_body b;
	uint64_t nothing = 0, n;
	bool rest;

	post(f, "/connect", json, &nothing);
	b = read_body(f, WIRE_CONNECT, json);
	must(reply_put(f->r, &b, true, false, f->now_us, &out, &rest));
	n = buf_str(&out.buf).len;
	sink_free(&out);
	return n;
}

static uint64_t
version_by(struct fixture *f, const char *url)
{
	const struct peer owner = peer_of(f, TARGET), p = peer_of(f, url);
	struct statement s = { .version = 0 };
	uint32_t node;
	struct txn t;

	must(store_begin(registry_store(f->r), STORE_READ, &t));
	must(node_find(&t, owner.key, &node));
	must(known_statement(&t, node, p.id, &s));
	must(store_end(&t, KODO_OK));
	return s.version;
}

/* What the owner says is seen, and after it was asked it is above what he said. */
static void
owner_is_right(struct fixture *f, bool was_asked)
{
	struct search_result res;

	assert_non_null(strstr(flows_of(f, "name == \"T 0\"", "", 0, 10, &res), "T 0"));
	if (was_asked)
		assert_true(version_by(f, TARGET) > version_by(f, HIM));
}

/* Bytes to the owner for each of his, once it is known. every_us: how often he speaks. */
static double
owner_hour(struct fixture *f, bool is_target, int64_t every_us)
{
	const char *target = is_target ? TARGET : NULL;
	const int64_t end_us = f->now_us + SPAN_US;
	int64_t post_us = f->now_us + 60 * SECOND_US, due_us;
	uint64_t n_in = 0, n_out = 0;
	struct exchange_job job;
	unsigned i = 0, sequence = 1;

	fixture_options(f, "http://localhost:3367", true, true, target, 1);
	fixture_apply(f, START_NOW);
	node_comes(f, "http://n:1", "N", 500);
	if (!is_target)
		(void)owner_connects(f, sequence++);
	while (f->now_us < end_us) {
		arena_reset(f->a);
		fixture_options(f, "http://localhost:3367", true, true, target, 1);
		if (f->now_us >= post_us) {
			if (i == 0)
				key_pin(f);
			owner_is_right(f, i > 0 && every_us == 60 * SECOND_US);
			contradicts(f, i++, &n_in);
			owner_is_right(f, false);
			post_us += every_us;
		}
		if (next_due(f, &job, &due_us) != KODO_OK) {
			f->now_us = due_us < post_us ? due_us : post_us;
			continue;
		}
		f->now_us += 2000;
		if (!str_starts(job.url, STR(TARGET "/"))) {
			answer(f, &job, 0, "");
			continue;
		}
		n_out += i > 0 ? job.url.len + job.body.len + HEAD_POST : 0;
		if (job.kind == EXCHANGE_RECONNECT)
			n_out += owner_connects(f, sequence++);
		answer(f, &job, 200, owner_body(f, &job, sequence++));
	}
	assert_true(i > 1);
	return (double)n_out / (double)n_in;
}

static void
owner_is_not_flooded(void **state)
{
	static const int64_t every_s[] = { 1, 5, 60 };
	size_t i;
	int is_target;

	(void)state;
	for (is_target = 0; is_target < 2; is_target++)
		for (i = 0; i < sizeof(every_s) / sizeof(every_s[0]); i++) {
			void *fresh = NULL;
			double times;

			assert_int_equal(fixture_setup(&fresh), 0);
			times = owner_hour(fresh, is_target, every_s[i] * SECOND_US);
			if (getenv("REFLECTION") != NULL)
				print_message("| of %s, every %d s | %.2f |\n",
				    is_target ? "a target" : "a peer", (int)every_s[i], times);
			if (times > MOST)
				fail_msg("target %d, %d s: %.2f", is_target, (int)every_s[i],
				    times);
			assert_int_equal(fixture_teardown(&fresh), 0);
		}
}

static void
asked_in_vain(struct fixture *f, const struct victim *owner)
{
	const int64_t end_us = f->now_us + 10 * SECOND_US;
	struct exchange_job job;
	uint64_t nothing = 0;
	int64_t due_us;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	(void)owner_connects(f, 1);
	next_is(f, EXCHANGE_PROBE, &job);
	answer(f, &job, 200, owner_body(f, &job, 2));
	key_pin(f);
	f->now_us += SECOND_US;
	contradicts(f, 0, &nothing);
	do {
		f->now_us += 100000;
		if (next_due(f, &job, &due_us) != KODO_OK)
			continue;
		if (str_starts(job.url, STR(TARGET)) && job.kind == EXCHANGE_DIGEST_CHECK)
			answer(f, &job, owner->status, strcmp(owner->body, "view") == 0 ?
			    words(f, TARGET, true, "[]",
				arena_printf(f->a, "{\"life\":77,\"sent\":3,\"view\":\"%.*s\"}",
				    STR_ARG(job.view))) : owner->body);
		else if (job.kind != EXCHANGE_RECONNECT)
			answer(f, &job, 200, "");
	} while (job.kind != EXCHANGE_RECONNECT && f->now_us < end_us);
	assert_int_equal(job.kind, EXCHANGE_RECONNECT);
}

/* It cannot be found out by a digest: then it is to connect. */
static void
owner_connects_where_no_digest_tells(void **state)
{
	static const struct victim answers[] = {
		{ "no answer", 0, "" },
		{ "unknown here", 404, "" },
		{ "no digest", 200, "view" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		void *fresh = NULL;

		assert_int_equal(fixture_setup(&fresh), 0);
		asked_in_vain(fresh, &answers[i]);
		assert_int_equal(fixture_teardown(&fresh), 0);
	}
}

/* A target that holds news back tells no digest for that while: it is asked again, soon. */
static void
owner_that_holds_news_back_is_asked_again(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;
	uint64_t nothing = 0;
	unsigned sequence = 2, asked = 0;
	int64_t begun_us, due_us;

	fixture_options(f, "http://localhost:3367", true, true, TARGET, 1);
	fixture_apply(f, START_NOW);
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 201, owner_body(f, &job, sequence++));
	key_pin(f);
	f->now_us += SECOND_US;
	contradicts(f, 0, &nothing);
	begun_us = f->now_us;
	while (version_by(f, TARGET) <= version_by(f, HIM) &&
	    f->now_us < begun_us + 10 * SECOND_US) {
		f->now_us += 100000;
		if (next_due(f, &job, &due_us) != KODO_OK)
			continue;
		if (!str_starts(job.url, STR(TARGET "/")) || job.kind != EXCHANGE_DIGEST_CHECK) {
			answer(f, &job, 0, "");
			continue;
		}
		asked++;
		answer(f, &job, 200, asked > 1 ? owner_body(f, &job, sequence++) :
		    words(f, TARGET, true, "[]",
			arena_printf(f->a, "{\"life\":77,\"sent\":%u,\"view\":\"%.*s\"}",
			    sequence++, STR_ARG(job.view))));
	}
	assert_int_equal(asked, 2);
	assert_true(f->now_us < begun_us + 5 * SECOND_US);
	owner_is_right(f, true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(at_most_ten, fixture_setup, fixture_teardown),
		cmocka_unit_test(owner_is_not_flooded),
		cmocka_unit_test(owner_connects_where_no_digest_tells),
		cmocka_unit_test_setup_teardown(owner_that_holds_news_back_is_asked_again,
		    fixture_setup, fixture_teardown),
	};

	log_setup(STR("reflection"), LOG_OFF, STR_NULL, LOG_OFF, 0);
	return cmocka_run_group_tests_name("reflection", tests, NULL, NULL);
}
