/*
 * Bytes that grow, with a ceiling and a sticky failure: write as often as you like, test buf_failed
 * once.
 *
 *	struct buf b = BUF_INIT(max_bytes);
 *	buf_puts(&b, "{\"url\":");
 *	...
 *	if (buf_failed(&b)) ...
 *	buf_free(&b);
 *
 * After a failure (memory ran out, or over max bytes) the contents stay, and writes do nothing.
 */
#ifndef KODO_BUF_H
#define KODO_BUF_H

#include <stdint.h>

#include "core/base/err.h"
#include "core/base/str.h"

struct buf {
	char *p;	/* not terminated, except after buf_z */
	size_t len;
	size_t cap;
	size_t max;	/* bytes; 0: no ceiling */
	enum kodo_err err;	/* KODO_OK, KODO_ENOMEM or KODO_ETOOBIG */
};

#define BUF_INIT(max_bytes)	{ NULL, 0, 0, (max_bytes), KODO_OK }

void buf_free(struct buf *b);	/* and back to BUF_INIT with the same max */
void buf_reset(struct buf *b);	/* empty, no failure; the memory stays */

void buf_put(struct buf *b, const void *p, size_t n);
void buf_putc(struct buf *b, char c);
void buf_puts(struct buf *b, const char *z);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * Room for n more bytes to be written by the caller, who then adds to b->len. NULL after a failure.
 */
char *buf_room(struct buf *b, size_t n) MUST_CHECK;

/* Little-endian numbers of fixed width, for records. */
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);

static inline void
buf_put_str(struct buf *b, struct str s)
{
	buf_put(b, s.p, s.len);
}

static inline struct str
buf_str(const struct buf *b)
{
	return (struct str){ b->p == NULL ? "" : b->p, b->len };
}

/* The contents, terminated by a NUL that does not count; "" after a failure or when empty. */
const char *buf_z(struct buf *b);

static inline bool
buf_failed(const struct buf *b)
{
	return b->err != KODO_OK;
}

#endif
