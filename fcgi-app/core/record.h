/*
 * The records of the store and their codecs: head, peers, statements, and the tables from url keys
 * to ids.
 *
 * A *statement* is what one provider says of one node. Per node url (node id) the winning statement
 * lies in T_NODE, the others in T_SHADOW beside the tombstone, if there is one. The own node is the
 * statement of PEER_SELF.
 */
#ifndef KODO_RECORD_H
#define KODO_RECORD_H

#include "packed.h"
#include "registry.h"

#define PEER_SELF	0u
#define PEER_TOMB	UINT32_MAX	/* in T_SHADOW: the tombstone of a node */

/* --- head --- */

enum kodo_err head_get(struct txn *t, struct head *h) MUST_CHECK;
enum kodo_err head_put(struct txn *t, const struct head *h) MUST_CHECK;
/* What `kodo.life` says: the id, as far as a JSON number holds it. */
uint64_t head_life(const struct head *h);

/* --- peers --- */

enum peer_flag {
	PEER_TARGET = 1u << 0,		/* in our `connect` */
	PEER_PROVIDER = 1u << 1,	/* its statements count */
	PEER_FEED = 1u << 2,		/* as it said of itself */
	PEER_REGISTRY = 1u << 3,
	PEER_OURS = 1u << 4,		/* it has sent our `kodo` member */
	PEER_PARKED = 1u << 5,		/* attempts used up: tried every 5 min */
	/*
	 * we left it; ends by a start, its /reconnect after the leave was acknowledged, or `kodo
	 * connect`
	 */
	PEER_LEFT = 1u << 6,
	PEER_FADING = 1u << 7,		/* idle, and was so an hour ago: see tidy.c */
	PEER_DOUBTED = 1u << 8,		/* to be asked for its list when looked at: see doubt.c */
};

/*
 * Work a peer may wait for, in the order of sending; the value kept is the state number at which it
 * was wanted, 0: none.
 */
enum peer_work { WORK_LEAVE, WORK_CONNECT, WORK_RECONNECT, WORK_TELL, WORK_MAX };

/* quiet: parked work and looks; not counted for `idle` */
enum due_class { DUE_ACTIVE, DUE_QUIET };

/* failed attempts after which a peer does not hold `idle` false any more */
#define PEER_PATIENCE	9u

struct peer {
	uint32_t id;
	uint32_t flags;
	struct str url;			/* shown form; of a target: as configured */
	struct str key;
	/* url key that a target calls itself by, null if the same */
	struct str alias;
	struct str organization;
	uint64_t order;			/* place among the providers, in T_PROVIDER; 0: none */
	/* first and last connect as a provider; of PEER_SELF: the start */
	int64_t created_us;
	int64_t modified_us;
	int64_t registered_us;		/* last connected to us */
	int64_t connected_us;		/* a target acknowledged our connect; 0: not */
	int64_t in_us, out_us;		/* last heard from it; last acknowledged by it */
	uint64_t piece;			/* id of the connect whose pieces come in, 0: none */
	/* statements older than this order number are unnamed when the last piece has come */
	uint64_t piece_order;
	/* the newest that it said, see wire.h; 0: nothing yet */
	uint64_t heard_life, heard_sent;
	/* id of our connect whose further pieces are still to be sent, 0: none */
	uint64_t out_piece;
	/* the node that goes to it in parts, which contents of it, and the flow to go on with */
	uint64_t part_id;		/* 0: none */
	uint32_t part_node, part_next;
	uint32_t part_tries;		/* parts that brought it no further */
	/* outbound */
	uint64_t work[WORK_MAX];
	uint64_t tried[WORK_MAX];	/* state number of the last attempt */
	uint32_t attempts;		/* failed ones in a row */
	uint32_t ceiling_bytes;		/* largest body it takes; 0: not known */
	uint32_t successes;		/* since the ceiling was set */
	int64_t due_us;			/* of the work; meaningless without work */
	/* next look at an acknowledged target, or at one in doubt; 0: none */
	int64_t look_us;
	int64_t doubted_us;		/* last asked for its list because of doubts */
	uint32_t doubts;		/* how often, without a calm between */
	struct str leave_urls;		/* own urls to disconnect there, each ended by '\n' */
	struct str acked_url;		/* own url that it acknowledged last; null: none */
	struct str error;		/* what the last failure was; null: none */
	/* as stored, for the due table */
	bool was_due, was_look;
	enum due_class was_class;
	int64_t was_due_us, was_look_us;
};

/*
 * A peer without work or flags; id from head->next_peer, which is raised. url and key are borrowed.
 */
void peer_init(struct peer *p, struct head *h, struct str url, struct str key);

bool peer_has_work(const struct peer *p);
/* Only what it said last is remembered, to know late messages of it. */
bool peer_is_idle(const struct peer *p);
/* a target, or a provider that feeds: may have to be told of changes */
bool peer_is_listener(const struct peer *p);

/* Texts are copied into a. KODO_ENOTFOUND. */
enum kodo_err peer_get(struct txn *t, struct arena *a, uint32_t id, struct peer *out) MUST_CHECK;
/*
 * created_us and modified_us alone, which each item of a page shows, at a fraction of the cost.
 * KODO_ENOTFOUND.
 */
enum kodo_err peer_get_times(
    struct txn *t, uint32_t id, int64_t *created_us, int64_t *modified_us) MUST_CHECK;
/* By url key; finds targets by their alias too. */
enum kodo_err peer_find(
    struct txn *t, struct arena *a, struct str key, struct peer *out) MUST_CHECK;
/* Write the record, its T_PEER_URL, T_LISTENER and T_DUE entries. */
enum kodo_err peer_put(struct txn *t, struct peer *p) MUST_CHECK;
enum kodo_err peer_del(struct txn *t, struct peer *p) MUST_CHECK;
/*
 * Walk all peers but PEER_SELF in the order of ids: the first with an id >= *id; *id becomes the
 * next to ask for.
 */
enum kodo_err peer_next(struct txn *t, struct arena *a, uint32_t *id, struct peer *out) MUST_CHECK;

/* --- statements --- */

struct statement {
	uint64_t version;	/* 0: none */
	uint64_t order;		/* place in its provider's list, in T_STATED */
	int64_t at_us;		/* when it was taken in */
	uint32_t peer;		/* whose */
	struct str bytes;	/* packed; of a tombstone: the node's shown url */
};

/* Points into value. */
enum kodo_err statement_read(struct str value, struct statement *out) MUST_CHECK;
enum kodo_err statement_put(
    struct txn *t, enum store_table table, struct str key, const struct statement *s) MUST_CHECK;

/* --- node ids --- */

/* KODO_ENOTFOUND */
enum kodo_err node_find(struct txn *t, struct str key, uint32_t *id) MUST_CHECK;
/* finds or makes */
enum kodo_err node_make(struct txn *t, struct head *h, struct str key, uint32_t *id) MUST_CHECK;
/* when nothing is said of it any more */
enum kodo_err node_forget(struct txn *t, struct str key) MUST_CHECK;

/* Meta records: a name and bytes. KODO_ENOTFOUND. */
enum kodo_err meta_get(struct txn *t, const char *name, struct str *value) MUST_CHECK;
enum kodo_err meta_put(struct txn *t, const char *name, struct str value) MUST_CHECK;

#endif
