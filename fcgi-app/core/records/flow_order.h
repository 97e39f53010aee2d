/*
 * The default order of all visible flows, by (name, item url), as a counted list of blocks in
 * T_ORDER: a directory of (block id, count), and blocks of at most FLOW_ORDER_BLOCK_MAX entries
 * (node id, flow number). A page at any depth costs one walk over the directory's counts and the
 * entries of the page; a changed flow costs one block (2 KB, so that LMDB keeps it inside a leaf
 * page) and the directory.
 *
 * The texts are not repeated in the entries: they are read from T_NODE. So an entry may be in the
 * list only while its node's record is in place: flow_order_remove before a record is changed,
 * flow_order_add after.
 */
#ifndef KODO_FLOW_ORDER_H
#define KODO_FLOW_ORDER_H

#include "core/records/record.h"

#define FLOW_ORDER_BLOCK_MAX	250u

struct flow_order_entry {
	uint32_t node;
	uint32_t flow;
};

struct flow_order_slot {
	uint32_t block;
	uint32_t count;
};

/* The directory during one transaction. Zero-initialised means not loaded yet. */
struct flow_order {
	struct flow_order_slot *slots;
	size_t n, cap;
	bool is_loaded, is_dirty;
};

/* All rows of a node's record, or some of them. rows: flow numbers, rearranged by the call. */
enum kodo_err flow_order_remove(struct txn *t, struct flow_order *ix, uint32_t node,
    struct str bytes, uint32_t *rows, size_t n) MUST_CHECK;
enum kodo_err flow_order_add(struct txn *t, struct head *h, struct flow_order *ix, uint32_t node,
    uint32_t *rows, size_t n) MUST_CHECK;

/* Write the directory back, if it was changed. */
enum kodo_err flow_order_save(struct txn *t, struct flow_order *ix) MUST_CHECK;
void flow_order_free(struct flow_order *ix);

/* Entries skip .. skip + take - 1, fewer at the end; in a. */
enum kodo_err flow_order_page(struct txn *t, struct arena *a, uint64_t skip, uint64_t take,
    const struct flow_order_entry **out, size_t *n) MUST_CHECK;

/*
 * Walk everything: is it in order, does each entry have its flow, do the counts agree? *n: entries.
 * KODO_ECORRUPT with why.
 */
enum kodo_err flow_order_check(struct txn *t, uint64_t *n, struct why *why) MUST_CHECK;

#endif
