/*
 * One flow as its page shows it: what it is, where it is called, where it comes from.
 */
#ifndef KODO_ITEM_H
#define KODO_ITEM_H

#include "core/import/imported.h"
#include "core/query/row.h"
#include "core/views/provenance.h"

struct item {
	struct row row;		/* all its fields */
	struct str node;	/* url */
	struct str audience;	/* what a token for the node must name; null: not known */
	bool is_own;		/* of this service */
	/* whose word it is; peer null: of one that moderation keeps from view */
	struct provenance_statement from;
	size_t n_others;	/* that state the node as well */
	struct imported imported;	/* source null: it was not, here */
};

/*
 * The flow that is shown under that url, that of an item of /flows; in a and the map, valid while
 * the view is. KODO_ENOTFOUND.
 */
enum kodo_err item_find(
    struct view *v, struct arena *a, struct str url, struct item *out) MUST_CHECK;

/* The same of the own flow that /flows/<path>?<query> leads to: see search_own_flow. */
enum kodo_err item_find_own(struct view *v, struct arena *a, struct str path, struct str query,
    struct item *out) MUST_CHECK;

/* A registry that lists what is shown here. */
struct item_registry {
	struct str url;
	int64_t since_us;	/* of the last connect that it acknowledged; 0: it is this one */
};

/* This service where it is one, and its targets that acknowledged a connect; in a. */
enum kodo_err item_registries(struct view *v, struct arena *a, struct item_registry **out,
    size_t *n) MUST_CHECK;

#endif
