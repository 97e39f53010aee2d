#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "../limit.h"
#include "regex.h"

#define CHARS_PER_STEP	8u	/* passing characters is cheaper than trying an item */
#define CALL_STEPS	10u	/* what one call costs by itself */
#define HEAP_KIB	512u	/* for backtracking; the arena holds it */
#define NEST_MAX	64u	/* parentheses in a pattern */

struct regex_pool {
	struct arena *a;
	pcre2_general_context *general;
	pcre2_compile_context *compile;
	pcre2_match_context *match;
	pcre2_match_data *data;
	uint64_t steps;
	uint64_t budget;	/* grows with every row that is looked at */
	size_t last;		/* offset at the last item tried */
	bool spent;		/* over the budget once: over it for good */
};

struct regex {
	pcre2_code *code;
};

static void *
pool_malloc(size_t n, void *arena)
{
	return arena_alloc(arena, n);
}

static void
pool_free(void *p, void *arena)
{
	(void)p;	/* goes with the arena */
	(void)arena;
}

/*
 * Called before every item of a pattern that is tried: counts, and ends the match where the budget
 * is used up.
 */
static int
count_step(pcre2_callout_block *block, void *data)
{
	struct regex_pool *pool = data;
	size_t at = block->current_position;
	size_t passed = at > pool->last ? at - pool->last : pool->last - at;

	pool->last = at;
	pool->steps += 1 + passed / CHARS_PER_STEP;
	return pool->steps > pool->budget ? PCRE2_ERROR_CALLOUT : 0;
}

struct regex_pool *
regex_pool_new(struct arena *a)
{
	struct regex_pool *pool = arena_zalloc(a, sizeof(*pool));

	if (pool == NULL)
		return NULL;
	pool->a = a;
	pool->budget = LIMIT_REGEX_STEPS;
	pool->general = pcre2_general_context_create(pool_malloc, pool_free, a);
	if (pool->general == NULL)
		return NULL;
	pool->compile = pcre2_compile_context_create(pool->general);
	pool->match = pcre2_match_context_create(pool->general);
	pool->data = pcre2_match_data_create(1, pool->general);
	if (pool->compile == NULL || pool->match == NULL || pool->data == NULL)
		return NULL;
	pcre2_set_parens_nest_limit(pool->compile, NEST_MAX);
	pcre2_set_match_limit(pool->match, LIMIT_REGEX_STEPS);
	pcre2_set_depth_limit(pool->match, LIMIT_REGEX_STEPS);
	pcre2_set_heap_limit(pool->match, HEAP_KIB);
	pcre2_set_callout(pool->match, count_step, pool);
	return pool;
}

uint64_t
regex_pool_steps(const struct regex_pool *pool)
{
	return pool->steps;
}

enum kodo_err
regex_compile(struct regex_pool *pool, struct str pattern, struct regex **out, const char **reason,
    size_t *offset)
{
	const uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C |
	    PCRE2_AUTO_CALLOUT | PCRE2_DOLLAR_ENDONLY;
	PCRE2_UCHAR words[256];
	int code;
	struct regex *re;

	*out = NULL;
	*offset = 0;
	*reason = NULL;
	re = arena_alloc(pool->a, sizeof(*re));
	if (re == NULL)
		return KODO_ENOMEM;
	re->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.len, options, &code, offset,
	    pool->compile);
	if (re->code == NULL) {
		if (code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAP_FAILED)
			return KODO_ENOMEM;
		pcre2_get_error_message(code, words, sizeof(words));
		*reason = arena_strz(pool->a, str_of((const char *)words));
		return *reason == NULL ? KODO_ENOMEM : KODO_EINVAL;
	}
	*out = re;
	return KODO_OK;
}

enum kodo_err
regex_match(struct regex_pool *pool, const struct regex *re, struct str s, bool *matches)
{
	int rc;

	*matches = false;
	pool->steps += CALL_STEPS + s.len / CHARS_PER_STEP;
	pool->budget += LIMIT_REGEX_ROW_STEPS;
	if (pool->spent || pool->steps > pool->budget)
		return KODO_ETOOBIG;
	pool->last = 0;
	rc = pcre2_match(re->code, (PCRE2_SPTR)s.p, s.len, 0, PCRE2_NO_UTF_CHECK, pool->data,
	    pool->match);
	if (rc >= 0 || rc == PCRE2_ERROR_NOMATCH) {
		*matches = rc >= 0;
		return KODO_OK;
	}
	pool->spent = true;	/* the budget, a limit of PCRE2, or a pattern that loops */
	return KODO_ETOOBIG;
}
