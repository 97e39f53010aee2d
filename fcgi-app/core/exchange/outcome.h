/*
 * What an answer means (DESIGN.md, "What an answer means").
 */
#ifndef KODO_OUTCOME_H
#define KODO_OUTCOME_H

#include "core/exchange/delivery.h"
#include "core/registry/registry.h"

/*
 * Understand the answer, ingest what a feeding registry sent, note attempts and the next due time.
 * wake: more is due now.
 */
enum kodo_err outcome_take(struct registry *r, struct arena *a, const struct exchange_job *job,
    const struct exchange_result *res, int64_t now_us, bool *wake) MUST_CHECK;

/* The first step of that: its answer; whatever is wrong with it, the status counts. */
void outcome_read(struct arena *a, struct outcome *oc, int64_t now_us);

/* The job is no message: move the position of the peer on, or begin a resync. */
enum kodo_err outcome_clear(
    struct registry *r, const struct exchange_job *job, int64_t now_us) MUST_CHECK;

#endif
