/*
 * GET /counts: distinct flow names for each organization and tag.
 */
#ifndef KODO_COUNTS_H
#define KODO_COUNTS_H

#include "core/registry/registry.h"
#include "core/storage/sink.h"

/* Puts the whole answer into out and calls sink_end. */
enum kodo_err counts_put(struct view *v, struct sink *out) MUST_CHECK;

#endif
