/*
 * Conflict resolution with the store around it (rules.h): load what is known of a node, once; apply
 * a word; write the difference; carry out what follows.
 */
#ifndef KODO_RESOLVE_H
#define KODO_RESOLVE_H

#include "core/merge/change.h"
#include "core/merge/rules.h"

/*
 * Peer p (PEER_SELF's record for the own node; NULL with RULES_EXPIRES) says w of the node with
 * that url key.
 *
 * renumber	give its statement a new place at the end of p's list even if it has one.
 *
 * A node of which nothing is known any more gives its id back.
 */
enum kodo_err resolve_word(struct change *ch, struct peer *p, uint32_t node, struct str key,
    const struct rules_word *w, bool renumber) MUST_CHECK;

/*
 * Nobody says anything, but what is denied or hidden has changed: the winner goes where it belongs,
 * and subscribers learn of it.
 */
enum kodo_err resolve_judge(struct change *ch, uint32_t node, struct str key) MUST_CHECK;

#endif
