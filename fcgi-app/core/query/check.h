/*
 * What a query means: tests on fields, joined by and, or, not. Made by the checker, run by eval.c.
 * Inside query/ only.
 */
#ifndef KODO_QUERY_CHECK_H
#define KODO_QUERY_CHECK_H

#include "core/query/parse.h"
#include "core/query/regex.h"
#include "core/query/row.h"

enum test_kind {
	TEST_CONST,		/* yes */
	TEST_FOLDED,		/* the folded text holds folded */
	TEST_EQ,		/* a text is text; a null is the empty text */
	TEST_ORDER,		/* a text is less, equal, greater (mask) than text; no null is */
	TEST_IN,		/* a text is in list; a null is in none */
	TEST_LIKE,		/* a text, folded, holds folded */
	TEST_CONTAINS,
	TEST_STARTS,
	TEST_ENDS,
	TEST_REGEX,
	TEST_NULL,
	TEST_TAG,		/* one of the tags is text */
	TEST_EQ_FIELD,		/* two text fields; nulls are empty texts */
	TEST_ORDER_FIELD,
	TEST_TIME_EQ,		/* a time is us */
	TEST_TIME_ORDER,
	TEST_TIME_IN,		/* times */
	TEST_TIME_EQ_FIELD,	/* two times; null is equal to null only */
	TEST_TIME_ORDER_FIELD
};

enum { MASK_LESS = 1, MASK_EQUAL = 2, MASK_GREATER = 4 };

struct test {
	enum test_kind kind;
	enum query_field field;
	enum query_field other;		/* *_FIELD */
	unsigned mask;			/* *_ORDER* */
	bool yes;			/* TEST_CONST */
	struct str text;
	struct str folded;
	const uint16_t *skip;		/* TEST_LIKE: see make_skip_table */
	const struct str *list;		/* TEST_IN, sorted */
	const int64_t *times;		/* TEST_TIME_IN */
	size_t n;			/* of list or times */
	struct regex *regex;		/* TEST_REGEX */
	struct str literal;		/* what each match of it holds, or null */
	int64_t us;
};

enum node_kind { NODE_TEST, NODE_AND, NODE_OR, NODE_NOT };

struct node {
	enum node_kind kind;
	struct test test;		/* NODE_TEST */
	struct node **kid;
	size_t n;			/* NOT: 1 */
};

struct checked {
	struct node *root;
	unsigned needs;			/* QUERY_BITs */
	struct regex_pool *pool;	/* NULL where there is no regular expression */
};

/* false: the reading says why. */
bool check_query(struct reading *r, const struct ast *ast, struct checked *out);

/* The text folded, in the arena of r; null for OOM, which the reading then says. */
struct str check_fold(struct reading *r, struct str s);

#endif
