/*
 * Statements of peers, taken in and dropped inside a change. Which of them wins, and what follows,
 * is decided in rules.h.
 */
#ifndef KODO_STATEMENT_H
#define KODO_STATEMENT_H

#include "core/merge/change.h"

/*
 * Peer p (PEER_SELF's record for the own node) says this of a node.
 *
 * version	0: none was given.
 * renumber	give it a new place at the end of p's list even if it has one (list chunks, see
 *		ingest.h).
 * node		its id; 0: to be found or made, and set.
 */
enum kodo_err statement_take(struct change *ch, struct peer *p, struct str key, struct str bytes,
    uint64_t version, bool renumber, uint32_t *node) MUST_CHECK;

/* Peer p says that the node is gone, by a tombstone of that version. */
enum kodo_err statement_take_gone(struct change *ch, struct peer *p, struct str url,
    struct str key, uint64_t version) MUST_CHECK;
/* The owner, or PEER_SELF for what is ours, says that its node has ended: over what is known. */
enum kodo_err statement_take_end(struct change *ch, uint32_t peer, struct str url, struct str key,
    uint64_t known) MUST_CHECK;

/*
 * Peer p does not say anything of the node any more: it left the node out, disconnected it, or went
 * away itself.
 */
enum kodo_err statement_drop(struct change *ch, struct peer *p, uint32_t node) MUST_CHECK;

/* All that p says, and its place among the providers. Its flags lose PEER_PROVIDER. */
enum kodo_err statement_drop_all(struct change *ch, struct peer *p) MUST_CHECK;

/*
 * Tombstones that are wanted are forgotten, and urls of which nothing is known; what they hid is
 * seen again. *n: how many.
 */
enum kodo_err statement_forget(struct change *ch,
    bool (*is_wanted)(void *arg, const struct statement *tomb), void *arg, size_t *n) MUST_CHECK;
/* The same of those older than before_us. */
enum kodo_err statement_expire(struct change *ch, int64_t before_us) MUST_CHECK;

/*
 * The clock is right, a peer says so: versions that are more than LIMIT_VERSION_AHEAD_US ahead, and
 * with which no peer takes anything, get versions of today (RULES_RESETS). Costs a comparison where
 * there is none.
 */
enum kodo_err statement_reset_ahead(struct change *ch) MUST_CHECK;

#endif
