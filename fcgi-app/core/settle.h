/*
 * Inside of claim.c: who is believed about a node, the records that follow from it, and who is to
 * learn about a change. All of it happens inside an edit.
 */
#ifndef KODO_SETTLE_H
#define KODO_SETTLE_H

#include "claim.h"

/*
 * Peer says now (NULL: nothing) of the node: find who is believed, move the records, and tell
 * others what changed. skip: who need not be told of a disappearance, because it told us.
 */
enum kodo_err settle_peer(struct edit *e, uint32_t node, uint32_t peer, const struct statement *now,
    uint32_t skip) MUST_CHECK;

/*
 * What is seen of the node became another (seen: its bytes, or null): tell listeners but skip, and
 * ask those who say something else and are not told.
 */
enum kodo_err settle_tell(
    struct edit *e, uint32_t node, struct str seen, uint32_t skip) MUST_CHECK;

/*
 * Somebody spoke of our own node with that version: raise ours over it unless ours is higher, or,
 * where we offer no flows, our tombstone.
 */
enum kodo_err settle_own_defend(
    struct edit *e, uint32_t node, struct str url, uint64_t version) MUST_CHECK;

/* Put, or take away, a record of T_SHADOW; see record.h. */
enum kodo_err settle_tomb_put(struct edit *e, uint32_t node, uint32_t peer, struct str url,
    uint64_t version) MUST_CHECK;
enum kodo_err settle_shadow_del(struct edit *e, uint32_t node, uint32_t peer) MUST_CHECK;

/* A node of which nothing is said or known any more gives its id back. */
enum kodo_err settle_tidy(struct edit *e, uint32_t node, struct str key) MUST_CHECK;

/* Does p speak for the owner of the node with that key? */
bool settle_is_authority(const struct peer *p, struct str key);

/* Does p pass on whatever it hears, without versions? */
bool settle_is_echoing(const struct peer *p);

/* The version under which a word of the owner's side is taken in. */
uint64_t settle_stamp(
    const struct edit *e, const struct known *kn, struct str bytes, uint64_t version);

/* The same for the word of an original; prev: what it said before, NULL for nothing. */
uint64_t settle_hearsay(const struct edit *e, const struct known *kn, const struct statement *prev,
    struct str bytes);

#endif
