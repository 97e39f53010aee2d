/*
 * Signs of life of a node, as they are shown.
 */
#ifndef KODO_NODE_LIVENESS_H
#define KODO_NODE_LIVENESS_H

#include "core/registry/registry.h"

struct node_liveness {
	struct str state;	/* static: "fresh", "silent", "lost", "unknown" */
	/*
	 * The last sign of life: of its owner, where that is connected here or silent, else of the
	 * peer that feeds it; 0: none.
	 */
	int64_t heard_us;
	int64_t silent_us;	/* the same of one that is silent or lost; 0: it is not */
};

/* peer: whose statement wins. */
enum kodo_err node_liveness_get(
    struct view *v, uint32_t node, uint32_t peer, struct node_liveness *out) MUST_CHECK;

/*
 * What is known of whether its flows answer (probe/probe.h); null: nothing, or it is silent, and so
 * are they.
 */
enum kodo_err node_probes_get(struct view *v, uint32_t node, struct str *out) MUST_CHECK;

/* The nodes that are silent or lost; valid while the view is. */
struct silent_nodes {
	struct str ids;		/* empty: there are none */
};
enum kodo_err node_liveness_silent(struct view *v, struct silent_nodes *out) MUST_CHECK;
bool silent_nodes_has(const struct silent_nodes *s, uint32_t node);

#endif
