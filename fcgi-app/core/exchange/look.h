/*
 * Questions for signs of life (liveness/liveness.h).
 */
#ifndef KODO_LOOK_H
#define KODO_LOOK_H

#include "core/exchange/delivery.h"
#include "core/registry/registry.h"
#include "core/wire/kodo_member.h"

/* The question to p; all of job lives in a. */
enum kodo_err look_build(
    struct view *v, struct arena *a, const struct peer *p, struct exchange_job *job) MUST_CHECK;
/* What p is told of a node: beside it, where it is not fresh, or alone. */
enum kodo_err look_put(struct view *v, const struct peer *p, struct kodo_member *kodo,
    uint32_t node, struct str url, bool is_alone) MUST_CHECK;
/* Something answered, or nothing did. */
enum kodo_err look_take(struct change *ch, struct peer *p, struct outcome *oc) MUST_CHECK;
/* The first that was due to be asked and was heard meanwhile, and all others of the kind. */
enum kodo_err look_put_off_heard(struct change *ch, uint32_t first) MUST_CHECK;

#endif
