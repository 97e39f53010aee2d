/*
 * Bodies with the whole state. Each function calls sink_end.
 */
#ifndef KODO_RENDER_H
#define KODO_RENDER_H

#include "core/registry/registry.h"
#include "core/storage/sink.h"

/* The body of GET /connect, GET /map. */
enum kodo_err render_connect(struct view *v, struct sink *out) MUST_CHECK;
enum kodo_err render_map(struct view *v, struct sink *out) MUST_CHECK;

/* kodo export: the cache file of the original. */
enum kodo_err render_export(struct registry *r, struct sink *out) MUST_CHECK;

#endif
