/*
 * Statements, and the ids of nodes.
 *
 * A *statement* is what one provider says of one node. Per node url (node id) the winning statement
 * lies in T_NODE, or, where moderation says so, in T_HIDDEN or T_DENIED; the others in T_SHADOW
 * beside the tombstone, if there is one. The own node is the statement of PEER_SELF. T_STATED holds
 * the nodes of each provider in its order.
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
	uint32_t peer;		/* whose; of a tombstone: from whom it came */
	struct str bytes;	/* packed; of a tombstone: the node's shown url */
};

/* A stored statement as scans find it. */
struct record {
	uint32_t node;
	bool is_tomb;
	struct statement said;	/* bytes point into the map */
};

/* What becomes of the winning statement of a node; each has a table of its own. */
enum verdict {
	VERDICT_SHOWN,	/* shown and passed on */
	VERDICT_HIDDEN, /* passed on, not shown */
	VERDICT_DENIED, /* kept, neither shown nor passed on */
	VERDICTS
};

/* The winner of a node, and what becomes of it. KODO_ENOTFOUND. */
enum kodo_err record_get_winner(
    struct txn *t, uint32_t node, struct statement *out, enum verdict *verdict) MUST_CHECK;
enum kodo_err record_put_winner(struct txn *t, uint32_t node, enum verdict verdict,
    const struct statement *s) MUST_CHECK;
enum kodo_err record_del_winner(
    struct txn *t, uint32_t node, enum verdict verdict) MUST_CHECK;

/* The winner of a node that is shown. KODO_ENOTFOUND. */
enum kodo_err record_get_seen(struct txn *t, uint32_t node, struct statement *out) MUST_CHECK;

/* What a peer says that is not seen, or the tombstone (peer PEER_TOMB) (T_SHADOW). */
enum kodo_err record_get_shadow(
    struct txn *t, uint32_t node, uint32_t peer, struct statement *out) MUST_CHECK;
enum kodo_err record_put_shadow(
    struct txn *t, uint32_t node, uint32_t peer, const struct statement *s) MUST_CHECK;
enum kodo_err record_del_shadow(struct txn *t, uint32_t node, uint32_t peer) MUST_CHECK;

/*
 * Scans for record_next: all that is shown; all winners of a verdict, from a node on; the shadows
 * of a node; those of all nodes from one on.
 */
struct scan record_scan_seen(struct txn *t) MUST_CHECK;
struct scan record_scan_winners(
    struct txn *t, enum verdict verdict, uint32_t node) MUST_CHECK;
struct scan record_scan_shadows(struct txn *t, uint32_t node) MUST_CHECK;
struct scan record_scan_shadows_from(struct txn *t, uint32_t node) MUST_CHECK;
bool record_next(struct scan *s, struct record *out) MUST_CHECK;
/* An entry of such a scan. KODO_ECORRUPT. */
enum kodo_err record_read(struct str k, struct str v, struct record *out) MUST_CHECK;

/* The places of a provider's nodes (T_STATED). */
struct place {
	uint64_t order;
	uint32_t node;
};
enum kodo_err place_put(
    struct txn *t, uint32_t peer, uint64_t order, uint32_t node) MUST_CHECK;
enum kodo_err place_del(struct txn *t, uint32_t peer, uint64_t order) MUST_CHECK;
struct scan place_scan(struct txn *t, uint32_t peer) MUST_CHECK;
struct scan place_scan_from(struct txn *t, uint32_t peer, uint64_t order) MUST_CHECK;
bool place_next(struct scan *s, struct place *out) MUST_CHECK;

/* --- node ids --- */

/* KODO_ENOTFOUND */
enum kodo_err node_find(struct txn *t, struct str key, uint32_t *id) MUST_CHECK;
/* finds or makes */
enum kodo_err node_make(struct txn *t, struct head *h, struct str key, uint32_t *id) MUST_CHECK;
/*
 * The same for many, in the order of the table: ids are made in the order of the keys. 0 for a key
 * that was among those before it.
 */
enum kodo_err node_make_all(struct txn *t, struct arena *a, struct head *h, const struct str *keys,
    size_t n, uint32_t *ids) MUST_CHECK;
/* when nothing is said of it any more */
enum kodo_err node_forget(struct txn *t, struct str key) MUST_CHECK;

#endif
