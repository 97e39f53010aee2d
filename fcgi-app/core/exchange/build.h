/*
 * Bodies from the state as it is now, and how large they may be (DESIGN.md, "Outbound work").
 */
#ifndef KODO_BUILD_H
#define KODO_BUILD_H

#include "core/exchange/job.h"
#include "core/records/peer.h"
#include "core/registry/registry.h"

#define BUILD_MAX_BYTES (8u << 20) /* below the original's 10,000,000 */
/*
 * To whom chunks cost nothing: taking in a body takes seven times its size, and 64 MiB are to do
 */
#define BUILD_CHUNK_BYTES (4u << 20)
#define BUILD_MIN_BYTES 4096u /* one small node and its greeting */

/* What there is to send to p; all of job lives in a. */
enum kodo_err build_job(
    struct view *v, struct arena *a, const struct peer *p, struct exchange_job *job) MUST_CHECK;

#endif
