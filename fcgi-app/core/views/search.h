/*
 * Flows that match a query, in an order, page by page.
 */
#ifndef KODO_SEARCH_H
#define KODO_SEARCH_H

#include "core/query/query.h"
#include "core/registry/registry.h"
#include "core/storage/sink.h"

struct search_query {
	uint64_t p;		/* page from 0 */
	uint64_t pp;		/* items a page, >= 1 */
	struct query *q;	/* query_compile; an empty q matches all */
	struct order *by;	/* order_parse */
};

/* How the rows of a page were found. */
enum search_way {
	SEARCH_ORDER,		/* no filter, default order: read from the index of that order */
	SEARCH_NEEDLE,		/* the texts scanned for query_needle, rows with it looked at */
	SEARCH_SCAN		/* nodes looked at, and the rows of those that may match */
};

struct search_result {
	uint64_t total, filtered;
	uint64_t looked_at;	/* rows whose fields were read to find the page */
	enum search_way way;
};

/*
 * One page of flows. For JSON: the items, comma-separated, go to out (no brackets); for HTML set
 * each: it is called per item instead, and out is not written to; its fields are texts, tags in the
 * order to show. The page's place in the list is found before anything is written, so res is filled
 * in first when `begin` is called (may be NULL). KODO_ETOOBIG: the query's step budget is used up
 * (400).
 */
struct search_sink {
	struct sink *out;
	void (*begin)(struct search_sink *s, const struct search_result *res);
	enum kodo_err (*each)(struct search_sink *s, const struct row *row);	/* NULL: JSON */
	void *arg;
};
enum kodo_err search_flows(struct view *v, struct arena *a, const struct search_query *fq,
    struct search_sink *s, struct search_result *res) MUST_CHECK;

/*
 * The own flow whose item url path is <flow_path> (GET /flows/<path>): row filled in from a.
 * KODO_ENOTFOUND.
 */
enum kodo_err search_own_flow(
    struct view *v, struct arena *a, struct str flow_path, struct row *out) MUST_CHECK;

#endif
