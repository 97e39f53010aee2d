/*
 * Matching flows per organization and tag, by which a page offers to narrow a search.
 */
#ifndef KODO_FACETS_H
#define KODO_FACETS_H

#include "core/query/query.h"
#include "core/registry/registry.h"

#define FACETS_MAX	12u	/* of each kind: the room beside a list */

struct facet {
	struct str text;
	uint64_t flows;
};

/* The largest of each kind, by number of flows, then by text. */
struct facets {
	struct facet organizations[FACETS_MAX], tags[FACETS_MAX];
	size_t n_organizations, n_tags;
	uint64_t all_organizations, all_tags;	/* their numbers, shown or not */
};

/* Over the flows that match q. Texts live in a. KODO_ETOOBIG: q's step budget is used up. */
enum kodo_err facets_count(
    struct view *v, struct arena *a, struct query *q, struct facets *out) MUST_CHECK;

#endif
