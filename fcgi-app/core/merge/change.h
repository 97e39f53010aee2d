/*
 * A change: the unit of work of one write transaction. Statements, peers, the default order and the
 * outbox are changed through it, so that each peer's record is written once, at the end, and all of
 * it is committed together or not at all.
 *
 *	change_begin(&ch, t, arena, now_us, options)	reads the head, counts it up
 *	... statement.h, change_peer, change_want, change_notify_all ...
 *	change_end(&ch, err)				writes peers, order, head
 */
#ifndef KODO_CHANGE_H
#define KODO_CHANGE_H

#include "core/config/option.h"
#include "core/merge/withdrawal.h"
#include "core/records/flow_order.h"
#include "core/records/peer.h"
#include "core/wire/wire.h"
#include "core/trust/moderation.h"

struct change {
	struct txn *t;
	struct arena *a; /* until the end of the request */
	const struct options *o;
	struct head head;
	uint64_t began; /* head.state at the begin; it rises within the change */
	int64_t now_us;
	struct flow_order order;
	struct peer **peers; /* the cache behind change_peer, sorted by id */
	size_t n_peers, cap_peers;
	uint64_t logged;	/* head.logged at the begin */
	uint32_t fresh;		/* of nodes from here on nothing is stored yet */
	uint32_t skip;		/* who caused all that was logged since; PEER_SELF: several */
	struct wire_left_out *left_out; /* nodes over a quota, see quota_cut */
	size_t n_left_out, cap_left_out;
	const struct moderation *moderation; /* behind change_moderation; NULL: not read */
	bool has_room;		/* then room_bytes is what change_room says */
	uint64_t room_bytes;
	bool is_list; /* what is taken in is the peer's whole list, not an update */
	bool is_forgetting; /* all statements end by what this service is now, by no peer's word */
	struct withdrawals gone;
	bool is_view_changed;
	bool is_due; /* work is due now: the runner should look */
};

enum kodo_err change_begin(struct change *ch, struct txn *t, struct arena *a, int64_t now_us,
    const struct options *o) MUST_CHECK;
/*
 * Releases what the change holds; writes only if err is KODO_OK. Returns err or what the writing
 * said.
 */
enum kodo_err change_end(struct change *ch, enum kodo_err err) MUST_CHECK;

/* The one copy of a peer in this change, which is written at its end. KODO_ENOTFOUND. */
enum kodo_err change_peer(struct change *ch, uint32_t id, struct peer **out) MUST_CHECK;
enum kodo_err change_peer_find(struct change *ch, struct str key, struct peer **out) MUST_CHECK;
/* Finds, or makes one with that url. */
enum kodo_err change_peer_make(
    struct change *ch, struct str url, struct str key, struct peer **out) MUST_CHECK;
/* What is denied and hidden. */
enum kodo_err change_moderation(struct change *ch, const struct moderation **out) MUST_CHECK;
/*
 * p has work of that kind from now on. now: due at once, and a pause or backoff ends; else a
 * running backoff goes on.
 */
void change_want(struct change *ch, struct peer *p, enum peer_work work, bool now);
/* Connect to p now. From here on it may know us under this url, answered or not. */
void change_want_connect(struct change *ch, struct peer *p);
/* That work is not wanted any more; with WORK_NOTIFY the peer's outbox is emptied. */
enum kodo_err change_unwant(struct change *ch, struct peer *p, enum peer_work work) MUST_CHECK;

/*
 * Does none but this service speak for the key (option_is_own)? On several machines that have
 * imported nothing only that of its own node is so: a former build, whose cluster imports nothing,
 * must come to the same.
 */
bool change_is_own(const struct change *ch, struct str key);
/* As whom: PEER_SELF, or the peer of the import under whose path it is. KODO_ENOMEM. */
enum kodo_err change_own_speaker(struct change *ch, struct str key, uint32_t *out) MUST_CHECK;

/*
 * Bytes that new things may take, as store_room: of this machine, or, where others make the same
 * change, as whoever proposed it had them.
 */
uint64_t change_room(const struct change *ch, uint64_t enough);

/* Failed attempts until a peer is given up for a while. */
uint32_t change_patience(const struct change *ch);

/* Is p notified? A target always is; a provider that feeds only by a registry that feeds. */
bool change_is_subscriber(const struct change *ch, const struct peer *p);
/*
 * Every subscriber but skip (PEER_SELF: none is skipped) must learn of the node: at once, with the
 * next news, or, where many contest it, after CHANGELOG_HOLD_US at the latest.
 */
enum kodo_err change_notify_all(struct change *ch, uint32_t node, uint32_t skip) MUST_CHECK;
/* Now, whatever is held back. */
void change_release(struct change *ch);
/* This peer must, if it is a subscriber. */
enum kodo_err change_notify(struct change *ch, uint32_t node, uint32_t peer) MUST_CHECK;

#endif
