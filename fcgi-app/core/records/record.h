/*
 * Statements, and the ids of nodes.
 *
 * A *statement* is what one provider says of one node. Per node url (node id) the winning statement
 * lies in T_NODE, the others in T_SHADOW beside the tombstone, if there is one. The own node is the
 * statement of PEER_SELF.
 */
#ifndef KODO_RECORD_H
#define KODO_RECORD_H

#include "core/flow/packed.h"
#include "core/records/head.h"

#define PEER_SELF	0u		/* whose statement the own node is */
#define PEER_TOMB	UINT32_MAX	/* in T_SHADOW: the tombstone of a node */

/*
 * Versions below were made by a registry for what a legacy peer relayed, and count seconds; others
 * count microseconds and are over each of them.
 */
#define VERSION_RELAYED_END 1000000000000ull

struct statement {
	uint64_t version;	/* 0: none */
	uint64_t order;		/* place in its provider's list, in T_STATED */
	int64_t at_us;		/* when it was taken in */
	uint32_t peer;		/* whose */
	struct str bytes;	/* packed; of a tombstone: the node's shown url */
};

/* Points into value. */
enum kodo_err statement_read(struct str value, struct statement *out) MUST_CHECK;
enum kodo_err statement_put(
    struct txn *t, enum store_table table, struct str key, const struct statement *s) MUST_CHECK;

/* --- node ids --- */

/* KODO_ENOTFOUND */
enum kodo_err node_find(struct txn *t, struct str key, uint32_t *id) MUST_CHECK;
/* finds or makes */
enum kodo_err node_make(struct txn *t, struct head *h, struct str key, uint32_t *id) MUST_CHECK;
/* when nothing is said of it any more */
enum kodo_err node_forget(struct txn *t, struct str key) MUST_CHECK;

#endif
