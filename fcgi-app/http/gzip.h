/*
 * Compression of answers (RFC 1952), the one includer of zlib. DEFLATE is fast here, not tight: see
 * HACKING.md for what a level costs.
 */
#ifndef KODO_GZIP_H
#define KODO_GZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/buf.h"

/* Append in to out. KODO_ENOMEM: memory ran out, and out is as it was. */
enum kodo_err gzip_put(struct str in, struct buf *out) MUST_CHECK;

/* A stream of it, for what is too long for memory. */
struct gzip;
struct gzip *gzip_new(void);		/* NULL: memory ran out */
void gzip_free(struct gzip *g);		/* NULL is fine */

/*
 * Compress from *in, which goes on, into up to max bytes at p; returns how many it wrote. is_last:
 * nothing follows *in. Less than max: all of *in was taken, and, with is_last, the stream is over.
 */
size_t gzip_step(struct gzip *g, struct str *in, bool is_last, char *p, size_t max);

#endif
