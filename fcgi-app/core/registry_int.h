/*
 * Inside of the registry: what its files share. Not for others.
 */
#ifndef KODO_REGISTRY_INT_H
#define KODO_REGISTRY_INT_H

#include "claim.h"

/*
 * created and modified of an item are those of its provider: joined, not copied into every record.
 */
struct times {
	uint32_t peer;
	bool is_set;
	int64_t created_us, modified_us;
};

#define TIMES_KEPT	64u

/* What requests ask for again and again, as read at a commit of the store (store_seen). */
struct kept {
	uint64_t seen;		/* 0: nothing is kept */
	struct head head;
	bool idle;
	struct times times[TIMES_KEPT];	/* at peer id % TIMES_KEPT */
};

struct registry {
	struct state state;
	struct store *store;
	struct arena *a; /* of the write transaction at hand */
	struct arena *options_arena;
	struct options options; /* in force, read at options_gen */
	uint64_t options_gen;	/* 0: not read */
	struct kept kept;
};

/*
 * The options in force, read again if the head says that they changed. KODO_ENOTFOUND: none were
 * applied.
 */
enum kodo_err registry_options_at(
    struct registry *r, struct txn *t, const struct head *h) MUST_CHECK;

/*
 * Run fn as an edit of its own transaction, with the options in force. arg is the caller's; the
 * arena is reset before each try.
 */
struct edit_run {
	struct registry *r;
	int64_t now_us;
	enum kodo_err (*fn)(struct edit *e, void *arg);
	void *arg;
	bool is_due; /* after: work is due now */
	bool is_view_changed;
	uint64_t state; /* after: this change's number */
};
enum kodo_err registry_edit(struct edit_run *run) MUST_CHECK;

/* Is nothing in flight or due within a minute? Parked work and looks do not count. */
enum kodo_err registry_is_idle(struct txn *t, bool *out) MUST_CHECK;

/*
 * Walk what is seen in the order of GET /connect: own node, then each provider's. each may stop
 * with an error of its own.
 */
enum kodo_err registry_each_seen(struct txn *t, struct arena *a,
    enum kodo_err (*each)(
	void *arg, uint32_t node, const struct statement *s, const struct peer *source),
    void *arg) MUST_CHECK;

/* The nodes of a provider, seen or not, in its order. */
enum kodo_err registry_each_stated(struct txn *t, uint32_t peer,
    enum kodo_err (*each)(void *arg, uint32_t node, const struct statement *s),
    void *arg) MUST_CHECK;

/*
 * The `kodo` member: opened at the first, closed by kodo_end; nothing is written if nothing was
 * put.
 */
struct kodo_member {
	struct buf versions, gone;
	uint64_t life, sent; /* of the state that speaks; see kodo_begin */
	uint64_t heard_life, heard;
	struct str told;     /* see wire.h; null: none */
	struct wire_run part; /* id null: none */
	bool has_taken;
	uint64_t taken;
};
/* Say of which state, as of when, all of it is, and what was heard of to (NULL: not known). */
void kodo_begin(struct kodo_member *m, const struct head *h, const struct peer *to);
void kodo_put_version(struct kodo_member *m, struct str url, uint64_t version);
void kodo_put_gone(struct kodo_member *m, struct str url, uint64_t version);
/* `,"kodo":{...}`; piece 0: none; view, told null: none. Frees m. */
void kodo_end(struct kodo_member *m, struct buf *out, uint64_t piece, bool more, struct str view);

/* A peer becomes a provider, or connects again: what a connect says of the peer itself. */
enum kodo_err provider_note(struct edit *e, struct peer *p, const struct greeting *g) MUST_CHECK;

/*
 * Take in a connect (whole list) or update from a peer that is known; used for requests and for
 * answers of targets.
 */
enum kodo_err intake_connect(struct edit *e, struct peer *p, const struct wire_body *b) MUST_CHECK;
enum kodo_err intake_update(struct edit *e, struct peer *p, const struct wire_body *b) MUST_CHECK;

/*
 * Is the body older than what p said last, and noting that it is not. Where another state of p
 * speaks than before, what that one said is dropped.
 */
bool intake_is_late(const struct peer *p, const struct wire_body *b);
enum kodo_err intake_heard(
    struct edit *e, struct peer *p, const struct wire_body *b) MUST_CHECK;
/* To be called with each body that a peer sent or answered: does it know more of us than we do? */
enum kodo_err intake_recall(struct edit *e, const struct wire_body *b) MUST_CHECK;

/*
 * What p, an original, says of a node is in doubt: it is asked for its whole list, now or, the more
 * often there was doubt lately, the later (doubt.c).
 */
void doubt_raise(struct edit *e, struct peer *p);
/* The time for it has come. */
void doubt_ask(struct edit *e, struct peer *p);
/* It is to be asked anyway, or not any more. */
void doubt_drop(struct peer *p);

/* Leave a target: see registry_leave. own_url: the url to sign off. */
enum kodo_err target_leave(struct edit *e, struct peer *p, struct str own_url) MUST_CHECK;

#endif
