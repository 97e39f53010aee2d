/*
 * Inside of the registry: what its files share. Not for others.
 */
#ifndef KODO_REGISTRY_PRIVATE_H
#define KODO_REGISTRY_PRIVATE_H

#include "core/base/buf.h"
#include "core/merge/change.h"
#include "core/registry/registry.h"
#include "core/trust/moderation.h"

/*
 * created and modified of an item are those of its provider: joined, not copied into every record.
 */
struct times {
	uint32_t peer;
	bool is_set;
	int64_t created_us, modified_us;
};

#define TIMES_CACHED	64u

/* What requests ask for again and again, as read at a commit of the store (store_seen). */
struct commit_cache {
	uint64_t seen;		/* 0: nothing is kept */
	struct head head;
	bool idle;
	struct times times[TIMES_CACHED];	/* at peer id % TIMES_KEPT */
};

struct registry {
	struct state state;
	struct store *store;
	struct arena *a; /* of the write transaction at hand */
	struct arena *options_arena;
	struct options options; /* in force, read at options_gen */
	uint64_t options_gen;	/* 0: not read */
	struct commit_cache cache;
	struct {
		uint64_t seen;	/* the commit that they are of; 0: none */
		struct buf ids; /* of silent nodes, sorted: views/node_liveness.c */
	} silent;
	struct {
		uint64_t seen;	/* the commit that it is of; 0: none */
		struct arena *a; /* NULL: not read */
		struct moderation list; /* views/node_source.c */
	} moderated;
	int64_t scheduled_us; /* when work was last looked for; 0: not yet */
	struct audit_file audit;
	const char *program; /* see registry_is_run_by */
	uint32_t given_up;    /* where liveness_round goes on among them */
};

/*
 * The options in force, read again if the head says that they changed. KODO_ENOTFOUND: none were
 * applied.
 */
enum kodo_err registry_options_at(
    struct registry *r, struct txn *t, const struct head *h) MUST_CHECK;

/*
 * Run fn as a change in a transaction of its own, with the options in force. arg is the caller's;
 * the arena is reset before each try.
 */
struct change_run {
	struct registry *r;
	int64_t now_us;
	enum kodo_err (*fn)(struct change *ch, void *arg);
	void *arg;
	bool is_due; /* after: work is due now */
	bool is_view_changed;
	enum withdrawal_cause cause; /* of what it withdraws */
	/* the caller writes a line itself, with what the change has withdrawn */
	bool is_audited;
	uint64_t state; /* after: this change's number */
	uint64_t view, n_withdrawn;
	/* set by fn: texts in the change's arena are wanted until the next change; NULL: none */
	const bool *is_kept;
};
enum kodo_err registry_change(struct change_run *run) MUST_CHECK;

/* Lines of what a change has withdrawn, once it is committed; the head is that after it. */
void registry_audit_gone(
    struct registry *r, const struct withdrawals *all, const struct head *h, int64_t now_us);

/* Is nothing in flight or due within a minute? Paused work and digest checks do not count. */
enum kodo_err registry_is_idle(struct txn *t, const struct head *h, bool *out) MUST_CHECK;

#endif
