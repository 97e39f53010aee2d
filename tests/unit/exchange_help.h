/* For tests of the exchange: a registry with one target, and answers to its messages. */
#ifndef EXCHANGE_HELP_H
#define EXCHANGE_HELP_H

#include "core/records/peer.h"
#include "core/registry/requests.h"
#include "core/registry/startup.h"
#include "core/storage/store.h"
#include "registry_help.h"

#define SECOND_US 1000000ll
#define TARGET "http://t:1"
#define OURS_KODO "{\"life\":77,\"sent\":%d}"

static inline enum kodo_err
next_due(struct fixture *f, struct exchange_job *job, int64_t *due_us)
{
	int64_t active_us;

	return schedule_next(f->r, f->a, f->now_us, NULL, 0, job, due_us, &active_us);
}

static inline void
next_is(struct fixture *f, enum exchange_kind kind, struct exchange_job *job)
{
	int64_t due_us;

	must(next_due(f, job, &due_us));
	assert_int_equal(job->kind, kind);
}

/* Nothing is due now; when is something? */
static inline int64_t
nothing_until(struct fixture *f)
{
	struct exchange_job job;
	int64_t due_us;

	assert_int_equal(next_due(f, &job, &due_us), KODO_ENOTFOUND);
	return due_us;
}

static inline void
answer(struct fixture *f, const struct exchange_job *job, unsigned status, const char *body)
{
	struct exchange_result res = { .status = status, .body = str_of(body), .error = "refused" };
	bool wake;

	must(outcome_take(f->r, f->a, job, &res, f->now_us, &wake));
}

static inline struct peer
peer_of(struct fixture *f, const char *url)
{
	struct peer p = { 0 };
	struct str key;
	struct txn t;
	enum kodo_err err;

	must(url_key(f->a, str_of(url), &key));
	must(store_begin(registry_store(f->r), STORE_READ, &t));
	err = peer_find(&t, f->a, key, &p);
	must(store_end(&t, KODO_OK));
	assert_true(err == KODO_OK || err == KODO_ENOTFOUND);
	return p;
}

static inline const char *
default_body(struct fixture *f, const char *url, const char *kodo)
{
	return arena_printf(f->a,
	    "{\"url\":\"%s\",\"organization\":null,\"registry\":true,\"feed\":true,\"idle\":true,"
	    "\"now\":\"2025-01-13T14:00:00Z\",\"message\":[],\"nodes\":[]%s%s}",
	    url, kodo == NULL ? "" : ",\"kodo\":", kodo == NULL ? "" : kodo);
}

/* A registry with one target and one own flow, started. */
static inline void
start(struct fixture *f)
{
	fixture_options(f, "http://localhost:3367", true, true, TARGET, 1);
	fixture_apply(f, START_NOW);
}

static inline void
start_connected(struct fixture *f, const char *kodo)
{
	struct exchange_job job;

	start(f);
	next_is(f, EXCHANGE_CONNECT, &job);
	answer(f, &job, 201, default_body(f, TARGET, kodo));
}

static inline void
node_comes(struct fixture *f, const char *url, const char *prefix, size_t n)
{
	struct wire_body b =
	    body_of(f, url, false, arena_printf(f->a, "[%s]", node_json(f, url, prefix, n)), NULL);
	struct receipt in;

	must(registry_connect(f->r, &b, f->now_us, &in));
}

#endif
