#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/limit.h"
#include "core/query/regex.h"

#define CALL_STEPS	10u	/* for a call by itself */
#define HEAP_KIB	512u	/* for backtracking, in the arena */
#define NEST_MAX	64u	/* parentheses in a pattern */

/*
 * A step takes some STEP_NS, up to ten times that in patterns of many nested repeats. So long
 * matches are also charged by the clock, every CLOCK_STEPS.
 */
#define STEP_NS		10
#define CLOCK_STEPS	1024u

/*
 * Machine code is made at use FAST_USES of an expression, if its code is at most FAST_CODE_BYTES
 * (making it takes up to 0.3 us a byte), and runs on texts of at most FAST_TEXT_BYTES. PCRE2 counts
 * the items tried from each place of the text and stops at a limit. One item can run over the rest
 * of the text, at some ns a character; with a limit of FAST_TRIES / length, the worst match passes
 * FAST_TRIES * length characters: 0.1 s. Every SAMPLE-th text is interpreted and stands for the
 * others, at 1 / FAST_GAIN of its steps each. For texts made to be cheap just there, the clock is
 * read every WATCH_BYTES.
 */
#define FAST_USES	32u
#define SAMPLE		32u
#define FAST_GAIN	6u
#define FAST_CODE_BYTES	4096u
#define FAST_TEXT_BYTES	1024u
#define FAST_TRIES	30000u
#define WATCH_BYTES	1024u

/* A class can take 5 ns for each of its members, for each character of the text. */
#define CLASS_BYTES	128u

/* What an item of a pattern costs. */
struct item_cost {
	unsigned short try_steps;	/* to try it */
	unsigned short char_steps_8;	/* to pass a character, in eighths of a step */
};

struct regex_pool {
	struct arena *a;
	pcre2_general_context *general;
	pcre2_compile_context *compile;
	pcre2_match_context *match;
	pcre2_match_context *fast_match;
	pcre2_match_data *data;
	struct regex *list;
	uint64_t steps;
	uint64_t budget;	/* in steps; grows with every row */
	/* the present match */
	const struct item_cost *costs;	/* of its expression */
	uint64_t next_look;	/* at the clock, in steps */
	int64_t looked_ns;	/* processor time at the last look; 0: none yet */
	size_t last;		/* offset in the text at the last item tried */
	size_t char_steps_8;	/* of that item */
	/* processor time that was left at wall_ns, when cpu_ns was used; grows with every row */
	int64_t left_ns, wall_ns, cpu_ns;
	size_t unwatched;	/* bytes of text since the clock was read */
	bool spent;		/* over the budget, for good */
};

struct regex {
	struct regex *next;
	struct str pattern;
	pcre2_code *code;	/* counts its steps */
	pcre2_code *fast;	/* machine code; NULL: none */
	struct item_cost *costs;	/* of the item at each byte of the pattern */
	uint32_t weight;	/* of its costliest item for a character; 1: a usual item */
	unsigned uses;
};

static const uint32_t options =
    PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;

static void *
pool_malloc(size_t n, void *arena)
{
	return arena_alloc(arena, n);
}

static void
pool_free(void *p, void *arena)
{
	(void)p;	/* freed with the arena */
	(void)arena;
}

/* Processor time of this thread. */
static int64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- items: PCRE2 runs an item without a callout, so nothing can end it --- */

/* Refused, as they take more than a few ns a character. */
static const char *const costly[] = { "\\X", "(*sr:", "(*script_run:", "(*asr:",
	"(*atomic_script_run:" };

static const struct item_cost escape_cost = { 4, 4 };	/* \b, \w, \p{L}: a table lookup */

/* The members of a class that take a table lookup. Others are bits of one map. */
static uint32_t
count_members(struct str item)
{
	uint32_t n = 0;
	size_t i;

	for (i = 1; i < item.len; i++)
		n += item.p[i] == '\\' || item.p[i] == '[' || (unsigned char)item.p[i] >= 0xC0;
	return n;
}

struct item_check {
	struct regex *re;
	const char *reason;	/* NULL: nothing is wrong */
	size_t offset;
};

static int
check_item(pcre2_callout_enumerate_block *block, void *data)
{
	struct item_check *c = data;
	struct regex *re = c->re;
	size_t pos = block->pattern_position, i;
	struct str item = { re->pattern.p + pos, block->next_item_length };
	uint32_t members = 0;

	re->costs[pos] = (struct item_cost){ 1, 1 };
	if (item.len == 0)
		return 0;	/* the end */
	for (i = 0; i < sizeof(costly) / sizeof(costly[0]); i++)
		if (str_starts(item, str_of(costly[i])))
			c->reason = "\\X and script runs are not supported";
	if (item.p[0] == '[' && item.len > CLASS_BYTES)
		c->reason = "character class is too long";
	c->offset = pos;
	if (c->reason != NULL)
		return 1;
	if (item.p[0] == '\\')
		re->costs[pos] = escape_cost;
	if (item.p[0] == '[') {
		members = count_members(item);
		re->costs[pos].char_steps_8 += (unsigned short)(3 * members);
	}
	if (members >= re->weight)
		re->weight = 1 + members;
	return 0;
}

/* --- the budget --- */

/* false: the budget has not so many steps left, and is now used up. */
static bool
charge(struct regex_pool *pool, uint64_t steps)
{
	uint64_t left = pool->budget - pool->steps;

	pool->steps += steps <= left ? steps : left;
	return steps <= left;
}

/*
 * Is more processor time used than allowed? The wall clock, which is quicker to read, comes first:
 * no more can be used than has passed.
 */
static bool
is_late(struct regex_pool *pool)
{
	int64_t now_ns = clock_mono_ns(), used_ns;

	pool->unwatched = 0;
	if (now_ns - pool->wall_ns <= pool->left_ns)
		return false;
	used_ns = cpu_ns() - pool->cpu_ns;
	pool->left_ns -= used_ns;
	pool->cpu_ns += used_ns;
	pool->wall_ns = now_ns;
	return pool->left_ns < 0;
}

/* Charge for the time of the last CLOCK_STEPS beyond the usual. false: the budget is used up. */
static bool
look_at_clock(struct regex_pool *pool)
{
	int64_t now_ns = cpu_ns();
	uint64_t steps = (uint64_t)(now_ns - pool->looked_ns) / STEP_NS;
	bool is_first = pool->looked_ns == 0;

	pool->looked_ns = now_ns;
	pool->next_look = pool->steps + CLOCK_STEPS;
	return is_first || steps <= CLOCK_STEPS || charge(pool, steps - CLOCK_STEPS);
}

/*
 * PCRE2 calls this before it tries an item of a pattern: count that, and the characters passed by
 * the item before it. End the match where the budget is used up.
 */
static int
count_step(pcre2_callout_block *block, void *data)
{
	struct regex_pool *pool = data;
	size_t at = block->current_position;
	size_t passed = at > pool->last ? at - pool->last : pool->last - at;
	struct item_cost cost = pool->costs[block->pattern_position];
	uint64_t steps = cost.try_steps + passed * pool->char_steps_8 / 8;

	pool->last = at;
	pool->char_steps_8 = cost.char_steps_8;
	return charge(pool, steps) && (pool->steps < pool->next_look || look_at_clock(pool))
	    ? 0 : PCRE2_ERROR_CALLOUT;
}

/* Machine code is outside of the arena. */
static void
drop_fast(void *arg)
{
	struct regex_pool *pool = arg;
	struct regex *re;

	for (re = pool->list; re != NULL; re = re->next)
		pcre2_code_free(re->fast);
}

struct regex_pool *
regex_pool_new(struct arena *a)
{
	struct regex_pool *pool = arena_zalloc(a, sizeof(*pool));

	if (pool == NULL)
		return NULL;
	pool->a = a;
	pool->budget = LIMIT_REGEX_STEPS;
	pool->left_ns = LIMIT_REGEX_NS;
	pool->wall_ns = clock_mono_ns();
	pool->cpu_ns = cpu_ns();
	pool->general = pcre2_general_context_create(pool_malloc, pool_free, a);
	if (pool->general == NULL)
		return NULL;
	pool->compile = pcre2_compile_context_create(pool->general);
	pool->match = pcre2_match_context_create(pool->general);
	pool->fast_match = pcre2_match_context_create(pool->general);
	pool->data = pcre2_match_data_create(1, pool->general);
	if (pool->compile == NULL || pool->match == NULL || pool->fast_match == NULL ||
	    pool->data == NULL || arena_at_end(a, drop_fast, pool) != KODO_OK)
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

void
regex_pool_row(struct regex_pool *pool)
{
	pool->budget += LIMIT_REGEX_ROW_STEPS;
	pool->left_ns += LIMIT_REGEX_ROW_NS;
}

enum kodo_err
regex_compile(struct regex_pool *pool, struct str pattern, struct regex **out, const char **reason,
    size_t *offset)
{
	PCRE2_UCHAR words[256];
	int code;
	struct regex *re;
	struct item_check check = { 0 };

	*out = NULL;
	*offset = 0;
	*reason = NULL;
	re = arena_zalloc(pool->a, sizeof(*re));
	if (re == NULL)
		return KODO_ENOMEM;
	check.re = re;
	re->pattern = pattern;
	re->code = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.len, options | PCRE2_AUTO_CALLOUT,
	    &code, offset, pool->compile);
	if (re->code == NULL) {
		if (code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAP_FAILED)
			return KODO_ENOMEM;
		pcre2_get_error_message(code, words, sizeof(words));
		*reason = arena_strz(pool->a, str_of((const char *)words));
		return *reason == NULL ? KODO_ENOMEM : KODO_EINVAL;
	}
	re->weight = 1;
	re->costs = arena_zalloc(pool->a, (pattern.len + 1) * sizeof(*re->costs));
	if (re->costs == NULL)
		return KODO_ENOMEM;
	if (pcre2_callout_enumerate(re->code, check_item, &check) != 0) {
		*reason = check.reason;
		*offset = check.offset;
		return KODO_EINVAL;
	}
	re->next = pool->list;
	pool->list = re;
	*out = re;
	return KODO_OK;
}

/* Try to make machine code; where that fails (some hosts forbid it) all is interpreted. */
static void
make_fast(struct regex_pool *pool, struct regex *re)
{
	pcre2_code *code;
	size_t bytes, offset;
	int error;

	code = pcre2_compile((PCRE2_SPTR)re->pattern.p, re->pattern.len, options, &error, &offset,
	    pool->compile);
	if (code == NULL)
		return;
	if (pcre2_pattern_info(code, PCRE2_INFO_SIZE, &bytes) != 0 || bytes > FAST_CODE_BYTES ||
	    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) != 0)
		pcre2_code_free(code);
	else
		re->fast = code;
}

bool
regex_is_compiled(void)
{
	int error;
	size_t offset;
	pcre2_code *code = pcre2_compile((PCRE2_SPTR)"a", 1, options, &error, &offset, NULL);
	bool is_compiled = code != NULL && pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;

	pcre2_code_free(code);
	return is_compiled;
}

static int
match_counted(struct regex_pool *pool, const struct regex *re, struct str s)
{
	if (!charge(pool, CALL_STEPS + s.len / 8))
		return PCRE2_ERROR_CALLOUT;
	pool->last = 0;
	pool->char_steps_8 = 1;
	pool->costs = re->costs;
	pool->looked_ns = 0;
	pool->next_look = pool->steps + CLOCK_STEPS;
	return pcre2_match(re->code, (PCRE2_SPTR)s.p, s.len, 0, PCRE2_NO_UTF_CHECK, pool->data,
	    pool->match);
}

/* Returns as pcre2_match. Long texts, and matches that reach the limit, are interpreted. */
static int
match_fast(struct regex_pool *pool, const struct regex *re, struct str s)
{
	uint32_t tries = s.len > FAST_TEXT_BYTES ? 0 :
	    FAST_TRIES / re->weight / ((uint32_t)s.len + 1);
	int rc;

	if (tries == 0)	/* no limit to PCRE2 */
		return match_counted(pool, re, s);
	pcre2_set_match_limit(pool->fast_match, tries);
	rc = pcre2_jit_match(re->fast, (PCRE2_SPTR)s.p, s.len, 0, 0, pool->data,
	    pool->fast_match);
	pool->unwatched += s.len;
	if (pool->unwatched >= WATCH_BYTES && is_late(pool))
		return PCRE2_ERROR_CALLOUT;
	return rc < PCRE2_ERROR_NOMATCH ? match_counted(pool, re, s) : rc;
}

/* As match_counted, and charge for the uncounted others. */
static int
match_sample(struct regex_pool *pool, const struct regex *re, struct str s)
{
	uint64_t before = pool->steps;
	int rc = match_counted(pool, re, s);

	return charge(pool, (pool->steps - before) * (SAMPLE - 1) / FAST_GAIN) && !is_late(pool)
	    ? rc : PCRE2_ERROR_CALLOUT;
}

enum kodo_err
regex_match(struct regex_pool *pool, struct regex *re, struct str s, bool *matches)
{
	int rc;

	*matches = false;
	if (pool->spent)
		return KODO_ETOOBIG;
	if (++re->uses == FAST_USES)
		make_fast(pool, re);
	if (re->fast == NULL)
		rc = match_counted(pool, re, s);
	else if (re->uses % SAMPLE == 0)
		rc = match_sample(pool, re, s);
	else
		rc = match_fast(pool, re, s);
	*matches = rc >= 0;
	if (rc == PCRE2_ERROR_NOMEMORY)
		return KODO_ENOMEM;
	/* below NOMATCH: the budget, a limit of PCRE2, or a pattern that loops */
	pool->spent = rc < PCRE2_ERROR_NOMATCH;
	return pool->spent ? KODO_ETOOBIG : KODO_OK;
}
