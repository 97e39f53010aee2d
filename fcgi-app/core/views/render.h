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

/*
 * kodo export --lines: JSON Lines, each the body of a connect (PROTOCOL.md) with its member kodo.
 * First one of each provider, in their order, with its nodes and their versions; then tombstones,
 * one a line, in the order of their urls. The last line has no end.
 */
enum kodo_err render_lines(struct registry *r, struct sink *out) MUST_CHECK;

/* kodo export: the cache file of the original. */
enum kodo_err render_export(struct registry *r, struct sink *out) MUST_CHECK;

#endif
