/*
 * GET /counts: distinct flow names for each organization and tag.
 */
#ifndef KODO_COUNTS_H
#define KODO_COUNTS_H

#include "core/query/query.h"
#include "core/registry/registry.h"
#include "core/storage/sink.h"

/* Puts the whole answer into out and calls sink_end. */
enum kodo_err counts_put(struct view *v, struct sink *out) MUST_CHECK;

/* The same of the flows that match q. KODO_ETOOBIG: q's step budget is used up. */
enum kodo_err counts_put_found(struct view *v, struct query *q, struct sink *out) MUST_CHECK;

#endif
