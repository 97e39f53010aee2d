/*
 * Quotas: how many peers one client, and all whom nobody vouches for, may make here, and how much a
 * peer may hold. Each is an option, 0 for none. And the reserve of the map (store_room).
 */
#ifndef KODO_QUOTA_H
#define KODO_QUOTA_H

#include "core/merge/change.h"

/* Why somebody may not become a provider. */
struct quota_refusal {
	struct why why;		/* empty: it may */
	bool is_full;		/* for want of room, not of a right */
};

/*
 * May p, which is none yet, become a provider by a connect from that address (16 bytes, or null)?
 * KODO_ETOOBIG: no, and out says why. Targets always may.
 */
enum kodo_err quota_provider(struct change *ch, const struct peer *p, struct str address,
    struct quota_refusal *out) MUST_CHECK;

/*
 * out is b without the nodes that p may not hold: over a quota, or new ones when the map is nearly
 * full. They are added to ch->left_out. is_whole: b is its whole list. Quotas are not for targets.
 */
enum kodo_err quota_cut(struct change *ch, const struct peer *p, const struct wire_body *b,
    bool is_whole, struct wire_body *out) MUST_CHECK;

#endif
