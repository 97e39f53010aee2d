/*
 * The meaning of a query: tests on fields, joined by and, or, not. The checker makes it; eval.c
 * runs it, needle.c and explain.c read it. Inside query/ only.
 */
#ifndef KODO_QUERY_PREDICATE_H
#define KODO_QUERY_PREDICATE_H

#include "core/query/regex.h"
#include "core/query/row.h"
#include "core/words/words.h"

/* Where nothing else is said, a null fulfils no test. */
enum test_kind {
	TEST_CONST,		/* yes */
	TEST_FOLDED,		/* the folded text contains folded, each blank being a run */
	TEST_WORDS,		/* the flow has words */
	TEST_EQ,		/* a text is text; a null counts as the empty text */
	TEST_EQ_FOLDED,		/* a text, once folded, is text; a null counts as the empty text */
	TEST_ORDER,		/* a text is less than, equal to, greater than (mask) text */
	TEST_IN,		/* a text is in list */
	TEST_LIKE,		/* a text, once folded, contains folded */
	TEST_CONTAINS,		/* text */
	TEST_STARTS,
	TEST_ENDS,
	TEST_REGEX,
	TEST_NULL,
	TEST_TAG,		/* one of the tags is text */
	TEST_EQ_FIELD,		/* two texts are equal; nulls count as empty texts */
	TEST_ORDER_FIELD,
	TEST_TIME_EQ,		/* a time is us */
	TEST_TIME_ORDER,
	TEST_TIME_IN,		/* times */
	TEST_TIME_EQ_FIELD,	/* two times are equal; null is equal to null only */
	TEST_TIME_ORDER_FIELD
};

enum { MASK_LESS = 1, MASK_EQUAL = 2, MASK_GREATER = 4 };

struct test {
	enum test_kind kind;
	enum query_field field;
	enum query_field other;		/* *_FIELD */
	unsigned mask;			/* MASK_EQUAL but for *_ORDER* */
	bool yes;			/* TEST_CONST */
	struct str text;
	struct str folded;
	/* see build_skip_table; TEST_LIKE, and TEST_FOLDED where folded has blanks */
	const uint16_t *skip;
	size_t word_at, word_len;	/* TEST_FOLDED: the longest word of folded */
	const struct test *also;	/* TEST_FOLDED: another one that may be fulfilled */
	const struct words *words;	/* TEST_WORDS */
	const struct str *list;		/* TEST_IN, sorted */
	const int64_t *times;		/* TEST_TIME_IN, sorted */
	size_t n;			/* of list or times */
	struct regex *regex;		/* TEST_REGEX */
	struct str literal;		/* contained in each match of regex; or null */
	int64_t us;
};

enum node_kind { NODE_TEST, NODE_AND, NODE_OR, NODE_NOT };

struct node {
	enum node_kind kind;
	struct test test;		/* NODE_TEST */
	struct node **kid;
	size_t n;			/* kids; NODE_NOT: 1 */
};

/* Does the test compare two fields, field and other? */
static inline bool
test_has_other(const struct test *t)
{
	return t->kind == TEST_EQ_FIELD || t->kind == TEST_ORDER_FIELD ||
	    t->kind == TEST_TIME_EQ_FIELD || t->kind == TEST_TIME_ORDER_FIELD;
}

/* Is the result of a comparison (less than, equal to, greater than 0) in the mask? */
static inline bool
mask_has(unsigned mask, int order)
{
	return (mask & (order < 0 ? MASK_LESS : order > 0 ? MASK_GREATER : MASK_EQUAL)) != 0;
}

#endif
