/*
 * GET /changes: what was changed behind a place in the changelog, of each node its newest state.
 *
 * Clients have a number for the place: its lower bits are the changelog's, those above stamp the
 * state, so that a number of another state, or of one that was lost, is recognised. Whoever reads
 * from the begin (0) passes places up to which entries were forgotten, and misses nothing, as long
 * as no more of them are forgotten meanwhile: the stamp is another one until then.
 */
#ifndef KODO_CHANGES_H
#define KODO_CHANGES_H

#include "core/query/query.h"
#include "core/records/record.h"
#include "core/registry/registry.h"
#include "core/storage/sink.h"

/* Fields that change without an entry in the changelog: they are of a provider. */
#define CHANGES_NOT_ASKED	\
	(QUERY_BIT(QUERY_CREATED) | QUERY_BIT(QUERY_MODIFIED) | QUERY_BIT(QUERY_REGISTRY))

/* The client's number for a place of the changelog, and for its end. Never 0. */
uint64_t changes_number(const struct head *h, uint64_t at);
uint64_t changes_last(const struct head *h);
/* The place of a client's number. KODO_ENOTFOUND: what follows it is not known (any more). */
enum kodo_err changes_place(const struct head *h, uint64_t number, uint64_t *at) MUST_CHECK;

/* The nodes that match a query: what of it a client has been told. */
struct changes_told;
enum kodo_err changes_told_new(
    struct view *v, struct query *q, struct changes_told **out) MUST_CHECK;
void changes_told_free(struct changes_told *told); /* NULL is fine */

struct changes_query {
	uint64_t behind;	/* a place in the changelog; 0: the begin, without what is gone */
	size_t limit;		/* of nodes, >= 1 */
	uint64_t look_max;	/* entries to look at; 0: as many as an answer may */
	struct query *q;	/* a node counts as seen if one of its flows matches */
	const struct changes_told *told;	/* NULL: every node may have been told */
};

struct changes_item {
	uint64_t at;
	uint32_t node;
	bool is_seen;
	struct statement said;	/* seen: the winner; gone: bytes is the node's url. In the map */
	uint32_t *flows;	/* those that match; NULL: all */
	size_t n_flows;
};

struct changes {
	uint64_t at;		/* the place to go on from */
	bool is_more;
	const struct changes_item *items;
	size_t n;
};

/* In a. KODO_ETOOBIG: the query's step budget is used up. */
enum kodo_err changes_find(struct view *v, struct arena *a, const struct changes_query *cq,
    struct changes *out) MUST_CHECK;

/* Put the answer to since into out, and call sink_end. */
enum kodo_err changes_put(struct view *v, struct arena *a, uint64_t since,
    const struct changes *found, struct sink *out) MUST_CHECK;

#endif
