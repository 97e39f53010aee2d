/*
 * Ingest: applying a body of a peer, inside a change.
 */
#ifndef KODO_INGEST_H
#define KODO_INGEST_H

#include "core/merge/change.h"
#include "core/wire/wire.h"

/* A peer becomes a provider, or connects again: what a connect says of the peer itself. */
enum kodo_err ingest_greeting(
    struct change *ch, struct peer *p, const struct greeting *g) MUST_CHECK;

/* Whether p is a kodo peer, and what it keeps of nodes, as each body of such a one says. */
void ingest_dialect(struct peer *p, const struct wire_body *b);

/*
 * The clock of p, as a body that is not late has it. If it agrees with ours, versions that ours
 * once made far ahead are reset (statement_reset_ahead); if it did not before, its list is asked
 * for.
 */
enum kodo_err ingest_clock(struct change *ch, struct peer *p, const struct greeting *g) MUST_CHECK;

/*
 * Any body that is not late says what p is; what came by its answers ends where it does not feed.
 */
enum kodo_err ingest_role(
    struct change *ch, struct peer *p, const struct greeting *g) MUST_CHECK;
/* Drop what p stated, if it came by its answers to our connects alone. */
enum kodo_err ingest_drop_answers(struct change *ch, struct peer *p) MUST_CHECK;

/*
 * The whole list (a connect, or its first chunk) or an update of a peer that is known; of requests
 * and of answers.
 */
enum kodo_err ingest_list(
    struct change *ch, struct peer *p, const struct wire_body *b) MUST_CHECK;
enum kodo_err ingest_update(
    struct change *ch, struct peer *p, const struct wire_body *b) MUST_CHECK;

/*
 * Nodes that a peer gives back, as this state said them before it was restored from a copy. Part of
 * the two above; to be called for answers of which the nodes are not taken in. Strangers give
 * nothing back.
 */
enum kodo_err ingest_back(
    struct change *ch, const struct peer *from, const struct wire_body *b) MUST_CHECK;

/*
 * A request with another epoch of p, or with a sequence acknowledged that this state has not
 * reached, is a hint: what follows is decided by p's answer to a message of ours, where it can be
 * called. (One behind a NAT, or that does not answer at present, has to be believed.)
 */
bool ingest_is_doubtful(
    const struct change *ch, const struct peer *p, const struct wire_body *b);
void ingest_call_back(struct change *ch, struct peer *p);

/*
 * Was the body overtaken by one that its sender made later? Then it is void: it would take back
 * what was said since, or bring back a peer that has left.
 */
bool ingest_is_late(const struct peer *p, const struct wire_body *b);
/*
 * Is it late because an older copy of p was restored that had been restored before? An answer then
 * acknowledges more than any state has sent, so that it learns what it is.
 */
bool ingest_is_copy_again(const struct peer *p, const struct wire_body *b);
/*
 * Note epoch and sequence of a body that is not late. If another state of p speaks than before, the
 * statements of the former one are dropped.
 */
enum kodo_err ingest_epoch(
    struct change *ch, struct peer *p, const struct wire_body *b) MUST_CHECK;
/*
 * This state is an older copy that was restored: it takes a new epoch, so that its words are taken
 * neither for late nor for the same, and asks all peers, for some may have left since.
 */
enum kodo_err ingest_is_copy(struct change *ch) MUST_CHECK;
/*
 * To be called with each body. If it acknowledges more than this state has sent, the state was
 * restored from an older copy. Of a stranger that is not heeded: from, that has sent the body.
 */
enum kodo_err ingest_acknowledged(
    struct change *ch, const struct peer *from, const struct wire_body *b) MUST_CHECK;

#endif
