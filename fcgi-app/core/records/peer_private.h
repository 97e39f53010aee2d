/*
 * Between peer.c (the record) and peer_filing.c (where it is filed: T_DUE, T_BEHIND, the tally).
 * Only for peer*.c.
 */
#ifndef KODO_PEER_PRIVATE_H
#define KODO_PEER_PRIVATE_H

#include "core/records/peer.h"

/* How p is filed now, for peer_index. */
void peer_remember_due(struct peer *p);

/* Move p to where it belongs now, from where it was at peer_remember_due. gone: to nowhere. */
enum kodo_err peer_index(struct txn *t, struct peer *p, bool gone) MUST_CHECK;

#endif
