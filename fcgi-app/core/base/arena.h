/*
 * Memory that goes as a whole: one arena per request, reset between requests.
 *
 * Nothing taken from an arena is freed alone; all of it is valid until arena_reset or arena_free.
 * Sizes are rounded up to 16 bytes; what is returned is aligned for any type and not zeroed unless
 * said.
 */
#ifndef KODO_ARENA_H
#define KODO_ARENA_H

#include "core/base/err.h"
#include "core/base/str.h"

struct arena;

struct arena *arena_new(void);			/* NULL: memory ran out */
void arena_free(struct arena *a);		/* NULL is fine */

/*
 * Forget everything; keeps one block of at most 1 MiB, so that a large request does not stay in
 * memory.
 */
void arena_reset(struct arena *a);

void *arena_alloc(struct arena *a, size_t n) MUST_CHECK;	/* NULL: memory ran out */
void *arena_zalloc(struct arena *a, size_t n) MUST_CHECK;	/* zeroed */
void *arena_dup(struct arena *a, const void *p, size_t n) MUST_CHECK;
/*
 * Room for one more in a list of n elements of size bytes, which has room for *cap: the list
 * itself, or a copy of it with twice the room, and *cap raised. list may be NULL. NULL: memory ran
 * out.
 */
void *arena_grow(struct arena *a, void *list, size_t n, size_t *cap, size_t size) MUST_CHECK;
/* terminated copy; NULL for OOM (a null text gives "") */
char *arena_strz(struct arena *a, struct str s) MUST_CHECK;

/* Copy s into a. A null stays null. KODO_ENOMEM leaves *out null. */
enum kodo_err arena_str(struct arena *a, struct str s, struct str *out) MUST_CHECK;

/* NULL: OOM */
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;

/*
 * Call fn(arg) at the next arena_reset or arena_free, before the memory goes: for what a library
 * keeps outside of the arena. The last one asked for is called first. KODO_ENOMEM: fn will not be
 * called.
 */
enum kodo_err arena_at_end(struct arena *a, void (*fn)(void *arg), void *arg) MUST_CHECK;

size_t arena_used(const struct arena *a);	/* bytes handed out since the last reset */

#endif
