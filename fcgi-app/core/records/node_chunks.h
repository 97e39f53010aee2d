/*
 * Nodes that come in chunks (wire.h): what there is so far of the one that a peer sends. On disk,
 * in T_NODE_CHUNK, so that any process goes on with the next chunk; one node per peer, at most
 * LIMIT_NODE_BYTES of it, so that nobody can make the state grow.
 *
 * There is no statement until the node is complete. Afterwards the id alone is left, for the answer
 * to a last chunk that is repeated.
 */
#ifndef KODO_NODE_CHUNKS_H
#define KODO_NODE_CHUNKS_H

#include "core/storage/store.h"
#include "core/wire/wire.h"

struct node_chunks {
	struct str id;	/* these two point into the map */
	struct str key; /* of the node's url */
	uint32_t has;	/* flows that are there; of: all of them, and it was passed on */
	uint32_t of;
	uint64_t bytes; /* packed; over LIMIT_NODE_BYTES: nothing is kept of it */
};

/* KODO_ENOTFOUND: the peer sends none. */
enum kodo_err node_chunks_get(struct txn *t, uint32_t peer, struct node_chunks *out) MUST_CHECK;

/*
 * Take a body with a chunk, if it fits what is there. whole (empty, the caller frees) gets the
 * packed node if that is complete now.
 */
enum kodo_err node_chunks_take(struct txn *t, struct arena *a, uint32_t peer,
    const struct wire_body *b, struct buf *whole) MUST_CHECK;

/*
 * After a body without a chunk: forget a node that came whole now, and one that was complete, for
 * it may have changed since.
 */
enum kodo_err node_chunks_pass(struct txn *t, uint32_t peer, const struct wire_body *b) MUST_CHECK;

enum kodo_err node_chunks_drop(struct txn *t, uint32_t peer) MUST_CHECK;

/* For `kodo check`: walk T_NODE_CHUNK. wrong: what is the matter with the record of peer. */
enum kodo_err node_chunks_check(
    struct txn *t, void (*wrong)(void *arg, uint32_t peer, const char *what), void *arg) MUST_CHECK;

#endif
