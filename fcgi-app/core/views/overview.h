/*
 * What a registry holds, at a glance: for the page that visitors see first. Nothing of it costs a
 * pass over all flows at each request.
 *
 * The numbers and popular tags are of a moment: they are kept in a file of the state folder, and
 * made anew where it is of another view, or a minute old: at once where there are few flows, else
 * by whoever calls overview_renew, at most for a hundredth of the time. What was added or changed
 * last is read from the end of the changelog.
 */
#ifndef KODO_OVERVIEW_H
#define KODO_OVERVIEW_H

#include "core/registry/registry.h"
#include "core/views/facets.h"

#define OVERVIEW_RECENT	8u	/* nodes */
#define OVERVIEW_TAGS	12u
#define OVERVIEW_NAMES	3u	/* flows named of each */

struct overview_recent {
	struct str url, organization;	/* of the node; the latter null: none */
	struct str names[OVERVIEW_NAMES], urls[OVERVIEW_NAMES];	/* of its first flows */
	size_t n_names;
	uint32_t n_flows;
	int64_t changed_us;
};

struct overview {
	bool is_known;			/* else only recent is there */
	uint64_t flows, fresh;		/* all, and those of nodes that were heard in time */
	uint64_t organizations, all_tags;
	struct facet tags[OVERVIEW_TAGS];	/* the most frequent first */
	size_t n_tags;
	struct overview_recent recent[OVERVIEW_RECENT];	/* the last one first */
	size_t n_recent;
	bool is_old;			/* overview_renew has something to do */
};

/* Texts live in a, or in the map while the view is. */
enum kodo_err overview_get(struct view *v, struct arena *a, struct overview *out) MUST_CHECK;

/* Make the file anew. An error costs nothing but time. */
enum kodo_err overview_renew(struct view *v, struct arena *a) MUST_CHECK;

#endif
