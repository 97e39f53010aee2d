/*
 * Digests of statements, which two peers compare to find out whether each has what the other told.
 * A sum of hashes, so that the order of nodes does not matter.
 */
#ifndef KODO_DIGEST_H
#define KODO_DIGEST_H

#include "core/storage/store.h"

#define DIGEST_SIZE 17 /* 16 hex digits and a NUL */

/*
 * Of the nodes that peer is told of: what is seen here, did not come from it, and is not among what
 * it does not take.
 */
enum kodo_err digest_notified(
    struct txn *t, struct arena *a, uint32_t peer, char out[DIGEST_SIZE]) MUST_CHECK;

/* Of the nodes that peer told us. */
enum kodo_err digest_stated(
    struct txn *t, uint32_t peer, char out[DIGEST_SIZE]) MUST_CHECK;

#endif
