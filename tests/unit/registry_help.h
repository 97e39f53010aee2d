/* For tests of the registry: a state in a scratch folder, options from text, bodies from JSON. */
#ifndef REGISTRY_HELP_H
#define REGISTRY_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/isotime.h"
#include "core/base/url.h"
#include "core/check/integrity.h"
#include "core/exchange/outcome.h"
#include "core/exchange/schedule.h"
#include "core/query/query.h"
#include "core/records/head.h"
#include "core/registry/startup.h"
#include "core/registry/wait.h"
#include "core/storage/sink.h"
#include "core/views/search.h"
#include "twin.h"

#define T0	1764000000000000ll	/* a day in November 2025 */

struct fixture {
	struct registry *r;
	struct arena *a;
	struct options o;
	struct flow flows[64];
	char dir[64];
	int64_t now_us;
	struct twin *twin;	/* NULL: none */
};

static inline void
must(enum kodo_err err)
{
	if (err != KODO_OK)
		fail_msg("%s", kodo_err_text(err));
}

/* Options of a service with n own flows. connect: one target or NULL. */
static inline void
fixture_options(
    struct fixture *f, const char *url, bool registry, bool feed, const char *connect, size_t n)
{
	char *argv[8] = { arena_strz(f->a, STR("--url")), arena_strz(f->a, str_of(url)),
		arena_strz(f->a, STR("--organization")), arena_strz(f->a, STR("Own")) };
	struct why why = { "" };
	int argc = 4;
	size_t i;

	if (!registry)
		argv[argc++] = arena_strz(f->a, STR("--no-registry"));
	if (!feed)
		argv[argc++] = arena_strz(f->a, STR("--no-feed"));
	if (connect != NULL) {
		argv[argc++] = arena_strz(f->a, STR("--connect"));
		argv[argc++] = arena_strz(f->a, str_of(connect));
	}
	if (option_load_service(f->a, argc, argv, true, &f->o, &why) != KODO_OK)
		fail_msg("%s", why.text);
	f->o.state_path = str_of(f->dir);
	f->o.cache_data = STR("/nonexistent/cache.json");
	for (i = 0; i < n; i++) {
		f->flows[i] = (struct flow){ .url = str_of(arena_printf(f->a, "/own%zu", i)),
			.name = str_of(arena_printf(f->a, "Own %zu", i)) };
	}
	f->o.flows = f->flows;
	f->o.n_flows = n;
}

static inline void
fixture_apply(struct fixture *f, enum registry_start kind)
{
	struct why why = { "" };

	if (startup_apply(f->r, &f->o, STR("stamp"), kind, f->now_us, NULL, &why) != KODO_OK)
		fail_msg("%s", why.text);
}

static inline void
fixture_open(struct fixture *f)
{
	struct why why = { "" };

	if (registry_open(str_of(f->dir), true, &why, &f->r) != KODO_OK)
		fail_msg("%s", why.text);
	twin_free(f->twin);
	f->twin = twin_follow(f->r, f->dir);
}

static inline int
fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "%s/kodo-test-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	f->a = arena_new();
	f->now_us = T0;
	fixture_open(f);
	*state = f;
	return 0;
}

/* Without a twin: the test counts revisions itself. */
static inline int
fixture_setup_alone(void **state)
{
	const int failed = fixture_setup(state);

	if (failed == 0)
		registry_submit_by(((struct fixture *)*state)->r, NULL, NULL);
	return failed;
}

/* n peers of urls of their own, each as set makes it. */
static inline void
fixture_put_peers(struct fixture *f, unsigned n,
    void (*set)(const struct fixture *f, const struct head *h, unsigned i, struct peer *p))
{
	struct head h;
	struct txn t;
	unsigned i;

	must(store_begin(registry_store(f->r), STORE_WRITE, &t));
	must(head_get(&t, &h));
	for (i = 0; i < n; i++) {
		struct peer p;
		struct str url = str_of(arena_printf(f->a, "http://x%u:1", i));

		peer_init(&p, &h, url, url);
		set(f, &h, i, &p);
		must(peer_put(&t, &p));
	}
	must(head_put(&t, &h));
	must(store_end(&t, KODO_OK));
}

static inline int
fixture_teardown(void **state)
{
	static const char *const names[] = { "data.mdb", "lock.mdb", "write.lock", "counts.json",
	    "key", "audit.jsonl" };
	struct fixture *f = *state;
	char path[256];
	size_t i;
	int left;

	registry_close(f->r);
	twin_free(f->twin);
	arena_free(f->a);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		unlink(path);
	}
	left = rmdir(f->dir);
	free(f);
	return left;
}

/* A connect or update body. nodes: JSON list; kodo: JSON of our member, or NULL. */
static inline struct wire_body
body_of(struct fixture *f, const char *from, bool feed, const char *nodes, const char *kodo)
{
	struct wire_refusal no;
	struct wire_body b;
	char *json = arena_printf(f->a,
	    "{\"url\":\"%s\",\"organization\":\"O\",\"registry\":%s,\"feed\":%s,\"idle\":true,"
	    "\"now\":\"2025-11-24T16:00:00Z\",\"message\":[],\"nodes\":%s%s%s}",
	    from, feed ? "true" : "false", feed ? "true" : "false", nodes,
	    kodo != NULL ? ",\"kodo\":" : "", kodo != NULL ? kodo : "");

	must(wire_read(f->a, WIRE_CONNECT, str_of(json), f->now_us, f->o.url_key, &b, &no));
	return b;
}

static inline struct wire_body
disconnect_of(struct fixture *f, const char *from, const char *urls, const char *kodo)
{
	struct wire_refusal no;
	struct wire_body b;
	char *json = arena_printf(f->a, "{\"provider\":\"%s\",\"url\":%s%s%s}", from, urls,
	    kodo != NULL ? ",\"kodo\":" : "", kodo != NULL ? kodo : "");

	must(wire_read(f->a, WIRE_DISCONNECT, str_of(json), f->now_us, f->o.url_key, &b, &no));
	return b;
}

/* A JSON node with flows named prefix 0 .. n - 1. */
static inline const char *
node_json(struct fixture *f, const char *url, const char *prefix, size_t n)
{
	char *flows = arena_printf(f->a, "%s", "");
	size_t i;

	for (i = 0; i < n; i++)
		flows = arena_printf(f->a,
		    "%s%s{\"url\":\"/%s%zu\",\"name\":\"%s %zu\",\"tags\":[\"t%zu\"]}", flows,
		    i > 0 ? "," : "", prefix, i, prefix, i, i % 3);
	return arena_printf(f->a, "{\"url\":\"%s\",\"organization\":\"Org %s\",\"flows\":[%s]}",
	    url, prefix, flows);
}

/* The answer to a probe: the greeting of the peer that is asked. */
static inline struct str
greeting_of(struct fixture *f, const struct exchange_job *job)
{
	const char *end = memrchr(job->url.p, '/', job->url.len);

	return str_of(arena_printf(f->a,
	    "{\"url\":\"%.*s\",\"organization\":null,\"registry\":true,\"feed\":true,"
	    "\"idle\":true,\"now\":\"2025-11-24T16:00:00Z\",\"message\":[]}",
	    (int)(end - job->url.p), job->url.p));
}

/* Every stranger is asked who it is, and says so. */
static inline void
strangers_prove(struct fixture *f)
{
	struct exchange_job job;
	int64_t due_us = INT64_MAX, active_us = INT64_MAX;
	bool wake;

	while (schedule_next_in(f->r, f->a, f->now_us, POOL_STRANGERS, NULL, 0, &job, &due_us,
	    &active_us) == KODO_OK) {
		assert_int_equal(job.kind, EXCHANGE_PROBE);
		must(outcome_take(f->r, f->a, &job,
		    &(struct exchange_result){ .status = 200, .body = greeting_of(f, &job) },
		    f->now_us, &wake));
	}
}

static inline uint64_t
total_of(struct fixture *f)
{
	struct view v;
	uint64_t total;

	must(view_begin(f->r, f->now_us, &v));
	total = v.head.total;
	view_end(&v);
	return total;
}

/* The items of GET /flows as JSON text, in the fixture's arena. */
static inline const char *
flows_of(struct fixture *f, const char *q, const char *by, uint64_t p, uint64_t pp,
    struct search_result *res)
{
	struct search_query fq = { .p = p, .pp = pp };
	struct sink out = SINK_INIT(registry_state(f->r));
	struct search_sink s = { .out = &out };
	struct view v;
	char *text;

	must(query_compile(f->a, str_of(q), &fq.q));
	must(order_parse(f->a, str_of(by), &fq.by));
	must(view_begin(f->r, f->now_us, &v));
	must(search_flows(&v, f->a, &fq, &s, res));
	view_end(&v);
	text = arena_strz(f->a, buf_str(&out.buf));
	sink_free(&out);
	return text;
}

static inline void
fault_fail(void *arg, enum finding kind, const char *line)
{
	(void)arg;
	if (kind == FINDING_ERROR)
		fail_msg("%s", line);
}

static inline void
check_clean(struct fixture *f)
{
	must(integrity_check(f->r, f->now_us, fault_fail, NULL));
}

static inline bool
is_idle(struct fixture *f)
{
	struct view v;

	must(view_begin(f->r, f->now_us, &v));
	view_end(&v);
	return v.idle;
}

static inline void
assert_within(int64_t value, int64_t low, int64_t high)
{
	if (value < low || value > high)
		fail_msg("%lld is not in %lld .. %lld", (long long)value, (long long)low,
		    (long long)high);
}

/* Of the state as it is now. */
static inline struct head
head_of(struct fixture *f)
{
	struct view v;
	struct head h;

	must(view_begin(f->r, f->now_us, &v));
	h = v.head;
	view_end(&v);
	return h;
}

#endif
