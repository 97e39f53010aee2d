/*
 * Which key a url shows: when it is asked, and what follows from its answer.
 */
#ifndef KODO_PROOF_H
#define KODO_PROOF_H

#include "core/merge/change.h"
#include "core/trust/pin.h"

/*
 * Somebody spoke for p, and was refused, or with a key that is not proved yet: p's url is to say
 * which key it has, unless it was asked lately. false: nothing was changed.
 */
bool proof_ask(struct change *ch, struct peer *p, enum pin_verdict verdict);

/*
 * p's url shows this key, or (null) that its service has none. Where another was pinned, all that
 * was said under that one is withdrawn. A proved key does not end by its absence.
 */
enum kodo_err proof_take(struct change *ch, struct peer *p, struct str key) MUST_CHECK;

/* That is its key, whatever was known. */
enum kodo_err proof_set(struct change *ch, struct peer *p, struct str key) MUST_CHECK;

#endif
