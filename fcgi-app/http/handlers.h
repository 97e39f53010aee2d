/*
 * The handlers of the route table, one file per group, and what they share.
 */
#ifndef KODO_HANDLERS_H
#define KODO_HANDLERS_H

#include "http/router.h"

/* home.c */
enum kodo_err handle_home(struct call *c) MUST_CHECK;
enum kodo_err handle_map(struct call *c) MUST_CHECK;
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

/*
 * page.c: pages for people, from the templates in www/; the body of call->res is written to.
 */
struct page_flows {
	struct str organization, url;	/* of the service */
	struct str base;		/* path of its url */
	struct str q, by;		/* as asked, null if not */
	struct str q_note, by_note;	/* as answered */
	uint64_t p, pp, total, filtered;
	struct str head, item, tail;	/* of the template, set by page_flows_begin */
};
uint64_t page_stamp(const char *name);	/* changes when the template does */
enum kodo_err page_flows_begin(struct call *c, struct page_flows *f) MUST_CHECK;
enum kodo_err page_flows_row(
    struct call *c, const struct page_flows *f, const struct row *row) MUST_CHECK;
enum kodo_err page_flows_end(struct call *c, const struct page_flows *f) MUST_CHECK;

/* A page about one flow; of service only organization, url and base are looked at. */
enum kodo_err page_flow(
    struct call *c, const struct row *row, const struct page_flows *service) MUST_CHECK;

#endif
