/*
 * Regular expressions (PCRE2, UTF-8, Unicode classes) with a budget. Inside query/ only; regex.c is
 * the only includer of pcre2.h.
 *
 * An expression is interpreted at first, and its steps are counted: each item of a pattern tried,
 * each few characters passed. An expression that is used often is compiled to machine code, which
 * is five to ten times as fast but counts nothing. So every 32nd text is still interpreted, and its
 * steps stand for those of the others. The budget is of steps, not of time: a query has the same
 * answer on a slow or busy machine. A limit of processor time, far above, is for texts made to
 * deceive the count. All expressions of a query share one budget, or many would cost more than one.
 */
#ifndef KODO_REGEX_H
#define KODO_REGEX_H

#include <stdint.h>

#include "core/base/arena.h"

struct regex;
struct regex_pool;	/* memory and budget of the expressions of one query */

/* NULL: memory ran out. All of it is in a; machine code is freed when a is reset or freed. */
struct regex_pool *regex_pool_new(struct arena *a);

uint64_t regex_pool_steps(const struct regex_pool *pool);	/* taken so far */

/* Add the allowance of one more row to the budget. */
void regex_pool_row(struct regex_pool *pool);

/*
 * KODO_EINVAL: not a regular expression; *reason (in the arena) is the error, *offset its byte in
 * the pattern. KODO_ENOMEM.
 */
enum kodo_err regex_compile(struct regex_pool *pool, struct str pattern, struct regex **out,
    const char **reason, size_t *offset) MUST_CHECK;

/*
 * Does it match in s (valid UTF-8)? KODO_ETOOBIG: the budget is used up, now and ever after.
 * KODO_ENOMEM.
 */
enum kodo_err regex_match(struct regex_pool *pool, struct regex *re, struct str s,
    bool *matches) MUST_CHECK;

bool regex_is_compiled(void);	/* see query_is_compiled */

/*
 * A text, in a, that is contained in each match of pattern; null if there is none that is easily
 * found. KODO_ENOMEM.
 */
enum kodo_err regex_literal(struct arena *a, struct str pattern, struct str *out) MUST_CHECK;

#endif
