/*
 * One query on its way from text to program: its memory, and the first error found in it. Inside
 * query/ only.
 */
#ifndef KODO_QUERY_READING_H
#define KODO_QUERY_READING_H

#include "core/base/arena.h"
#include "core/base/buf.h"

struct reading {
	struct arena *a;
	struct str q;
	const char *error;	/* "<Error>: <reason>"; NULL: none so far */
	size_t at;		/* byte of q at which the error is */
	bool oom;		/* memory ran out: the whole compilation fails */
};

/* Note an error unless there is one already. Always returns NULL. */
void *reading_fail(struct reading *r, size_t at, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The 1-based column, in characters, of byte at. */
size_t reading_column(const struct reading *r, size_t at);

void *reading_alloc(struct reading *r, size_t n);	/* zeroed; NULL sets oom */

/* The text of b, which is freed, in the arena; null sets oom. */
struct str reading_take(struct reading *r, struct buf *b);

/* The folding of s (utf8.h), in the arena; null sets oom. */
struct str reading_fold(struct reading *r, struct str s);

#endif
