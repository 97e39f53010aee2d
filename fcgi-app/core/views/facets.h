/*
 * How the flows that match a query spread over organizations and tags: what a page offers for
 * narrowing it.
 */
#ifndef KODO_FACETS_H
#define KODO_FACETS_H

#include "core/query/query.h"
#include "core/registry/registry.h"

#define FACETS_MAX	12u	/* of each kind: what has room beside a list */

struct facet {
	struct str text;
	uint64_t flows;
};

/* The largest of each kind, by number of flows, then by text. */
struct facets {
	struct facet organizations[FACETS_MAX], tags[FACETS_MAX];
	size_t n_organizations, n_tags;
	uint64_t all_organizations, all_tags;	/* how many there are, shown or not */
};

/*
 * One pass over the flows that match q (for an empty q: over all). Texts live in a. KODO_ETOOBIG:
 * the query's step budget is used up.
 */
enum kodo_err facets_count(
    struct view *v, struct arena *a, struct query *q, struct facets *out) MUST_CHECK;

#endif
