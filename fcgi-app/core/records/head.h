/*
 * The numbers of the state, kept in one record, and the other records of T_META: a name and bytes.
 */
#ifndef KODO_HEAD_H
#define KODO_HEAD_H

#include "core/storage/store.h"

struct head {
	/* rises with any change of what /flows, /counts and the nodes of /connect show */
	uint64_t view;
	uint64_t state;		/* rises with any change at all; with several, by more than one */
	uint64_t total;		/* flows seen */
	uint64_t state_id;	/* random, made with the state */
	uint64_t former;	/* epoch before this state was restored from a copy, 0: none */
	uint64_t restored_us;	/* when that was found out */
	int64_t started_us;
	uint64_t options_gen;	/* rises with startup_apply */
	uint64_t next_node, next_peer, next_order, next_block;
	uint64_t highest;	/* no version is over it */
	uint64_t logged;	/* the last entry of the changelog */
	uint64_t log_floor;	/* up to here entries were forgotten */
	/*
	 * subscribers are notified up to here; what lies behind is held back, because many contest
	 * it, until held_us at the latest
	 */
	uint64_t notified, held_us;
};

enum kodo_err head_get(struct txn *t, struct head *h) MUST_CHECK;
enum kodo_err head_put(struct txn *t, const struct head *h) MUST_CHECK;
/* What `kodo.life` says: the id, as far as a JSON number holds it. */
uint64_t head_epoch(const struct head *h);

/* KODO_ENOTFOUND. What is got points into the map. */
enum kodo_err meta_get(struct txn *t, const char *name, struct str *value) MUST_CHECK;
enum kodo_err meta_put(struct txn *t, const char *name, struct str value) MUST_CHECK;

#endif
