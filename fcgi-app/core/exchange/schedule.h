/*
 * Which peer is next: by pools, in each the first in the order of due times. The cost of looking
 * does not grow with the number of peers.
 */
#ifndef KODO_SCHEDULE_H
#define KODO_SCHEDULE_H

#include "core/exchange/job.h"
#include "core/registry/registry.h"

/* Who shares slots: those that hang must not hold the slots of those that answer. */
enum schedule_pool {
	POOL_GOOD,	/* whose last attempt did not fail: work, then digest checks, then news */
	POOL_FAILING,	/* in a backoff, or paused */
	POOL_STRANGERS,	/* that have never answered: probes */
	POOL_LIVENESS,	/* of whom nothing was heard for long: looks */
	POOL_MAX
};

/*
 * The next message of that pool that is due and whose peer is not in busy. All of job lives in a.
 * KODO_ENOTFOUND: nothing now; *next_due_us is then when something will be (INT64_MAX: never),
 * paused work and digest checks included. *active_due_us: the same without paused work and digest
 * checks: what a runner stays for. Both are lowered, and must be set before.
 */
enum kodo_err schedule_next_in(struct registry *r, struct arena *a, int64_t now_us,
    enum schedule_pool pool, const uint32_t *busy, size_t n_busy, struct exchange_job *job,
    int64_t *next_due_us, int64_t *active_due_us) MUST_CHECK;

/* CHANGE_CLOCK_BACK: an int64_t, by how much the clock was set back. */
extern const struct change_type change_clock_back;

/*
 * The same of all pools but POOL_LIVENESS, one after another; both times are set. active_due_us may
 * be NULL.
 */
enum kodo_err schedule_next(struct registry *r, struct arena *a, int64_t now_us,
    const uint32_t *busy, size_t n_busy, struct exchange_job *job, int64_t *next_due_us,
    int64_t *active_due_us) MUST_CHECK;

#endif
