/*
 * One change of the state: everything that a write transaction of the registry carries along.
 * Inside it, peers are changed through one cache, so that each record is written once, at the end.
 *
 *	change_begin(&e, t, arena, now_us, options)	reads the head, counts it up
 *	... claim.h, change_peer, change_want, change_notify_all ...
 *	change_end(&e)					writes peers, index, head
 */
#ifndef KODO_EDIT_H
#define KODO_EDIT_H

#include "core/config/option.h"
#include "core/records/flow_order.h"
#include "core/records/peer.h"

struct change {
	struct txn *t;
	struct arena *a; /* until the end of the request */
	const struct options *o;
	struct head head;
	int64_t now_us;
	struct flow_order order;
	struct peer **peers; /* those touched, see change_peer; by their ids */
	size_t n_peers, cap_peers;
	uint32_t *subscribers; /* read at the first change_notify_all */
	size_t n_subscribers;
	bool has_subscribers;
	bool is_list; /* what is taken in is all that the peer has to say, not an update */
	bool is_view_changed;
	bool is_due; /* work is due now: the runner should look */
};

enum kodo_err change_begin(struct change *ch, struct txn *t, struct arena *a, int64_t now_us,
    const struct options *o) MUST_CHECK;
/*
 * Releases what the edit holds; writes only if err is KODO_OK. Returns err or what the writing
 * said.
 */
enum kodo_err change_end(struct change *ch, enum kodo_err err) MUST_CHECK;

/* The one copy of a peer in this edit; it will be written at the end. KODO_ENOTFOUND. */
enum kodo_err change_peer(struct change *ch, uint32_t id, struct peer **out) MUST_CHECK;
enum kodo_err change_peer_find(struct change *ch, struct str key, struct peer **out) MUST_CHECK;
/* Finds, or makes one with that url. */
enum kodo_err change_peer_make(
    struct change *ch, struct str url, struct str key, struct peer **out) MUST_CHECK;
/*
 * p has work of that kind from now on. now: due at once even if earlier attempts failed; else the
 * backoff goes on.
 */
void change_want(struct change *ch, struct peer *p, enum peer_work work, bool now);
/*
 * Connect to p now. From here on it may know us under this url, whether its answer comes or not.
 */
void change_want_connect(struct change *ch, struct peer *p);
/* That work, and what T_OUT holds for it where work is WORK_NOTIFY, is not wanted any more. */
enum kodo_err change_unwant(struct change *ch, struct peer *p, enum peer_work work) MUST_CHECK;

/* Is p told of changes? A target always is; a provider that feeds only by a registry that feeds. */
bool change_is_subscriber(const struct change *ch, const struct peer *p);
/*
 * Every listener but skip (PEER_SELF: none is skipped) must learn about the node; a peer that does
 * not listen is left alone.
 */
enum kodo_err change_notify_all(struct change *ch, uint32_t node, uint32_t skip) MUST_CHECK;
/* This one must. */
enum kodo_err change_notify(struct change *ch, uint32_t node, uint32_t peer) MUST_CHECK;

#endif
