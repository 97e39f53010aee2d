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
	    "\"now\":\"2025-11-24T16:00:00Z\",\"message\":[],\"nodes\":[]%s%s}",
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

/* The target is a kodo peer that feeds, and has our list. */
static inline void
start_with_kodo(struct fixture *f)
{
	start_connected(f, arena_printf(f->a, OURS_KODO, 1));
}

static inline bool
has(const struct exchange_job *job, const char *text)
{
	return memmem(job->body.p, job->body.len, text, strlen(text)) != NULL;
}

/* Does the log of changes go on behind the positions of a peer? */
static inline void
assert_behind(struct fixture *f, const char *url, bool of_nodes, bool of_removals)
{
	const struct peer p = peer_of(f, url);
	struct view v;

	must(view_begin(f->r, f->now_us, &v));
	assert_true(p.out.pos <= v.head.logged && p.out.gone_pos <= v.head.logged);
	assert_int_equal(p.out.pos < v.head.logged, of_nodes);
	assert_int_equal(p.out.gone_pos < v.head.logged, of_removals);
	view_end(&v);
}

/* A provider leaves. */
static inline void
node_goes(struct fixture *f, const char *url)
{
	struct wire_body b =
	    disconnect_of(f, url, arena_printf(f->a, "[\"%s\"]", url), NULL);
	struct receipt in;
	uint64_t ticket;

	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
}

/* The target says a node of its own in an update. */
static inline void
target_says(struct fixture *f, const char *url, const char *prefix, size_t n, int sent)
{
	struct wire_body b = body_of(f, TARGET, true,
	    arena_printf(f->a, "[%s]", node_json(f, url, prefix, n)),
	    arena_printf(f->a, "{\"life\":77,\"sent\":%d,\"versions\":{\"%s\":%d}}", sent, url,
		sent));
	struct receipt in;

	must(registry_update(f->r, &b, f->now_us, &in));
	assert_true(in.known);
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
