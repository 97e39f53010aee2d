/*
 * Two services under one url: what one of them says takes away what the other has said. Their
 * epochs come in turns, whereas the epoch of a lost state does not come back.
 */
#ifndef KODO_IDENTITY_H
#define KODO_IDENTITY_H

#include "core/merge/change.h"
#include "core/wire/wire.h"

/*
 * p speaks: note whether it is another one than before. A legacy peer has no epoch; it is known by
 * its organization.
 */
enum kodo_err identity_note(
    struct change *ch, const struct peer *p, const struct wire_body *b) MUST_CHECK;

/* Have there been two within the last hour? */
enum kodo_err identity_is_shared(
    struct txn *t, uint32_t peer, int64_t now_us, bool *out) MUST_CHECK;

#endif
