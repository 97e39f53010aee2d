#include "core/base/ascii.h"
#include "core/base/limit.h"
#include "core/base/memfind.h"
#include "core/base/utf8.h"
#include "core/query/build.h"
#include "core/query/eval.h"
#include "core/query/words.h"

#define CHARS_PER_STEP	16u

static inline bool
holds(struct str s, struct str part)
{
	return s.len >= part.len && (part.len == 0 || memfind(s, part) != NULL);
}

static inline int
time_cmp(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static bool
in_list(const struct test *t, struct str s)
{
	size_t low = 0, high = t->n, middle;
	int c;

	while (low < high) {
		middle = low + (high - low) / 2;
		c = str_cmp(s, t->list[middle]);
		if (c == 0)
			return true;
		if (c < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

static bool
in_times(const struct test *t, int64_t us)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (t->times[i] == us)
			return true;
	return false;
}

/* Does s, folded on the way, contain t->folded? Linear, without a copy. */
static bool
holds_folded(const struct test *t, struct str s)
{
	size_t pos = 0, k = 0, i, n;
	char c[4];

	while (pos < s.len && k < t->folded.len) {
		if ((signed char)s.p[pos] >= 0) {
			k = build_skip_step(t->folded, t->skip, k, ascii_lower(s.p[pos]));
			pos++;
			continue;
		}
		n = utf8_fold_next(s, &pos, c);
		for (i = 0; i < n && k < t->folded.len; i++)
			k = build_skip_step(t->folded, t->skip, k, c[i]);
	}
	return k == t->folded.len;
}

/* Is text what s is once it is folded? */
static bool
eq_folded(struct str s, struct str text)
{
	size_t pos = 0, at = 0, n;
	char c[4];

	while (pos < s.len) {
		n = utf8_fold_next(s, &pos, c);
		if (n > text.len - at || memcmp(text.p + at, c, n) != 0)
			return false;
		at += n;
	}
	return at == text.len;
}

static bool
has_tag(const struct row *row, struct str tag)
{
	size_t i;

	for (i = 0; i < row->n_tags; i++)
		if (str_eq(row->tags[i], tag))
			return true;
	return false;
}

/* The tests of one text, not null. */
static bool
test_text(const struct test *t, struct str s)
{
	switch ((int)t->kind) {
	case TEST_ORDER:
		return mask_has(t->mask, str_cmp(s, t->text));
	case TEST_IN:
		return in_list(t, s);
	case TEST_LIKE:
		return holds_folded(t, s);
	case TEST_FOLDED:
		return words_find(t, s) != NULL;
	case TEST_CONTAINS:
		return holds(s, t->text);
	case TEST_STARTS:
		return str_starts(s, t->text);
	case TEST_ENDS:
		return str_ends(s, t->text);
	default:
		return false;
	}
}

/* The tests of times that no null fulfils. */
static bool
test_time(const struct test *t, const struct row *row)
{
	int64_t us = row_time(row, t->field), other;

	if (us == 0)
		return false;
	switch ((int)t->kind) {
	case TEST_TIME_EQ:
		return us == t->us;
	case TEST_TIME_ORDER:
		return mask_has(t->mask, time_cmp(us, t->us));
	case TEST_TIME_IN:
		return in_times(t, us);
	case TEST_TIME_ORDER_FIELD:
		other = row_time(row, t->other);
		return other != 0 && mask_has(t->mask, time_cmp(us, other));
	default:
		return false;
	}
}

static bool
test_null(enum query_field field, const struct row *row)
{
	if (query_field_type(field) == QUERY_TYPE_TIME)
		return row_time(row, field) == 0;
	return field != QUERY_TAGS && row_text(row, field).p == NULL;
}

static enum query_verdict
test_regex(const struct program *p, const struct test *t, struct str s)
{
	enum kodo_err err;
	bool matches;

	if (s.p == NULL || !holds(s, t->literal))
		return QUERY_NO;
	err = regex_match(p->pool, t->regex, s, &matches);
	if (err != KODO_OK)
		return err == KODO_ENOMEM ? QUERY_NO_MEMORY : QUERY_OVER_BUDGET;
	return matches ? QUERY_YES : QUERY_NO;
}

static bool
test_order_field(const struct test *t, const struct row *row)
{
	struct str a = row_text(row, t->field), b = row_text(row, t->other);

	return a.p != NULL && b.p != NULL && mask_has(t->mask, str_cmp(a, b));
}

static enum query_verdict
test_row(const struct program *p, const struct test *t, const struct row *row)
{
	struct str s;
	bool yes;

	switch (t->kind) {
	case TEST_CONST:
		yes = t->yes;
		break;
	case TEST_WORDS:
		yes = p->rank > 0;
		break;
	case TEST_EQ:
		yes = str_eq(row_text(row, t->field), t->text);
		break;
	case TEST_EQ_FOLDED:
		yes = eq_folded(row_text(row, t->field), t->text);
		break;
	case TEST_NULL:
		yes = test_null(t->field, row);
		break;
	case TEST_TAG:
		yes = has_tag(row, t->text);
		break;
	case TEST_EQ_FIELD:
		yes = str_eq(row_text(row, t->field), row_text(row, t->other));
		break;
	case TEST_ORDER_FIELD:
		yes = test_order_field(t, row);
		break;
	case TEST_TIME_EQ_FIELD:
		yes = row_time(row, t->field) == row_time(row, t->other);
		break;
	case TEST_TIME_EQ:
	case TEST_TIME_ORDER:
	case TEST_TIME_IN:
	case TEST_TIME_ORDER_FIELD:
		yes = test_time(t, row);
		break;
	case TEST_REGEX:
		return test_regex(p, t, row_text(row, t->field));
	case TEST_FOLDED:
	case TEST_ORDER:
	case TEST_IN:
	case TEST_LIKE:
	case TEST_CONTAINS:
	case TEST_STARTS:
	case TEST_ENDS:
	default:
		s = row_text(row, t->field);
		yes = s.p != NULL && test_text(t, s);
	}
	return yes ? QUERY_YES : QUERY_NO;
}

/* Add the allowance of one more row. false: the budget is used up. */
static bool
begin_row(struct program *p)
{
	if (p->steps_left == 0)
		return false;
	p->steps_left += LIMIT_QUERY_ROW_STEPS;
	if (p->pool != NULL)
		regex_pool_row(p->pool);
	return true;
}

/* Run a test and charge for it; QUERY_OVER_BUDGET now and ever after where the budget ends. */
static enum query_verdict
run_test(struct program *p, const struct test *t, const struct row *row)
{
	uint64_t cost = 1, vain = 0;

	if (t->kind == TEST_WORDS) {
		p->rank = words_rank(t->words, row->folded, &row->bounds, &vain);
		cost += vain / CHARS_PER_STEP;
	}
	if (t->skip != NULL || t->kind == TEST_CONTAINS || t->kind == TEST_EQ_FOLDED)
		cost += row_text(row, t->field).len / CHARS_PER_STEP;
	if (cost >= p->steps_left) {
		p->steps_left = 0;
		return QUERY_OVER_BUDGET;
	}
	p->steps_left -= cost;
	return test_row(p, t, row);
}

enum query_verdict
eval_row(struct program *p, const struct row *row)
{
	enum query_verdict v;
	size_t i = 0;

	if (p->n == 0)
		return QUERY_YES;
	if (!begin_row(p))
		return QUERY_OVER_BUDGET;
	while (i < EVAL_NO) {
		v = run_test(p, p->steps[i].test, row);
		if (v >= QUERY_OVER_BUDGET)
			return v;
		i = v == QUERY_YES ? p->steps[i].yes : p->steps[i].no;
	}
	return i == EVAL_YES ? QUERY_YES : QUERY_NO;
}

/* The verdict at a target: of a later step, or of the end. */
static unsigned char
verdict_at(const unsigned char *verdicts, unsigned target)
{
	return target == EVAL_YES ? QUERY_YES : target == EVAL_NO ? QUERY_NO : verdicts[target];
}

/*
 * From the last step to the first. A test of known fields has the verdict of the way it takes; one
 * of unknown fields has a verdict only if both ways have the same.
 */
enum query_verdict
eval_partial(struct program *p, const struct row *row, unsigned known)
{
	unsigned char verdicts[LIMIT_QUERY_NODES], yes, no;
	const struct step *s;
	enum query_verdict v;
	size_t i;

	if (p->n == 0)
		return QUERY_YES;
	if (!begin_row(p))
		return QUERY_OVER_BUDGET;
	for (i = p->n; i-- > 0;) {
		s = &p->steps[i];
		yes = verdict_at(verdicts, s->yes);
		no = verdict_at(verdicts, s->no);
		if (yes == no)
			verdicts[i] = yes;
		else if ((s->needs & ~known) != 0)
			verdicts[i] = QUERY_MAYBE;
		else {
			v = run_test(p, s->test, row);
			if (v >= QUERY_OVER_BUDGET)
				return v;
			verdicts[i] = v == QUERY_YES ? yes : no;
		}
	}
	return (enum query_verdict)verdicts[0];
}

static size_t
count_tests(const struct node *n)
{
	size_t i, sum = n->kind == NODE_TEST;

	for (i = 0; i < n->n; i++)
		sum += count_tests(n->kid[i]);
	return sum;
}

static unsigned
test_needs(const struct test *t)
{
	if (t->kind == TEST_CONST)
		return 0;
	if (test_has_other(t))
		return QUERY_BIT(t->field) | QUERY_BIT(t->other);
	return QUERY_BIT(t->field);
}

/*
 * Write the steps of n in front of step *free_at, with the targets yes and no; returns the first of
 * them. Last kid first, as the first step of a kid is a target of the kid before it.
 */
static uint16_t
emit(struct step *steps, size_t *free_at, const struct node *n, uint16_t yes, uint16_t no)
{
	uint16_t entry;
	size_t i;

	if (n->kind == NODE_NOT)
		return emit(steps, free_at, n->kid[0], no, yes);
	if (n->kind == NODE_TEST) {
		(*free_at)--;
		steps[*free_at] = (struct step){ &n->test, test_needs(&n->test), yes, no };
		return (uint16_t)*free_at;
	}
	entry = n->kind == NODE_AND ? yes : no;
	for (i = n->n; i-- > 0;)
		entry = n->kind == NODE_AND ? emit(steps, free_at, n->kid[i], entry, no) :
		    emit(steps, free_at, n->kid[i], yes, entry);
	return entry;
}

enum kodo_err
eval_compile(struct arena *a, const struct node *root, struct regex_pool *pool,
    struct program *out)
{
	size_t n = count_tests(root), free_at = n, i;
	struct step *steps;

	*out = (struct program){ .n = 0 };
	if (n > LIMIT_QUERY_NODES)
		return KODO_ETOOBIG;	/* the parser makes fewer */
	steps = arena_alloc(a, n * sizeof(*steps));
	if (steps == NULL)
		return KODO_ENOMEM;
	emit(steps, &free_at, root, EVAL_YES, EVAL_NO);
	*out = (struct program){ .steps = steps, .n = n, .pool = pool,
		.steps_left = LIMIT_QUERY_STEPS };
	for (i = 0; i < n; i++)
		out->needs |= steps[i].needs;
	return KODO_OK;
}
