/*
 * Digest checks (anti-entropy): whether an acknowledged target still has what it was sent. A kodo
 * peer gets an /update without nodes that carries a digest of our nodes, and answers with the
 * digest of what it has, and, where both feed, with one of its own nodes; a legacy peer is asked
 * for its /map, where our url must be among `registers`.
 */
#ifndef KODO_DIGEST_CHECK_H
#define KODO_DIGEST_CHECK_H

#include "core/exchange/job.h"
#include "core/merge/change.h"
#include "core/wire/wire.h"

/*
 * Does the answer say that the target has all of ours, and we all of its? b: NULL for no body. Then
 * the target has said its own node again by that.
 */
enum kodo_err digest_check_agrees(struct change *ch, struct peer *p, const struct wire_body *b,
    const struct exchange_job *job, const struct exchange_result *res, bool *out) MUST_CHECK;

/*
 * Now, each acknowledged target: our node has just ended elsewhere, and those that stay are to say
 * that it is there. One that was restored from an older copy may not know it.
 */
enum kodo_err digest_check_targets(struct change *ch) MUST_CHECK;

#endif
