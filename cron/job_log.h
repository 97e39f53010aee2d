/*
 * The runner's log lines about messages to peers.
 *
 * last_failure is a hash of the peer's last logged failure, so that the same one again is
 * logged once; 0: none.
 */
#ifndef KODO_JOB_LOG_H
#define KODO_JOB_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/exchange/outcome.h"

/* A question without nodes, of which there are many: a probe, a proof, a look. */
bool job_is_small(const struct exchange_job *job);

/* After a logged failure the next line of that peer is its success. */
void job_log_sending(const struct exchange_job *job, uint64_t last_failure);

/* What came of it: its success, or its failure, of which *last_failure is kept. */
void job_log_outcome(const struct exchange_job *job, const struct exchange_result *res,
    uint64_t *last_failure);

#endif
