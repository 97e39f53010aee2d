/*
 * Flows that match a query, in an order, page by page.
 */
#ifndef KODO_SEARCH_H
#define KODO_SEARCH_H

#include "core/query/cursor.h"
#include "core/query/query.h"
#include "core/registry/registry.h"
#include "core/storage/sink.h"

/* What is asked for. The texts are borrowed. */
struct search_asked {
	struct str q;
	/* words.h; without a q also a q that is a test, which is no word of theirs */
	struct str words;
	struct str organization, state, registry;	/* exactly; empty: any */
	const struct str *tags;		/* all of them */
	size_t n_tags;
	bool is_alive;			/* no node that is silent */
};

/*
 * mistake: of a text that looks like a test and is none, so it was taken as text or words. May be
 * NULL. KODO_EINVAL: words are over a ceiling, why has the reason; KODO_ENOMEM.
 */
enum kodo_err search_compile(struct arena *a, const struct search_asked *asked, struct query **out,
    struct query_mistake *mistake, struct why *why) MUST_CHECK;

/* The order that by asks for; without one, of words that by rank. As order_parse. */
enum kodo_err search_order(
    struct arena *a, const struct query *q, struct str by, struct order **out) MUST_CHECK;

struct search_query {
	uint64_t p;		/* page from 0 */
	uint64_t pp;		/* items a page, >= 1 */
	struct query *q;	/* search_compile; an empty q matches all */
	struct order *by;	/* order_parse */
	struct cursor *after;	/* begin behind it, p being 0; NULL: at the first */
	unsigned extras;	/* item_extras_read: members that items have beside theirs */
	uint64_t max;		/* items that a page may have; 0: any number */
};

/* How the rows of a page were found. */
enum search_way {
	SEARCH_ORDER,		/* no filter, default order: read from flow_order */
	SEARCH_NEEDLE,		/* texts scanned for query_needle, rows with it evaluated */
	SEARCH_SCAN,		/* nodes evaluated, and rows of those that may match */
	SEARCH_WAYS
};

/* "order", ..; and as what searches are counted (core/metrics), by way. */
extern const char *const search_way_names[SEARCH_WAYS];
#define SEARCH_METRIC	"kodo_searches"

struct search_result {
	uint64_t total, filtered;
	uint64_t looked_at;	/* rows that neither their node nor the needle ruled out */
	enum search_way way;
	bool index_is_old;	/* of words: see word_index.h */
	struct str meant;	/* words searched for in place of those given; null: none */
	/*
	 * The cursor of what follows, null: nothing, or by cannot have one. After the search;
	 * where it was no SEARCH_ORDER before its first item, too.
	 */
	struct str next;
};

/* Where a page goes. */
struct search_sink {
	struct sink *out;	/* JSON: the items, comma-separated, without brackets */
	/* Called before the first item, with the complete result. May be NULL. */
	void (*begin)(struct search_sink *s, const struct search_result *res);
	/*
	 * Not NULL: called for each item, with the url of its node, in place of JSON to out; tags
	 * in the order to show.
	 */
	enum kodo_err (*each)(struct search_sink *s, const struct row *row, struct str node);
	void *arg;
};

/*
 * One page of flows. What each gets lives in a. KODO_ETOOBIG: the query's step budget is used up
 * (400). KODO_EINVAL: the page would have over max items; nothing was written.
 */
enum kodo_err search_flows(struct view *v, struct arena *a, const struct search_query *fq,
    struct search_sink *s, struct search_result *res) MUST_CHECK;

/*
 * The flow of the own node that GET /flows/<path>?<query> leads to, in a; path is decoded, query is
 * not. One with that query, else one without any. KODO_ENOTFOUND.
 */
enum kodo_err search_own_flow(struct view *v, struct arena *a, struct str path, struct str query,
    struct row *out) MUST_CHECK;

#endif
