/*
 * Why a node is seen as it is, or not at all: who says what of it, whose word wins, who still has
 * to be told.
 */
#ifndef KODO_ORIGIN_H
#define KODO_ORIGIN_H

#include "core/registry/registry.h"

struct origin_claim {
	struct str peer;		/* url of who says it; the own url for the own node */
	struct str organization;	/* of that peer, null: none */
	bool wins;
	const char *why;		/* it wins, or is hidden; static */
	uint64_t version;		/* 0: none */
	int64_t at_us;			/* when it was taken in */
	uint64_t n_flows;
};

/* A peer that does not take the node as it is now. */
struct origin_refusal {
	struct str peer;
	struct str why;
};

struct origin {
	struct str url;			/* of the node */
	bool is_seen;
	bool is_gone;			/* a removal is remembered */
	uint64_t gone_version;
	int64_t gone_us;
	struct origin_claim *claims;	/* the winner first */
	size_t n_claims;
	struct str *untold;		/* urls of peers that must still learn about it */
	size_t n_untold;
	struct origin_refusal *refusals;
	size_t n_refusals;
};

/*
 * url: of a node, or of one of its flows. All of it lives in a. KODO_ENOTFOUND: nothing is known of
 * it; KODO_EINVAL: it is no url.
 */
enum kodo_err view_origin(
    struct view *v, struct arena *a, struct str url, struct origin *out) MUST_CHECK;

#endif
