/* For tests of two services: a sender, and a receiver behind a server that takes only so much. */
#ifndef PAIR_HELP_H
#define PAIR_HELP_H

#include "core/registry/reply.h"
#include "core/registry/requests.h"
#include "core/registry/startup.h"
#include "core/storage/sink.h"
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

static inline int
pair_setup(void **state)
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

static inline int
pair_teardown(void **state)
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
static inline void
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

static inline void
start(struct pair *p)
{
	fixture_options(p->to, TARGET, true, true, NULL, 0);
	fixture_apply(p->to, START_NOW);
	offer(p, FLOWS, "First");
}

/* Stop and start the receiver; its state stays. */
static inline void
restart(struct fixture *f)
{
	registry_close(f->r);
	fixture_open(f);
}

static inline void
news(struct fixture *f, const struct exchange_job *job, unsigned status, struct str body)
{
	struct exchange_result res = { .status = status, .body = body, .error = "lost" };
	bool wake;

	must(outcome_take(f->r, f->a, job, &res, f->now_us, &wake));
}

static inline unsigned
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
static inline bool
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

static inline void
exchange(struct pair *p, const struct exchange_job *job)
{
	struct str answer;
	unsigned status = receive(p, job, &answer);

	news(p->from, job, status, answer);
}

/* Until there is nothing to send; of the sender's node all is seen, or nothing. */
static inline void
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

/* Until n parts were taken. */
static inline void
run_chunks(struct pair *p, unsigned n)
{
	struct exchange_job job;

	while (p->n_chunks < n && next_job(p, &job))
		exchange(p, &job);
	assert_int_equal(p->n_chunks, n);
}

static inline const char *
seen_of(struct pair *p)
{
	struct search_result res;

	return flows_of(p->to, "", "", 0, 100, &res);
}

static inline uint64_t
records_of(struct fixture *f)
{
	struct store_stat st;

	must(store_stat(registry_store(f->r), &st));
	return st.entries[T_NODE_CHUNK];
}

#endif
