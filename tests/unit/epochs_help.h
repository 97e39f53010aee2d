/* What tests of epochs share: a registry, and a peer that feeds. */
#ifndef KODO_TEST_EPOCHS_HELP_H
#define KODO_TEST_EPOCHS_HELP_H

#include "core/registry/reply.h"
#include "core/registry/requests.h"
#include "core/registry/startup.h"
#include "core/storage/store.h"
#include "core/trust/pin.h"
#include "registry_help.h"

#define NODE "http://n:1"
#define PEER "http://p:1"

static inline void
start(struct fixture *f)
{
	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
}

static inline uint64_t
peers_of(struct fixture *f)
{
	struct store_stat st;

	must(store_stat(registry_store(f->r), &st));
	return st.entries[T_PEER];
}

static inline uint64_t
providers_of(struct fixture *f)
{
	struct store_stat st;

	must(store_stat(registry_store(f->r), &st));
	return st.entries[T_PROVIDER];
}

/* PEER, which feeds, says that in a body of that path. */
static inline struct wire_body
says(struct fixture *f, const char *path, const char *nodes, const char *kodo)
{
	struct wire_body b = body_of(f, PEER, true, nodes, kodo);
	struct receipt in;

	if (strcmp(path, "/connect") == 0)
		must(registry_connect(f->r, &b, f->now_us, &in));
	else
		must(registry_update(f->r, &b, f->now_us, &in));
	assert_true(in.known);
	strangers_prove(f);
	return b;
}

/* The peer's answer to a message. */
static inline void
answer(struct fixture *f, struct exchange_job *job, const char *kodo)
{
	const char *body = arena_printf(f->a,
	    "{\"url\":\"" PEER "\",\"organization\":null,\"registry\":true,\"feed\":true,"
	    "\"idle\":true,\"now\":\"2025-11-24T16:00:00Z\",\"message\":[],\"kodo\":%s}",
	    kodo);
	struct exchange_result res = { .status = 200, .body = str_of(body) };
	bool wake;

	must(outcome_take(f->r, f->a, job, &res, f->now_us, &wake));
}

/* The same to the next message, which is of that kind. */
static inline void
answers(struct fixture *f, enum exchange_kind kind, const char *kodo)
{
	struct exchange_job job;
	int64_t due_us, active_us;

	must(schedule_next(f->r, f->a, f->now_us, NULL, 0, &job, &due_us, &active_us));
	assert_int_equal(job.kind, kind);
	answer(f, &job, kodo);
}

static inline const char *
one(struct fixture *f, const char *url, size_t n)
{
	return arena_printf(f->a, "[%s]", node_json(f, url, "N", n));
}

static inline enum kodo_err
next(struct fixture *f, struct exchange_job *job)
{
	int64_t due_us, active_us;

	return schedule_next(f->r, f->a, f->now_us, NULL, 0, job, &due_us, &active_us);
}

static inline bool
has(struct str text, const char *part)
{
	return memmem(text.p, text.len, part, strlen(part)) != NULL;
}

#endif
