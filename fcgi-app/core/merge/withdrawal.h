/*
 * What a change has withdrawn: nodes that were shown before it and are not after it, by whose word
 * and why; and tombstones that are forgotten. For the audit, once the change is committed.
 */
#ifndef KODO_WITHDRAWAL_H
#define KODO_WITHDRAWAL_H

#include "core/base/arena.h"
#include "core/records/peer.h"
#include "core/storage/audit.h"

enum withdrawal_cause {
	WITHDRAWN_BY_WORD,	/* its peer said so, in a request or an answer */
	WITHDRAWN_SILENT,	/* its peer was silent for expire_days */
	WITHDRAWN_KEY,		/* its peer's url shows another key */
	WITHDRAWN_MODERATED,	/* it is denied or hidden */
	WITHDRAWN_REJUDGED,	/* the same, since another address of its peer is known */
	WITHDRAWN_STARTUP,	/* other options are in force */
	WITHDRAWN_BY_ADMIN,	/* kodo evict, disconnect, trust */
	WITHDRAWN_EXPIRED,	/* a tombstone that is old enough */
	WITHDRAWN_CAUSES
};

/* Static: "silent". */
const char *withdrawal_cause_code(enum withdrawal_cause cause);

/* Of one peer and cause. */
struct withdrawal {
	enum withdrawal_cause cause;
	const struct peer *peer;	/* NULL: nobody */
	bool is_forgotten;		/* tombstones, not nodes */
	struct audit_node nodes[AUDIT_NODES];
	size_t n;
	struct withdrawal *next;
};

struct withdrawals {
	struct arena *a;		/* of all of them, and their texts */
	enum withdrawal_cause cause;	/* of what is withdrawn from here on */
	struct withdrawal *last;	/* NULL: none; others follow */
	size_t n;
};

/* Note p (NULL: nobody), with no nodes as yet. p lives as long as a. KODO_ENOMEM. */
enum kodo_err withdrawal_begin(struct withdrawals *all, const struct peer *p, bool is_forgotten,
    struct withdrawal **out) MUST_CHECK;

/* The node, or tombstone, goes by the word of p. */
enum kodo_err withdrawal_add(struct withdrawals *all, const struct peer *p, bool is_forgotten,
    struct str url, uint64_t version) MUST_CHECK;

/* Nodes of all of them. */
uint64_t withdrawal_count(const struct withdrawals *all);

#endif
