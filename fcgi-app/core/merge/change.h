/*
 * One change of the state: everything that a write transaction of the registry carries along.
 * Inside it, peers are changed through one cache, so that each record is written once, at the end.
 *
 *	edit_begin(&e, t, arena, now_us, options)	reads the head, counts it up
 *	... claim.h, edit_peer, edit_want, edit_tell ...
 *	edit_end(&e)					writes peers, index, head
 */
#ifndef KODO_EDIT_H
#define KODO_EDIT_H

#include "core/config/option.h"
#include "core/records/flow_order.h"
#include "core/records/peer.h"

struct edit {
	struct txn *t;
	struct arena *a; /* until the end of the request */
	const struct options *o;
	struct head head;
	int64_t now_us;
	struct index index;
	struct peer **peers; /* those touched, see edit_peer; by their ids */
	size_t n_peers, cap_peers;
	uint32_t *listeners; /* read at the first edit_tell */
	size_t n_listeners;
	bool has_listeners;
	bool is_list; /* what is taken in is all that the peer has to say, not an update */
	bool is_view_changed;
	bool is_due; /* work is due now: the runner should look */
};

enum kodo_err edit_begin(struct edit *e, struct txn *t, struct arena *a, int64_t now_us,
    const struct options *o) MUST_CHECK;
/*
 * Releases what the edit holds; writes only if err is KODO_OK. Returns err or what the writing
 * said.
 */
enum kodo_err edit_end(struct edit *e, enum kodo_err err) MUST_CHECK;

/* The one copy of a peer in this edit; it will be written at the end. KODO_ENOTFOUND. */
enum kodo_err edit_peer(struct edit *e, uint32_t id, struct peer **out) MUST_CHECK;
enum kodo_err edit_peer_find(struct edit *e, struct str key, struct peer **out) MUST_CHECK;
/* Finds, or makes one with that url. */
enum kodo_err edit_peer_make(
    struct edit *e, struct str url, struct str key, struct peer **out) MUST_CHECK;
/*
 * p has work of that kind from now on. now: due at once even if earlier attempts failed; else the
 * backoff goes on.
 */
void edit_want(struct edit *e, struct peer *p, enum peer_work work, bool now);
/*
 * Connect to p now. From here on it may know us under this url, whether its answer comes or not.
 */
void edit_want_connect(struct edit *e, struct peer *p);
/* That work, and what T_OUT holds for it where work is WORK_TELL, is not wanted any more. */
enum kodo_err edit_unwant(struct edit *e, struct peer *p, enum peer_work work) MUST_CHECK;

/* Is p told of changes? A target always is; a provider that feeds only by a registry that feeds. */
bool edit_is_told(const struct edit *e, const struct peer *p);
/*
 * Every listener but skip (PEER_SELF: none is skipped) must learn about the node; a peer that does
 * not listen is left alone.
 */
enum kodo_err edit_tell(struct edit *e, uint32_t node, uint32_t skip) MUST_CHECK;
/* This one must. */
enum kodo_err edit_tell_one(struct edit *e, uint32_t node, uint32_t peer) MUST_CHECK;

#endif
