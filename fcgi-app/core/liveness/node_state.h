/*
 * Signs of life of nodes, as far as they are not fresh: what peers tell of those that they feed
 * (T_TOLD), and what is shown of each and passed on (T_LIVENESS). See liveness.h for the values.
 */
#ifndef KODO_NODE_STATE_H
#define KODO_NODE_STATE_H

#include "core/records/record.h"

struct node_state {
	int64_t since_us;
	/*
	 * The entry of the changelog that tells it alone, and the last one before that tells what
	 * the node is; 0: none.
	 */
	uint64_t at, content_at;
};

/* A node of which nothing is stored is fresh. */
enum kodo_err node_state_get(struct txn *t, uint32_t node, struct node_state *out) MUST_CHECK;
enum kodo_err node_state_put(struct txn *t, uint32_t node, const struct node_state *s) MUST_CHECK;

/* Of all nodes that are not fresh, or were not. */
struct scan node_state_scan(struct txn *t) MUST_CHECK;
bool node_state_next(struct scan *s, uint32_t *node, int64_t *since_us) MUST_CHECK;

/* By a peer; 0 where nothing is stored. */
enum kodo_err node_told_get(
    struct txn *t, uint32_t peer, uint32_t node, int64_t *since_us) MUST_CHECK;
enum kodo_err node_told_put(
    struct txn *t, uint32_t peer, uint32_t node, int64_t since_us) MUST_CHECK;

#endif
