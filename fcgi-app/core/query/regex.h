/*
 * Regular expressions (PCRE2, UTF-8, Unicode classes) with a budget of steps. Inside query/ only;
 * regex.c is the only includer of pcre2.h.
 *
 * A step is about ten nanoseconds: an item of a pattern tried, eight characters passed. All
 * expressions of one query draw on one budget, so that many of them are no worse than one.
 */
#ifndef KODO_QUERY_REGEX_H
#define KODO_QUERY_REGEX_H

#include <stdint.h>

#include "../arena.h"

struct regex;
struct regex_pool;	/* what the expressions of one query share */

/* NULL: memory ran out. Everything lives in a. */
struct regex_pool *regex_pool_new(struct arena *a);

uint64_t regex_pool_steps(const struct regex_pool *pool);	/* taken so far */

/*
 * KODO_EINVAL: not a regular expression; *reason (in the arena) says why and *offset at which byte
 * of the pattern. KODO_ENOMEM.
 */
enum kodo_err regex_compile(struct regex_pool *pool, struct str pattern, struct regex **out,
    const char **reason, size_t *offset) MUST_CHECK;

/*
 * Does it match somewhere in s (valid UTF-8)? KODO_ETOOBIG: the budget is used up, now and from now
 * on.
 */
enum kodo_err regex_match(struct regex_pool *pool, const struct regex *re, struct str s,
    bool *matches) MUST_CHECK;

/*
 * A text that every match of pattern holds as it is, in a; null if there is none that is easily
 * seen. KODO_ENOMEM.
 */
enum kodo_err regex_literal(struct arena *a, struct str pattern, struct str *out) MUST_CHECK;

#endif
