/*
 * Peers of which moderation says something else since another address was noted of them. What they
 * state follows in rounds of the runner (registry/moderate.h), as it may be much.
 */
#ifndef KODO_REJUDGE_H
#define KODO_REJUDGE_H

#include "core/trust/moderation.h"

struct rejudge {
	uint32_t peer;
	uint32_t ticket;	/* of the change that wanted it last */
	uint64_t order;		/* places before this one are through */
};

/* p is about to be written: has it other addresses than when it was read, and stated something? */
bool rejudge_may_be_due(const struct peer *p);
/*
 * If by m another verdict follows from them, p is noted, and *is_due becomes true. ticket: number
 * of the change.
 */
enum kodo_err rejudge_note(struct txn *t, struct arena *a, const struct moderation *m,
    const struct peer *p, uint32_t ticket, bool *is_due) MUST_CHECK;

/* Whose turn it is. KODO_ENOTFOUND: nobody waits. */
enum kodo_err rejudge_first(struct txn *t, struct rejudge *out) MUST_CHECK;

/* Its places before order are through; is_over: all are. Nothing, if it was wanted again since. */
enum kodo_err rejudge_move(
    struct txn *t, struct arena *a, const struct rejudge *r, bool is_over) MUST_CHECK;

#endif
