#include <stdarg.h>
#include <stdio.h>

#include "core/base/utf8.h"
#include "core/query/reading.h"

void *
reading_fail(struct reading *r, size_t at, const char *fmt, ...)
{
	va_list ap;
	char *reason;
	int n;

	if (r->error != NULL)
		return NULL;
	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	reason = n < 0 ? NULL : arena_alloc(r->a, (size_t)n + 1);
	if (reason == NULL) {
		r->oom = true;
		return NULL;
	}
	va_start(ap, fmt);
	vsnprintf(reason, (size_t)n + 1, fmt, ap);
	va_end(ap);
	r->at = at;
	r->error = reason;
	return NULL;
}

size_t
reading_column(const struct reading *r, size_t at)
{
	return utf8_count((struct str){ r->q.p, at }) + 1;
}

void *
reading_alloc(struct reading *r, size_t n)
{
	void *p = arena_zalloc(r->a, n);

	if (p == NULL)
		r->oom = true;
	return p;
}

struct str
reading_take(struct reading *r, struct buf *b)
{
	struct str out = STR_NULL;

	if (buf_failed(b) || arena_str(r->a, buf_str(b), &out) != KODO_OK)
		r->oom = true;
	buf_free(b);
	return out;
}

struct str
reading_fold(struct reading *r, struct str s)
{
	struct buf folded = BUF_INIT(0);

	utf8_fold(&folded, s);
	return reading_take(r, &folded);
}
