/*
 * Bytes that go to others for each byte that an outsider sends, by route: a simulated hour, in
 * which he repeats what costs most, in the name of somebody who has asked for nothing. REFLECTION=1
 * prints the table of DESIGN.md.
 */
#include <stdlib.h>

#include "core/base/log.h"
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(at_most_ten, fixture_setup, fixture_teardown),
	};

	log_setup(STR("reflection"), LOG_OFF, STR_NULL, LOG_OFF, 0);
	return cmocka_run_group_tests_name("reflection", tests, NULL, NULL);
}
