/*
 * What peers say of nodes, and who is believed: taking in statements, removals and tombstones,
 * inside an edit.
 *
 * The rule (DESIGN.md, "Versions, removals, what travels", "Who wins a node url"; its argument is
 * in HACKING.md): of a node url, the own node wins; else the higher version, tombstones included;
 * at equal versions a tombstone, then the bytewise greater text, then who was there first;
 * statements without a version lose to any version, and among themselves the provider that
 * connected first wins. What an original says of another's node gets a version here, low enough
 * that any owner's is over it.
 *
 * Every call that changes what is seen moves the records, keeps the default order and the total,
 * notes the view as changed and puts what others must learn into the outbox.
 */
#ifndef KODO_CLAIM_H
#define KODO_CLAIM_H

#include "edit.h"
#include "known.h"

/*
 * Peer p (PEER_SELF's record for the own node) says this of a node.
 *
 * version	0: none was given. A word of the owner's side (settle_is_authority) is raised
 *		over what is known.
 * renumber	give it a new place at the end of p's list even if it has one (pieces, see
 *		registry_connect).
 * node		its id, for the list of named ones. Texts in key and bytes are copied into the
 *		store.
 * changed	what p says was changed (not: what is seen).
 */
enum kodo_err claim_take(struct edit *e, struct peer *p, struct str key, struct str bytes,
    uint64_t version, bool renumber, uint32_t *node, bool *changed) MUST_CHECK;

/* Peer p says that the node is gone, by a tombstone of that version. */
enum kodo_err claim_take_gone(
    struct edit *e, struct peer *p, struct str url, struct str key, uint64_t version) MUST_CHECK;

/*
 * Peer p does not say anything of the node any more: it left the node out, disconnected it, or went
 * away itself.
 */
enum kodo_err claim_drop(struct edit *e, struct peer *p, uint32_t node) MUST_CHECK;

/* All that p says, and its place among the providers. Its flags lose PEER_PROVIDER. */
enum kodo_err claim_drop_all(struct edit *e, struct peer *p) MUST_CHECK;

/* Tombstones older than before_us are forgotten, and urls of which nothing is known. */
enum kodo_err claim_expire(struct edit *e, int64_t before_us) MUST_CHECK;

#endif
