/*
 * Regular expressions (PCRE2, UTF-8, Unicode classes) with a budget. Inside query/ only; regex.c is
 * the only includer of pcre2.h.
 *
 * An expression is interpreted at first, and each of its steps counted: an item of a pattern tried,
 * some characters passed. One that is used often is compiled to machine code, which is five to ten
 * times as fast but counts nothing. So every 32nd text is still interpreted, and its steps stand
 * for the others' too. The budget is of work, not of time: what is answered on one machine is
 * answered on a slower or a busy one. A limit of processor time, far above, is for texts made to
 * deceive the count. All expressions of one query draw on one budget, so that many are no worse
 * than one.
 */
#ifndef KODO_QUERY_REGEX_H
#define KODO_QUERY_REGEX_H

#include <stdint.h>

#include "core/base/arena.h"

struct regex;
struct regex_pool;	/* what the expressions of one query share */

/* NULL: memory ran out. Everything lives in a; machine code goes when a is reset or freed. */
struct regex_pool *regex_pool_new(struct arena *a);

uint64_t regex_pool_steps(const struct regex_pool *pool);	/* taken so far */

/* A row is looked at: the budget grows by what one row may cost. */
void regex_pool_row(struct regex_pool *pool);

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
enum kodo_err regex_match(struct regex_pool *pool, struct regex *re, struct str s,
    bool *matches) MUST_CHECK;

bool regex_is_compiled(void);	/* see query_is_compiled */

/*
 * A text that every match of pattern holds as it is, in a; null if there is none that is easily
 * seen. KODO_ENOMEM.
 */
enum kodo_err regex_literal(struct arena *a, struct str pattern, struct str *out) MUST_CHECK;

#endif
