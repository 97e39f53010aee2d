/*
 * Memory that is freed as a whole: one arena per request, reset between requests.
 *
 * All of it is valid until arena_reset or arena_free. Sizes are rounded up to 16 bytes; pointers
 * are aligned for any type. Only arena_zalloc zeroes.
 */
#ifndef KODO_ARENA_H
#define KODO_ARENA_H

#include <stdint.h>

#include "core/base/err.h"
#include "core/base/str.h"

struct arena;

struct arena *arena_new(void);			/* NULL: memory ran out */
void arena_free(struct arena *a);		/* NULL is fine */

/*
 * Free everything but one block of at most 1 MiB: a large request does not stay in memory.
 */
void arena_reset(struct arena *a);

void *arena_alloc(struct arena *a, size_t n) MUST_CHECK;	/* NULL: memory ran out */
void *arena_zalloc(struct arena *a, size_t n) MUST_CHECK;	/* zeroed */
void *arena_dup(struct arena *a, const void *p, size_t n) MUST_CHECK;
/*
 * A list of n elements of size bytes and capacity *cap with room for one more: list itself, or a
 * copy of twice its capacity. list may be NULL. NULL: memory ran out.
 */
void *arena_grow(struct arena *a, void *list, size_t n, size_t *cap, size_t size) MUST_CHECK;

/* Ids in a growing list. KODO_ENOMEM. */
struct arena_ids {
	uint32_t *all;
	size_t n, cap;
};
enum kodo_err arena_ids_add(struct arena *a, struct arena_ids *ids, uint32_t id) MUST_CHECK;
/* Terminated copy; a null text gives "". NULL: memory ran out, as of arena_printf. */
char *arena_strz(struct arena *a, struct str s) MUST_CHECK;

/* Copy s into a. A null stays null. KODO_ENOMEM leaves *out null. */
enum kodo_err arena_str(struct arena *a, struct str s, struct str *out) MUST_CHECK;

char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;

/*
 * Call fn(arg) at the next arena_reset or arena_free, before the memory is freed: for a library's
 * memory outside of the arena. The last fn is called first. KODO_ENOMEM: fn will not be called.
 */
enum kodo_err arena_at_end(struct arena *a, void (*fn)(void *arg), void *arg) MUST_CHECK;

size_t arena_used(const struct arena *a);	/* bytes handed out since the last reset */

#endif
