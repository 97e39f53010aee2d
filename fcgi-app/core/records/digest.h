/*
 * Digests of statements (anti-entropy): two peers compare them to find what one of both lacks.
 * A sum of hashes, so that the order of nodes does not matter.
 */
#ifndef KODO_DIGEST_H
#define KODO_DIGEST_H

#include "core/storage/store.h"

#define DIGEST_SIZE 17 /* 16 hex digits and a NUL */

/*
 * Of the nodes that the peer must have from here: what is passed on, did not come from it, and is
 * not paused for it; with their entries and audiences where it keeps these.
 */
enum kodo_err digest_notified(struct txn *t, struct arena *a, uint32_t peer, bool keeps_entries,
    char out[DIGEST_SIZE]) MUST_CHECK;

/*
 * Of the statements of the peer, whose url key that is: its own node only where it wins. It is not
 * told what others say of a denied node, so that its own word of that counts as it is.
 */
enum kodo_err digest_stated(struct txn *t, uint32_t peer, struct str key, bool is_subscriber,
    bool keeps_entries, char out[DIGEST_SIZE]) MUST_CHECK;

#endif
