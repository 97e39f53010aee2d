/*
 * The one pass over all flows that are shown: search, facets and counts are its callers.
 */
#ifndef KODO_FLOWS_EACH_H
#define KODO_FLOWS_EACH_H

#include "core/query/query.h"
#include "core/records/record.h"
#include "core/registry/registry.h"
#include "core/views/node_liveness.h"
#include "core/views/node_source.h"

/* A shown node, opened. Its texts point into the map and are valid while the view is. */
struct flows_node {
	uint32_t id;
	struct packed p;
	int64_t created_us, modified_us;	/* of its provider; 0 if not asked for */
	struct node_liveness liveness;			/* the same */
	int64_t changed_us;
	struct str probes;	/* probe/probe.h; null if not asked for */
	struct str registry;	/* node_source.h; the same */
};

struct flows_each {
	struct view *v;
	struct query *q;	/* NULL: every flow matches */
	unsigned fields;	/* fields of nodes that the callbacks read, beside those of q */
	void *arg;		/* the caller's */

	/* Called for each flow that matches, node by node. An error ends the pass. */
	enum kodo_err (*each)(struct flows_each *e, const struct flows_node *n, uint32_t flow);
	/*
	 * Shortcuts, NULL for none: is each not to be called for all flows of a node, or for one of
	 * which nothing but the folded text was read? They match, and are counted.
	 */
	bool (*skip_node)(struct flows_each *e, const struct flows_node *n);
	bool (*skip_flow)(struct flows_each *e, const struct flows_node *n, uint32_t flow);

	struct arena *scratch;	/* for the callbacks, reset after each node */
	uint64_t n_matches;	/* after the pass: each was called for, or a shortcut taken */
	bool index_is_old;	/* after the pass: see word_index.h */
	uint64_t looked_at;	/* after the pass: flows that neither node nor needle rule out */
};

/* KODO_ETOOBIG: the query's step budget is used up. Errors of each are returned as they are. */
enum kodo_err flows_each(struct flows_each *e) MUST_CHECK;

/*
 * The same for a single node; scratch is the caller's, and the counts go on.
 */
enum kodo_err flows_each_node(
    struct flows_each *e, uint32_t id, const struct statement *s) MUST_CHECK;

/* fields: of QUERY_NODE_FIELDS, those that will be read. KODO_ECORRUPT. */
enum kodo_err flows_node_open(struct view *v, uint32_t id, const struct statement *s,
    unsigned fields, struct flows_node *out) MUST_CHECK;

/*
 * A flow as the query sees it: the fields of its node, and those of its own in the mask fields,
 * decoded into a. KODO_ECORRUPT, KODO_ENOMEM.
 */
enum kodo_err flows_row(struct arena *a, const struct flows_node *n, uint32_t flow,
    unsigned fields, struct row *out) MUST_CHECK;

#endif
