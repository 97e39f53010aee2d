/*
 * The log of changes: of each node the number of its last change, and nothing else. Changing a node
 * again moves its entry to the end, so that the log is as long as there are nodes and tombstones.
 * Whoever has read it up to a number learns what is new behind that number, and the state that
 * holds when it is read.
 */
#ifndef KODO_CHANGELOG_H
#define KODO_CHANGELOG_H

#include "core/records/head.h"

struct changelog_entry {
	uint64_t at; /* rises from entry to entry; drawn from head.state */
	uint32_t node;
	/* the peer that caused the change and need not learn of it; PEER_SELF: none */
	uint32_t skip;
};

/* what peers that contest a node cause at most once in that time */
#define CHANGELOG_HOLD_US	5000000ll
/* as often its changes may come from another peer than the last one; two ways make one or two */
#define CHANGELOG_TURNS		4u

/*
 * The node was changed: its entry goes to the end. head.state and head.logged are raised. *is_hot:
 * several peers changed it in turns within CHANGELOG_HOLD_US.
 */
enum kodo_err changelog_put(struct txn *t, struct head *h, uint32_t node, uint32_t skip,
    int64_t now_us, bool *is_hot) MUST_CHECK;
/* Nothing is known of the node any more. head.log_floor is raised to what its entry was. */
enum kodo_err changelog_del(struct txn *t, struct head *h, uint32_t node) MUST_CHECK;

/* What T_CHANGED has of a node, for `kodo check`. */
#define CHANGELOG_LAST_BYTES	20u

/* Scan for changelog_next: the entries behind a number. */
struct scan changelog_scan(struct txn *t, uint64_t behind) MUST_CHECK;
/* The last one first. */
struct scan changelog_scan_back(struct txn *t) MUST_CHECK;
bool changelog_next(struct scan *s, struct changelog_entry *out) MUST_CHECK;

/* That of a node. KODO_ENOTFOUND. */
enum kodo_err changelog_get(struct txn *t, uint32_t node, struct changelog_entry *out) MUST_CHECK;

/* For `kodo check`: does each entry of one table have its counterpart in the other? *n: entries. */
enum kodo_err changelog_check(struct txn *t, uint64_t *n) MUST_CHECK;

#endif
