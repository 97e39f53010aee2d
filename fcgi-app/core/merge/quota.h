/*
 * Quotas: what one client, and all whom nobody vouches for, may make of peers here. Each is an
 * option, 0 for none.
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

#endif
