#include "core/query/needle.h"
#include "core/query/words.h"

/*
 * The fields that the folded text is made of. Folding goes character by character, so the folding
 * of a part of such a field is a part of the folded text.
 */
#define IN_FOLDED \
	(QUERY_BIT(QUERY_ORGANIZATION) | QUERY_BIT(QUERY_NAME) | QUERY_BIT(QUERY_AUTHOR) | \
	    QUERY_BIT(QUERY_DESCRIPTION) | QUERY_BIT(QUERY_TAGS) | QUERY_BIT(QUERY_FOLDED))

static bool
holds(struct str s, struct str part)
{
	return part.len > 0 && s.len >= part.len && memmem(s.p, s.len, part.p, part.len) != NULL;
}

/* The one of two texts that the other contains; null: neither. */
static struct str
common(struct str a, struct str b)
{
	return holds(a, b) ? b : holds(b, a) ? a : STR_NULL;
}

static struct str
needle_of_list(struct reading *r, const struct test *t)
{
	struct str s;
	size_t i;

	if (t->n == 0)
		return STR_NULL;
	s = reading_fold(r, t->list[0]);
	for (i = 1; i < t->n && s.len > 0; i++)
		s = common(s, reading_fold(r, t->list[i]));
	return s;
}

static struct str
needle_of_test(struct reading *r, const struct test *t)
{
	if (t->kind == TEST_WORDS)
		return words_needle(t->words);
	if ((QUERY_BIT(t->field) & IN_FOLDED) == 0)
		return STR_NULL;
	switch ((int)t->kind) {
	case TEST_FOLDED:
		return t->also == NULL ? words_longest(t) : STR_NULL;
	case TEST_LIKE:
		return t->folded;
	case TEST_EQ:
	case TEST_EQ_FOLDED:
	case TEST_CONTAINS:
	case TEST_STARTS:
	case TEST_ENDS:
	case TEST_TAG:
		return reading_fold(r, t->text);
	case TEST_REGEX:
		return reading_fold(r, t->literal);
	case TEST_IN:
		return needle_of_list(r, t);
	default:
		return STR_NULL;
	}
}

struct str
needle_of(struct reading *r, const struct node *n, bool truth)
{
	struct str s = STR_NULL, part;
	bool all;
	size_t i;

	if (n->kind == NODE_TEST)
		return truth ? needle_of_test(r, &n->test) : STR_NULL;
	if (n->kind == NODE_NOT)
		return needle_of(r, n->kid[0], !truth);
	all = (n->kind == NODE_AND) == truth;	/* not (a or b): not a and not b */
	for (i = 0; i < n->n; i++) {
		part = needle_of(r, n->kid[i], truth);
		if (all)
			s = part.len > s.len ? part : s;
		else
			s = i == 0 ? part : common(s, part);
	}
	return s;
}
