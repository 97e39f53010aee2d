/*
 * Where a message goes to: the url of its peer, and below it a path by its kind.
 */
#ifndef KODO_PLACE_H
#define KODO_PLACE_H

#include "core/base/arena.h"
#include "core/exchange/job.h"
#include "core/records/peer.h"

/* Sets job->url and job->to, in a, by job->kind and is_post. KODO_ENOMEM. */
enum kodo_err place_set(
    struct arena *a, const struct peer *p, struct exchange_job *job) MUST_CHECK;

#endif
