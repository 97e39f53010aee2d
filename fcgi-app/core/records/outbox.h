/*
 * What a peer must learn beside the changelog (T_OUT): nodes of which its own statement does not
 * win, and what had no room in an answer. An entry says that the node is wanted and as of which
 * state number, never what is to be sent.
 *
 * An entry may be paused: the peer refuses this node, alone or in chunks. It stays, with the reason
 * in words, so that it can be shown; it is no work. A change of the node (change_notify) or a
 * connect of either side makes it an entry like others again.
 */
#ifndef KODO_OUTBOX_H
#define KODO_OUTBOX_H

#include "core/storage/store.h"

struct outbox_entry {
	uint32_t peer;
	uint32_t node;
	uint64_t gen;	/* state number at which it was wanted */
	struct str why; /* why it is paused; null: it is not. Points into the map */
};

/* That of the node. KODO_ENOTFOUND. */
enum kodo_err outbox_get(
    struct txn *t, uint32_t peer, uint32_t node, struct outbox_entry *out) MUST_CHECK;

/* The peer must learn of the node, as of state number gen; an entry that is paused is no longer. */
enum kodo_err outbox_put(
    struct txn *t, uint32_t peer, uint32_t node, uint64_t gen) MUST_CHECK;

/*
 * Scans for outbox_next: the entries of a peer, from a node on; those of all peers. KODO_ECORRUPT.
 * outbox_first: the first of them, where the table is changed meanwhile. KODO_ENOTFOUND.
 */
struct scan outbox_scan(struct txn *t, uint32_t peer, uint32_t node) MUST_CHECK;
struct scan outbox_scan_all(struct txn *t) MUST_CHECK;
bool outbox_next(struct txn *t, struct scan *s, struct outbox_entry *out) MUST_CHECK;
enum kodo_err outbox_first(
    struct txn *t, uint32_t peer, uint32_t node, struct outbox_entry *out) MUST_CHECK;

/* All of a peer's entries go, paused ones too. */
enum kodo_err outbox_clear(struct txn *t, uint32_t peer) MUST_CHECK;

/* The node was delivered as of state number gen: the entry goes, unless it is newer. */
enum kodo_err outbox_delivered(
    struct txn *t, uint32_t peer, uint32_t node, uint64_t gen) MUST_CHECK;

/* The peer refused the node as of gen: a paused entry, unless there is a newer one. */
enum kodo_err outbox_pause(
    struct txn *t, uint32_t peer, uint32_t node, uint64_t gen, struct str why) MUST_CHECK;

/*
 * Is there an entry that is not paused? Is there one that is (NULL: not asked, which spares a walk
 * over all)?
 */
enum kodo_err outbox_has(struct txn *t, uint32_t peer, bool *to_notify, bool *paused) MUST_CHECK;

#endif
