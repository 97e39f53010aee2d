/*
 * Which peer is next: the first in the order of due times, active work before quiet.
 */
#ifndef KODO_SCHEDULE_H
#define KODO_SCHEDULE_H

#include "core/exchange/job.h"
#include "core/registry/registry.h"

/*
 * The next message that is due and whose peer is not in busy. All of job lives in a.
 * KODO_ENOTFOUND: nothing now; *next_due_us is then when something will be (INT64_MAX: never),
 * paused work and digest checks included. *active_due_us (may be NULL): the same without paused
 * work and digest checks: what a runner stays for.
 */
enum kodo_err schedule_next(struct registry *r, struct arena *a, int64_t now_us,
    const uint32_t *busy, size_t n_busy, struct exchange_job *job, int64_t *next_due_us,
    int64_t *active_due_us) MUST_CHECK;

#endif
