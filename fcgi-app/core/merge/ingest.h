/*
 * Taking in what a body says, inside an edit.
 */
#ifndef KODO_INTAKE_H
#define KODO_INTAKE_H

#include "core/merge/change.h"
#include "core/wire/wire.h"

/* A peer becomes a provider, or connects again: what a connect says of the peer itself. */
enum kodo_err ingest_greeting(struct change *ch, struct peer *p, const struct greeting *g) MUST_CHECK;

/*
 * Take in a connect (whole list) or update from a peer that is known; used for requests and for
 * answers of targets.
 */
enum kodo_err ingest_list(struct change *ch, struct peer *p, const struct wire_body *b) MUST_CHECK;
enum kodo_err ingest_update(struct change *ch, struct peer *p, const struct wire_body *b) MUST_CHECK;

/*
 * Is the body older than what p said last, and noting that it is not. Where another state of p
 * speaks than before, what that one said is dropped.
 */
bool ingest_is_late(const struct peer *p, const struct wire_body *b);
enum kodo_err ingest_epoch(
    struct change *ch, struct peer *p, const struct wire_body *b) MUST_CHECK;
/* To be called with each body that a peer sent or answered: does it know more of us than we do? */
enum kodo_err ingest_acknowledged(struct change *ch, const struct wire_body *b) MUST_CHECK;

#endif
