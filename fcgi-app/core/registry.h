/*
 * The use cases: what a service does with what it is asked, one transaction each. No HTTP, no curl.
 *
 * A struct registry is one process's handle of one state. Reading goes through a struct view (a
 * snapshot: begin, render, end within milliseconds); changing goes through the registry_connect ..
 * registry_leave functions, each of which commits durably, together with the outbox entries that
 * the change causes, before it returns.
 *
 * Errors of all functions: KODO_EBUSY (reader table full, or write lock held for 20 s: 503),
 * KODO_EFULL (map or disk: 503), KODO_EIO, KODO_ENOMEM, KODO_ECORRUPT (a stored record cannot be
 * read: 500 and a log line; `kodo check` says more).
 */
#ifndef KODO_REGISTRY_H
#define KODO_REGISTRY_H

#include "head.h"
#include "option.h"
#include "query/query.h"
#include "sink.h"
#include "wire.h"

struct registry;

/*
 * Open the state. create: make it where it is missing (kodo service, and hosted programs at their
 * first request). KODO_ENOTFOUND: no state there, create false. Otherwise as state_open and
 * store_open, with why set.
 */
enum kodo_err registry_open(
    struct str state_path, bool create, struct why *why, struct registry **out) MUST_CHECK;
void registry_close(struct registry *r);	/* NULL is fine */

struct store *registry_store(struct registry *r);
const struct state *registry_state(const struct registry *r);

/* --- options and starts --- */

/*
 * Do the stored options stem from files that looked like stamp (option_stamp)? A state without
 * options: no.
 */
enum kodo_err registry_is_current(struct registry *r, struct str stamp, bool *out) MUST_CHECK;

enum registry_start { START_IF_CHANGED, START_NOW };

/*
 * Store resolved options, own flows and their stamp, and do what follows (DESIGN.md, "What a start
 * is", "Changed url or targets", "cache_reset"). START_NOW: `kodo service` starts.
 * START_IF_CHANGED: hosted; a start where url, organization, connect, registry, feed, cache_reset
 * or the boot id changed; else changed flows are an update and other options just apply. A cache
 * file of the original found at cache_data is imported once. was_start (may be NULL): whether this
 * was a start.
 *
 * KODO_EINVAL with why: the cache file cannot be read (reason and byte; it is left alone).
 */
enum kodo_err registry_apply(struct registry *r, const struct options *o, struct str stamp,
    enum registry_start kind, int64_t now_us, bool *was_start, struct why *why) MUST_CHECK;

/*
 * The options in force, as registry_apply stored them (own flows not included); valid until the
 * next call of any registry function. KODO_ENOTFOUND: none yet.
 */
enum kodo_err registry_options(struct registry *r, const struct options **out) MUST_CHECK;

/* --- reading --- */

struct view {
	struct registry *registry;
	struct txn t;
	struct head head;
	const struct options *options;
	int64_t now_us;
	bool idle;
};

/*
 * Begin and end reading. KODO_ENOTFOUND: no options were applied yet (503: the state is not ready).
 */
enum kodo_err view_begin(struct registry *r, int64_t now_us, struct view *v) MUST_CHECK;
void view_end(struct view *v);

/* How this service introduces itself now; texts valid while the view is. */
void view_greeting(const struct view *v, struct greeting *g);

/* The body of GET /connect, GET /map, GET /counts. Each calls sink_end. */
enum kodo_err view_put_connect(struct view *v, struct sink *out) MUST_CHECK;
enum kodo_err view_put_map(struct view *v, struct sink *out) MUST_CHECK;
enum kodo_err view_put_counts(struct view *v, struct sink *out) MUST_CHECK;

struct flows_query {
	uint64_t p;		/* page from 0 */
	uint64_t pp;		/* items a page, >= 1 */
	struct query *q;	/* query_compile; an empty q matches all */
	struct order *by;	/* order_parse */
};

/* How the rows of a page were found. */
enum flows_way {
	FLOWS_ORDER,		/* no filter, default order: read from the index of that order */
	FLOWS_NEEDLE,		/* the texts scanned for query_needle, rows with it looked at */
	FLOWS_SCAN		/* nodes looked at, and the rows of those that may match */
};

struct flows_result {
	uint64_t total, filtered;
	uint64_t looked_at;	/* rows whose fields were read to find the page */
	enum flows_way way;
};

/*
 * One page of flows. For JSON: the items, comma-separated, go to out (no brackets); for HTML set
 * each: it is called per item instead, and out is not written to; its fields are texts, tags in the
 * order to show. The page's place in the list is found before anything is written, so res is filled
 * in first when `begin` is called (may be NULL). KODO_ETOOBIG: the query's step budget is used up
 * (400).
 */
struct flows_sink {
	struct sink *out;
	void (*begin)(struct flows_sink *s, const struct flows_result *res);
	enum kodo_err (*each)(struct flows_sink *s, const struct row *row);	/* NULL: JSON */
	void *arg;
};
enum kodo_err view_flows(struct view *v, struct arena *a, const struct flows_query *fq,
    struct flows_sink *s, struct flows_result *res) MUST_CHECK;

/*
 * The own flow whose item url path is <flow_path> (GET /flows/<path>): row filled in from a.
 * KODO_ENOTFOUND.
 */
enum kodo_err view_own_flow(
    struct view *v, struct arena *a, struct str flow_path, struct row *out) MUST_CHECK;

/* --- changing --- */

/* What a change had to say about the request. */
struct intake {
	bool known;		/* false: no such provider (404) */
	bool changed;		/* something that is seen was changed */
	bool removed;		/* the whole provider went (a disconnect of its own url) */
	bool wake;		/* messages are due: wake the runner after the reply */
	size_t n_nodes, n_flows;	/* taken in, for the log */
};

/*
 * POST /connect. The service must be a registry (the caller has seen to it). Stores the provider,
 * replaces its nodes. For the answer see view_put_connect_answer.
 */
enum kodo_err registry_connect(
    struct registry *r, const struct wire_body *b, int64_t now_us, struct intake *out) MUST_CHECK;
enum kodo_err registry_update(
    struct registry *r, const struct wire_body *b, int64_t now_us, struct intake *out) MUST_CHECK;
/* ticket: for wait_is_tried, of those who are told about it. */
enum kodo_err registry_disconnect(struct registry *r, const struct wire_body *b, int64_t now_us,
    struct intake *out, uint64_t *ticket) MUST_CHECK;

/*
 * POST /reconnect: connect to that url now. known false: neither a target (or its alias) nor a
 * provider.
 */
enum kodo_err registry_reconnect(
    struct registry *r, const struct wire_body *b, int64_t now_us, struct intake *out) MUST_CHECK;

/* DELETE /connect: leave every target. *ticket names the messages, for wait_is_tried. */
enum kodo_err registry_leave(
    struct registry *r, int64_t now_us, uint64_t *ticket, struct intake *out) MUST_CHECK;

/*
 * The body of an answer to POST /connect, /update, /disconnect, /reconnect: default, with all nodes
 * where the caller connects and feeds, with our `kodo` member where its body had one. idle_false:
 * WIRE.md wants `idle` false (POST /reconnect). message: lines about what was left out. Nodes over
 * LIMIT_ANSWER_NODES_BYTES are put into the outbox as updates to that caller; *rest: there are any,
 * so that the runner is needed.
 */
enum kodo_err registry_put_answer(struct registry *r, const struct wire_body *b, bool is_connect,
    bool idle_false, int64_t now_us, struct sink *out, bool *rest) MUST_CHECK;

/* --- outside --- */

/*
 * For the runner, at its start and now and then: forget tombstones older than tombstone_days. Does
 * something at most once an hour.
 */
enum kodo_err registry_tidy(struct registry *r, int64_t now_us) MUST_CHECK;

/* kodo export / import: the original's cache file. */
enum kodo_err registry_export(struct registry *r, struct sink *out) MUST_CHECK;
enum kodo_err registry_import(struct registry *r, struct wire_cache *c, int64_t now_us) MUST_CHECK;

/*
 * kodo check: calls say for each finding, one line each; a fault's line holds the remedy. Counts
 * are compared with a recount, orders walked, records opened.
 */
enum finding { FINDING_OK, FINDING_WARNING, FINDING_ERROR };
enum kodo_err registry_check(struct registry *r, int64_t now_us,
    void (*say)(void *arg, enum finding kind, const char *line), void *arg) MUST_CHECK;

#endif
