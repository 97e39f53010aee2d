/*
 * What is known of a node: the winning statement, and the tombstone.
 */
#ifndef KODO_KNOWN_H
#define KODO_KNOWN_H

#include "core/records/record.h"

struct known {
	bool is_seen;		 /* there is a winner */
	struct statement winner; /* points into the map */
	enum verdict verdict;	 /* of the winner */
	bool is_gone;		 /* there is a tombstone (then nothing is seen but the own node) */
	struct statement tomb;	 /* bytes: the node's shown url */
	uint64_t version;	 /* the known version: the higher of both, 0: none */
};

enum kodo_err known_get(struct txn *t, uint32_t node, struct known *out) MUST_CHECK;

/* What peer says of a node. KODO_ENOTFOUND. Points into the map. */
enum kodo_err known_statement(
    struct txn *t, uint32_t node, uint32_t peer, struct statement *out) MUST_CHECK;

#endif
