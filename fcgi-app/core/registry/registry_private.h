/*
 * Inside of the registry: what its files share. Not for others.
 */
#ifndef KODO_REGISTRY_PRIVATE_H
#define KODO_REGISTRY_PRIVATE_H

#include "core/base/buf.h"
#include "core/registry/change_type.h"
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

struct change_run;

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
	/* see registry_submit_by; NULL: changes are made here */
	enum kodo_err (*submit)(void *arg, struct change_run *run);
	void *submit_arg;
};

/*
 * Make a change of that type in a transaction of its own, with the options in force, or hand it to
 * whom registry_submit_by has named. arg is the caller's, as the type has it; the arena is reset
 * before each try.
 */
struct change_run {
	const struct change_type *type;
	struct registry *r;
	int64_t now_us;
	void *arg;
	/* that come into force by it; NULL: those in force */
	const struct options *options;
	/* bytes that new things may take, where that is not for this machine to say */
	bool has_room;
	uint64_t room_bytes;
	bool is_due; /* after: work is due now */
	bool is_view_changed;
	uint64_t state; /* after: this change's number */
	uint64_t view, n_withdrawn;
	/* set by fn: texts in the change's arena are wanted until the next change; NULL: none */
	const bool *is_kept;
};
enum kodo_err registry_change(struct change_run *run) MUST_CHECK;

/*
 * What the type's look says, by a view of now; run->state and run->view are of that. KODO_OK: it is
 * to be made. KODO_ENOTFOUND: it is refused, as by fn, and texts are valid until the next change or
 * look. Errors as store_begin.
 */
enum kodo_err registry_look(struct change_run *run) MUST_CHECK;

/* The same here, whatever registry_submit_by says. */
enum kodo_err registry_change_here(struct change_run *run) MUST_CHECK;

/*
 * The same within a transaction, whose fate is the caller's; texts live in a. After the commit the
 * caller writes what the change has withdrawn: registry_audit_gone, unless type->is_audited.
 */
enum kodo_err registry_change_within(struct txn *t, struct arena *a, struct change_run *run,
    struct withdrawals *gone, struct head *after) MUST_CHECK;

/*
 * Let fn make the changes of r, of a cluster: it must have run->type made of run->arg, and set what
 * comes after of both. NULL: they are made here again.
 */
void registry_submit_by(
    struct registry *r, enum kodo_err (*fn)(void *arg, struct change_run *run), void *arg);

/* Lines of what a change has withdrawn, once it is committed; the head is that after it. */
void registry_audit_gone(
    struct registry *r, const struct withdrawals *all, const struct head *h, int64_t now_us);

#endif
