/*
 * An organization as its page shows it: which nodes and authors its flows are of.
 */
#ifndef KODO_ORGANIZATION_H
#define KODO_ORGANIZATION_H

#include "core/registry/registry.h"

#define ORGANIZATION_NODES	100u	/* shown, of any number */
#define ORGANIZATION_AUTHORS	50u

struct organization_node {
	struct str url;
	uint64_t n_flows;
	struct str state;
	int64_t heard_us;
};

struct organization {
	struct organization_node nodes[ORGANIZATION_NODES];
	struct str authors[ORGANIZATION_AUTHORS];	/* each once, in the order of the nodes */
	size_t n_nodes, n_authors;
	uint64_t all_nodes, n_flows, n_silent;
	bool more_authors;
};

/*
 * What is shown of the organization with exactly that name; the texts are valid while the view is.
 * KODO_ENOTFOUND: it has no node.
 */
enum kodo_err organization_find(struct view *v, struct arena *a, struct str name,
    struct organization **out) MUST_CHECK;

#endif
