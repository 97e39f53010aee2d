/*
 * Moderation: which nodes are not to be shown, or not to be passed on either. The admin says so at
 * run time, by patterns; the list of them is one record of the state.
 *
 *	url:PREFIX		nodes, and peers with all that they state, at that url and below
 *	organization:NAME	nodes of that organization; a `*` at its begin or end stands for
 *				anything, letters are compared without case
 *	address:ADDRESS[/BITS]	what peers state that spoke from there or were reached there, as far
 *				as it is remembered (PIN_ADDRESSES)
 *
 * Of the entries that hit a node one decides: of the first kind of these that has one: the url of
 * the node, its organization, the url of the peer that states it, the address of that peer; within
 * a kind the longest. So an exception (VERDICT_SHOWN) for less wins over what is said of more.
 * Where several peers state what wins, the mildest of their verdicts counts: what is known from
 * others too stays. The own node is not moderated.
 *
 * Verdicts are found when a node is resolved, when the list changes, and when another address is
 * noted of a peer (registry/moderate.h): each has its table (records/record.h), and nothing is
 * compared when flows are read.
 */
#ifndef KODO_MODERATION_H
#define KODO_MODERATION_H

#include "core/base/address.h"
#include "core/records/peer.h"

#define MODERATION_MAX	1000u	/* entries: each is compared with each node that is resolved */

enum moderation_kind { MODERATE_URL, MODERATE_ORGANIZATION, MODERATE_ADDRESS, MODERATE_KINDS };

struct moderation_entry {
	enum moderation_kind kind;
	enum verdict verdict;	/* VERDICT_SHOWN: an exception from others */
	int64_t since_us;
	struct str pattern;	/* as shown: "url:http://a:1", "address:192.0.2.0/24" */
	/* as compared: the url's canonical form; the organization, folded, without its stars */
	struct str text;
	bool any_before, any_after;
	struct address_net net;
};

struct moderation {
	struct moderation_entry *all;	/* in the order in which they were made */
	size_t n;
	/* number of the change behind which nodes may have verdicts of an earlier list; 0: none */
	uint32_t unfinished;
};

/* "shown", "hidden", "denied"; static. */
const char *moderation_name(enum verdict verdict);

/*
 * Read a pattern; a url may stand without its `url:`. KODO_EINVAL with why, KODO_ENOMEM. What is in
 * out lives in a.
 */
enum kodo_err moderation_parse(
    struct arena *a, struct str pattern, struct moderation_entry *out, struct why *why) MUST_CHECK;

/* The list; one that was never made is empty. What is in out lives in a. */
enum kodo_err moderation_get(struct txn *t, struct arena *a, struct moderation *out) MUST_CHECK;
enum kodo_err moderation_put(struct txn *t, const struct moderation *m) MUST_CHECK;
/* A hash of the list: another one once it has changed. */
enum kodo_err moderation_hash(struct txn *t, uint64_t *out) MUST_CHECK;
/* Its member unfinished alone, at little cost. */
enum kodo_err moderation_unfinished(struct txn *t, uint32_t *out) MUST_CHECK;

/* The entry with the pattern of that one. NULL: there is none. */
struct moderation_entry *moderation_entry(
    const struct moderation *m, const struct moderation_entry *like);
/* In place of that of its pattern, or at the end. KODO_ETOOBIG: there are MODERATION_MAX. */
enum kodo_err moderation_set(
    struct arena *a, struct moderation *m, const struct moderation_entry *e) MUST_CHECK;
/* false: there was none. */
bool moderation_remove(struct moderation *m, const struct moderation_entry *like);

/*
 * The entry that decides on a node by what it is itself, key that of its url; on all that a peer
 * states. NULL: none does.
 */
enum kodo_err moderation_of_node(const struct moderation *m, struct str key,
    struct str organization, const struct moderation_entry **out) MUST_CHECK;
const struct moderation_entry *moderation_of_peer(
    const struct moderation *m, const struct peer *p);

/* What an entry comes to; NULL: VERDICT_SHOWN. */
enum verdict moderation_verdict(const struct moderation_entry *e);

/*
 * The entry that decides on what wins, NULL: none. Where the node itself decides nothing it is the
 * mildest of those of the peers that state the same. next: the first peer, and each further one;
 * *p NULL: there is no more. key: of the node's url.
 */
enum kodo_err moderation_of_winner(const struct moderation *m, struct str key,
    const struct statement *winner, enum kodo_err (*next)(void *arg, const struct peer **p),
    void *arg, const struct moderation_entry **out) MUST_CHECK;
/*
 * The entry that decides on a stored node, NULL: none. *verdict: what is stored of it, which may
 * differ as long as the list is unfinished. KODO_ENOTFOUND: nothing wins.
 */
enum kodo_err moderation_of_stored(struct txn *t, struct arena *a, const struct moderation *m,
    uint32_t node, const struct moderation_entry **out, enum verdict *verdict) MUST_CHECK;

#endif
