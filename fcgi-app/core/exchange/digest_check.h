/*
 * Looks: whether an acknowledged target still has what it was told. One of us is sent an /update
 * without nodes that carries a digest of what we told it, and answers with the digest of what it
 * has, and, where both feed, with one of what it told us; an original is asked for its /map, where
 * our url must be among `registers`.
 */
#ifndef KODO_LOOK_H
#define KODO_LOOK_H

#include "core/exchange/exchange.h"
#include "core/registry/registry_private.h"

/* Does the answer to a look say that the target has all of ours, and we all of its? */
enum kodo_err digest_check_agrees(struct change *ch, const struct peer *p, const struct wire_body *b,
    bool has_body, const struct exchange_job *job, const struct exchange_result *res,
    bool *out) MUST_CHECK;

#endif
