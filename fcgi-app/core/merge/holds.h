/*
 * What a peer holds here: the nodes that it states, their flows and bytes, counted as they come and
 * go.
 */
#ifndef KODO_HOLDS_H
#define KODO_HOLDS_H

#include "core/records/peer.h"
#include "core/records/record.h"

/* p (NULL: nobody) holds now (NULL: nothing) in place of before (peer PEER_TOMB: nothing). */
void holds_move(struct peer *p, const struct statement *before, const struct statement *now);

#endif
