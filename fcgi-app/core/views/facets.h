/*
 * Matching flows by what they may be narrowed to: organizations, tags, states of their nodes,
 * registries.
 */
#ifndef KODO_FACETS_H
#define KODO_FACETS_H

#include "core/query/query.h"
#include "core/registry/registry.h"

#define FACETS_MAX	40u	/* of each kind: a list beside a page */

enum facet_kind { FACET_ORGANIZATION, FACET_TAG, FACET_STATE, FACET_REGISTRY, FACET_KINDS };

struct facet {
	struct str text;
	uint64_t flows;
};

/* The largest of each kind, by number of flows, then by text. */
struct facets {
	struct facet_list {
		struct facet top[FACETS_MAX];
		size_t n;
		uint64_t n_all;		/* shown or not */
	} of[FACET_KINDS];
};

/* The parameter of /flows that narrows to one of a kind; static. */
const char *facet_name(enum facet_kind kind);

/* Over the flows that match q. Texts live in a. KODO_ETOOBIG: q's step budget is used up. */
enum kodo_err facets_count(
    struct view *v, struct arena *a, struct query *q, struct facets *out) MUST_CHECK;

/* JSON: {"organization":{"X":12},"tag":{..},"state":{..},"registry":{..}} */
void facets_put(struct buf *out, const struct facets *f);

#endif
