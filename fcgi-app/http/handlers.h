/*
 * The handlers of the route table, one file per group, and what they share.
 */
#ifndef KODO_HANDLERS_H
#define KODO_HANDLERS_H

#include "core/query/query.h"
#include "http/router.h"

struct template_values;

/* home.c */
enum kodo_err handle_home(struct call *c) MUST_CHECK;
enum kodo_err handle_map(struct call *c) MUST_CHECK;	/* map.c */
enum kodo_err handle_nodes(struct call *c) MUST_CHECK;

/* flows.c */
enum kodo_err handle_flows(struct call *c) MUST_CHECK;
enum kodo_err handle_flow(struct call *c) MUST_CHECK;
enum kodo_err handle_counts(struct call *c) MUST_CHECK;

/* connect.c */
enum kodo_err handle_connect(struct call *c) MUST_CHECK;
enum kodo_err handle_update(struct call *c) MUST_CHECK;
enum kodo_err handle_disconnect(struct call *c) MUST_CHECK;
enum kodo_err handle_reconnect(struct call *c) MUST_CHECK;
enum kodo_err handle_leave(struct call *c) MUST_CHECK;

/* check.c */
enum kodo_err handle_check(struct call *c) MUST_CHECK;

/* schema.c, cron.c */
enum kodo_err handle_schema(struct call *c) MUST_CHECK;
enum kodo_err handle_cron(struct call *c) MUST_CHECK;

/*
 * 304 if the client has the current version, else the header is set and false returned. The tag is
 * made from the ids of build and state, and of these:
 */
enum etag_part {
	ETAG_VIEW = 1u << 0,
	ETAG_STATE = 1u << 1,
	ETAG_IDLE = 1u << 2,
};
bool etag_settle(struct call *c, const struct view *v, unsigned parts, uint64_t variant);

/* assets.c: what pages are made with */
enum kodo_err handle_asset(struct call *c) MUST_CHECK;

/* docs.c */
enum kodo_err handle_docs(struct call *c) MUST_CHECK;

/*
 * flows_page.c: the page of flows, row by row; the body of call->res is written to. What narrows it
 * (organization=, tag=) is read from the query string by page_flows_narrow.
 */
struct page_flows {
	struct str q, by;		/* as asked, null if not */
	struct str by_note;		/* as answered */
	uint64_t p, pp, total, filtered;
	struct template_values *fields;
	struct arena *row;
	struct str head, item, tail;	/* of the template */
};
enum kodo_err page_flows_narrow(
    struct call *c, struct view *v, struct page_flows *f, struct query *q) MUST_CHECK;
enum kodo_err page_flows_begin(struct call *c, struct page_flows *f) MUST_CHECK;
enum kodo_err page_flows_row(
    struct call *c, struct page_flows *f, const struct row *row) MUST_CHECK;
enum kodo_err page_flows_end(struct call *c, struct page_flows *f) MUST_CHECK;
void page_flows_free(struct page_flows *f);

/* A page about one flow. */
enum kodo_err page_flow(struct call *c, struct view *v, const struct row *row) MUST_CHECK;

#endif
