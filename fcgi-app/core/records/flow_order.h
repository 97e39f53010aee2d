/*
 * The default order of all visible flows, by (name, item url), as a counted list of blocks in
 * T_ORDER: a directory of (block id, count), and blocks of at most FLOW_ORDER_BLOCK_BYTES of
 * entries (node id, flow number, start of the name). A page at any depth costs one walk over the
 * directory's counts and the entries of a block or two.
 *
 * Changes are collected, and merged into the blocks by flow_order_save, sorted: each block that is
 * concerned is read and written once. What the order of two rows needs beyond the starts of their
 * names is read from T_NODE; so at flow_order_save the records of all rows that stay or were added
 * must be in place.
 */
#ifndef KODO_FLOW_ORDER_H
#define KODO_FLOW_ORDER_H

#include "core/records/record.h"

/* Two overflow pages of LMDB, less the header of the first: one write to the disk. */
#define FLOW_ORDER_BLOCK_BYTES	8176u

struct flow_order_entry {
	uint32_t node;
	uint32_t flow;
};

struct flow_order_slot {
	uint32_t block;
	uint32_t count;
};

struct flow_order_row;

/* The changes of one transaction. Zero-initialised means none. */
struct flow_order {
	struct flow_order_row *rows;	/* in the order in which they were made */
	size_t n, cap;
	struct arena *a;		/* their texts */
};

/*
 * Rows of a node go, or come: the flows with those numbers of the node packed in bytes. The texts
 * are copied. KODO_ECORRUPT: there is no such flow.
 */
enum kodo_err flow_order_remove(struct flow_order *ix, uint32_t node, struct str bytes,
    const uint32_t *flows, size_t n) MUST_CHECK;
enum kodo_err flow_order_add(struct flow_order *ix, uint32_t node, struct str bytes,
    const uint32_t *flows, size_t n) MUST_CHECK;

/*
 * Write what was collected; then nothing is. KODO_ECORRUPT: a row that goes is not there, or one
 * that comes is.
 */
enum kodo_err flow_order_save(struct txn *t, struct head *h, struct flow_order *ix) MUST_CHECK;
void flow_order_free(struct flow_order *ix);

/* Entries skip .. skip + take - 1, fewer at the end; in a. */
enum kodo_err flow_order_page(struct txn *t, struct arena *a, uint64_t skip, uint64_t take,
    const struct flow_order_entry **out, size_t *n) MUST_CHECK;

/*
 * The place of the first entry that is behind something, as all that follow it are and none before
 * it; where there is none, how many entries there are. What is read is in a.
 */
enum kodo_err flow_order_find(struct txn *t, struct arena *a,
    enum kodo_err (*is_behind)(void *arg, struct flow_order_entry at, bool *out), void *arg,
    uint64_t *place) MUST_CHECK;

/*
 * Walk everything: is it in order, does each entry have its flow and the start of its name, do the
 * counts agree? *n: entries. KODO_ECORRUPT with why.
 */
enum kodo_err flow_order_check(struct txn *t, uint64_t *n, struct why *why) MUST_CHECK;

#endif
