#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/buf.h"

#define BUF_MIN_BYTES ((size_t)256)

void
buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf)BUF_INIT(b->max);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->err = KODO_OK;
}

char *
buf_room(struct buf *b, size_t n)
{
	size_t need, cap;
	char *p;

	if (b->err != KODO_OK)
		return NULL;
	if (n > SIZE_MAX / 4 || (b->max > 0 && n > b->max - b->len)) {
		b->err = KODO_ETOOBIG;
		return NULL;
	}
	need = b->len + n + 1;	/* one more for buf_z */
	if (need > b->cap) {
		cap = b->cap < BUF_MIN_BYTES ? BUF_MIN_BYTES : b->cap;
		while (cap < need)
			cap *= 2;
		p = realloc(b->p, cap);
		if (p == NULL) {
			b->err = KODO_ENOMEM;
			return NULL;
		}
		b->p = p;
		b->cap = cap;
	}
	return b->p + b->len;
}

void
buf_put(struct buf *b, const void *p, size_t n)
{
	char *to = buf_room(b, n);

	if (to == NULL || n == 0)
		return;
	memcpy(to, p, n);
	b->len += n;
}

void
buf_putc(struct buf *b, char c)
{
	char *to = b->len + 1 < b->cap && b->err == KODO_OK && (b->max == 0 || b->len < b->max)
	    ? b->p + b->len
	    : buf_room(b, 1);

	if (to == NULL)
		return;
	*to = c;
	b->len++;
}

void
buf_puts(struct buf *b, const char *z)
{
	buf_put(b, z, strlen(z));
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *to;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || (to = buf_room(b, (size_t)n)) == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void
buf_put_u32(struct buf *b, uint32_t v)
{
	unsigned char c[4] = { (unsigned char)v, (unsigned char)(v >> 8), (unsigned char)(v >> 16),
		(unsigned char)(v >> 24) };

	buf_put(b, c, sizeof(c));
}

void
buf_put_u64(struct buf *b, uint64_t v)
{
	buf_put_u32(b, (uint32_t)v);
	buf_put_u32(b, (uint32_t)(v >> 32));
}

const char *
buf_z(struct buf *b)
{
	if (b->p == NULL || b->err != KODO_OK)
		return "";
	b->p[b->len] = '\0';
	return b->p;
}
