/*
 * Signs of life within a change: what follows for the nodes of a peer, and for what peers are told.
 * Who is connected to the owner knows; others are told of changes, by whom the node comes from.
 */
#ifndef KODO_ALIVE_H
#define KODO_ALIVE_H

#include "core/liveness/liveness.h"
#include "core/merge/change.h"

/* It has spoken, or answered. */
enum kodo_err alive_heard(struct change *ch, struct peer *p) MUST_CHECK;
/* It was asked in vain. */
enum kodo_err alive_missed(struct change *ch, struct peer *p) MUST_CHECK;
/* What p tells of signs of life of the nodes that it states. */
enum kodo_err alive_take(
    struct change *ch, const struct peer *p, const struct wire_body *b) MUST_CHECK;
/* Another statement of the node wins than before, or none. */
enum kodo_err alive_settle(struct change *ch, uint32_t node) MUST_CHECK;

#endif
