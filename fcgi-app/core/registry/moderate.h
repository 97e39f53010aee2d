/*
 * Denying, hiding and allowing at run time: the list is changed at once, and all nodes follow in
 * transactions of their own, so that nobody waits long for the write lock. So do those of a peer
 * that is hit by another address than before.
 */
#ifndef KODO_MODERATE_H
#define KODO_MODERATE_H

#include "core/registry/registry.h"
#include "core/trust/moderation.h"

enum moderate_outcome {
	MODERATE_SET,		/* the entry is in force */
	MODERATE_EXCEPTED,	/* it is an exception, as nothing was denied or hidden by it */
	MODERATE_UNDONE,	/* what was said of the pattern is not in force any more */
	MODERATE_NOTHING	/* that was in force already, or nothing is */
};

/*
 * Put e in force (moderation.h). Its verdict VERDICT_SHOWN ends what was denied or hidden by the
 * pattern, or else makes an exception; forget: whatever is said of the pattern ends. Nodes follow
 * until then, by the monotonic clock; for the others the list stays unfinished. KODO_ETOOBIG: there
 * are MODERATION_MAX entries.
 */
enum kodo_err registry_moderate(struct registry *r, const struct moderation_entry *e, bool forget,
    int64_t now_us, int64_t until_us, enum moderate_outcome *out) MUST_CHECK;

/*
 * Its two halves: the list alone, and all nodes after it. Of two that are at it at once, the one
 * that has changed the list last says when nodes have followed it: *ticket tells which that is.
 */
enum kodo_err moderate_list(struct registry *r, const struct moderation_entry *e, bool forget,
    int64_t now_us, enum moderate_outcome *out, uint32_t *ticket) MUST_CHECK;
enum kodo_err moderate_sweep(
    struct registry *r, uint32_t ticket, int64_t now_us, int64_t until_us) MUST_CHECK;

/* How far a pass over all nodes has come; in memory, so another program begins anew. */
struct moderate_pass {		/* zeroed at first */
	uint32_t ticket;	/* of which change of the list; 0: none */
	unsigned verdict;	/* of the winners */
	uint64_t next;		/* node */
};

/*
 * For the runner: all nodes, where a registry_moderate ended before they had followed; and then
 * those of peers of which another address is known by now (trust/rejudge.h), as many as limit_us
 * allows. more: not all of these.
 */
enum kodo_err moderate_follow(struct registry *r, struct moderate_pass *at, int64_t now_us,
    int64_t limit_us, bool *more) MUST_CHECK;

#endif
