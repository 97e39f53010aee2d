/*
 * The changes that a registry can make, and what each of them takes and returns. A change is a
 * function of the state and of this: time, identity of a speaker, and whatever else comes from
 * outside is in its argument, so that it can be written down (cluster/entry.h) and made again
 * elsewhere with the same outcome. tests/lint.py holds what the functions may call.
 */
#ifndef KODO_CHANGE_TYPE_H
#define KODO_CHANGE_TYPE_H

#include "core/liveness/watch.h"
#include "core/merge/change.h"
#include "core/trust/rejudge.h"
#include "core/wire/wire.h"

/* As in entries: a number is never used again. */
enum change_kind {
	CHANGE_LOCAL = 0,	/* of one process alone; tests */
	CHANGE_CONNECT = 1,
	CHANGE_UPDATE = 2,
	CHANGE_DISCONNECT = 3,
	CHANGE_RECONNECT = 4,
	CHANGE_LEAVE = 5,
	CHANGE_REST = 6,	/* what an answer had no room for */
	CHANGE_START = 7,	/* options come into force */
	CHANGE_EPOCH = 8,	/* a new state gets its id */
	CHANGE_RESTORED = 9,
	CHANGE_IMPORT = 10,
	CHANGE_IMPORT_LINES = 11,
	CHANGE_EVICT = 12,
	CHANGE_FORGET = 13,
	CHANGE_CONNECT_AGAIN = 14,
	CHANGE_LEAVE_TARGET = 15,
	CHANGE_TRUST = 16,
	CHANGE_MODERATE = 17,
	CHANGE_SWEEP = 18,
	CHANGE_SWEPT = 19,
	CHANGE_REJUDGED = 20,
	CHANGE_EXPIRE = 21,
	CHANGE_ROUND = 22,	/* of the watch over signs of life */
	CHANGE_WATCH = 23,	/* only that it is kept */
	CHANGE_DONE = 24,	/* what came of a message */
	CHANGE_CLEAR = 25,	/* of one that was not to be sent */
	CHANGE_PUT_OFF = 26,
	CHANGE_CLOCK_BACK = 27,
	CHANGE_PROBE = 28,	/* whether a flow answers */
	CHANGE_SKIP = 29,	/* no change: see cluster/entry.h */
	/* of imports: import/walk_private.h has what they take */
	CHANGE_WALK_NEXT = 30,
	CHANGE_WALK_TAKE = 31,
	CHANGE_WALK_SETTLE = 32,
	CHANGE_WALK_DOUBTS = 33,
	CHANGE_WALK_WISH = 34,
	CHANGE_KINDS
};

struct change_run;

struct change_type {
	enum change_kind kind;
	/* arg is one of the structs below, as the kind has it */
	enum kodo_err (*fn)(struct change *ch, void *arg);
	/* instead of fn: what raises no number of the head */
	enum kodo_err (*plain)(struct txn *t, void *arg);
	/*
	 * What fn would refuse whoever asks, and with which error, by a view alone: a machine of a
	 * cluster looks before it proposes. What fn has no use for it may take out of run->arg.
	 * NULL: fn alone can say.
	 */
	enum kodo_err (*look)(struct change *ch, struct change_run *run);
	enum withdrawal_cause cause; /* of what it withdraws */
	/* the caller writes a line itself, with what the change has withdrawn */
	bool is_audited;
};

struct receipt;

/* CHANGE_CONNECT, UPDATE, DISCONNECT, RECONNECT: a body; LEAVE: none. */
struct change_post {
	const struct wire_body *b;
	struct receipt *out;
	bool is_kept;	/* the receipt has texts of the change's arena */
	/* by the look: what is proposed is only that the url's key is to be asked for */
	bool is_refused;
	struct wire_body short_body;	/* behind b, where the look has made it shorter */
};
extern const struct change_type change_connect, change_update, change_disconnect,
    change_reconnect, change_leave;

/* CHANGE_REST */
struct change_rest {
	uint32_t caller;
	bool has_kodo;
	uint64_t list;		/* number of the state that the answer is of */
	struct arena_ids nodes;
};
extern const struct change_type change_rest;

/* CHANGE_START */
struct change_start {
	const struct options *o;
	struct str own;		/* the own node, packed; null: it has no flows */
	struct str sources;	/* see option_put_sources */
	struct str boot;	/* of the machine, see state_boot_id */
	/* of this machine's files, which an entry does not have; null: it is not stored */
	struct str stamp;
	bool is_now;		/* a start, whatever has changed */
	const struct wire_cache *cache;	/* of the original, to be imported; NULL: none */
	/* after: */
	struct str before;	/* the url in force before, in the change's arena; null: the same */
	bool is_start;
	bool is_kept;
};
extern const struct change_type change_start;

/* CHANGE_EPOCH: a uint64_t. CHANGE_RESTORED, CHANGE_EXPIRE: nothing. */
extern const struct change_type change_epoch, change_restored, change_expire;

/* CHANGE_IMPORT: struct wire_cache. CHANGE_IMPORT_LINES: struct startup_lines. */
extern const struct change_type change_import, change_import_lines;

/* CHANGE_EVICT, FORGET, CONNECT_AGAIN, LEAVE_TARGET, TRUST */
struct change_wish {
	struct str key;		/* null: every target */
	struct str url;
	struct str public_key;	/* registry_trust */
	int64_t evicted_us;
	/* after: */
	size_t n;
};
extern const struct change_type change_evict, change_forget, change_connect_again,
    change_leave_target, change_trust;

/* CHANGE_MODERATE */
struct change_moderate {
	const struct moderation_entry *e;
	bool forget;
	/* after: */
	unsigned outcome;	/* enum moderate_outcome */
	uint32_t ticket;
};
/* CHANGE_SWEEP: a pass over the winners of one verdict, or over what one peer states. */
struct change_sweep {
	unsigned verdict;
	uint32_t peer;		/* PEER_SELF: of all */
	uint64_t next;		/* node, or place; after: where to go on */
	bool is_over;		/* after */
};
/* CHANGE_SWEPT: a uint32_t, the ticket. CHANGE_REJUDGED: */
struct change_rejudged {
	struct rejudge at;
	bool is_over;
};
extern const struct change_type change_moderate, change_sweep, change_swept, change_rejudged;

/* CHANGE_ROUND, CHANGE_WATCH */
struct change_round {
	struct watch w;
	bool is_suspect_changed;
	struct arena_ids expired;
};
extern const struct change_type change_round, change_watch;

#endif
