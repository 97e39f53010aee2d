/*
 * A predicate as a flat program: a list of tests, each with the step that follows where it is
 * fulfilled and the one that follows where it is not. Both are further down: one pass at most.
 * Inside query/ only.
 */
#ifndef KODO_EVAL_H
#define KODO_EVAL_H

#include "core/query/predicate.h"

struct step {
	const struct test *test;
	unsigned needs;		/* QUERY_BITs of the fields of the test */
	uint16_t yes;		/* the next step, or EVAL_YES or EVAL_NO */
	uint16_t no;
};

#define EVAL_YES	0xFFFFu
#define EVAL_NO		0xFFFEu

struct program {
	const struct step *steps;
	size_t n;		/* 0: everything matches */
	unsigned needs;		/* QUERY_BITs of the fields of all tests */
	struct regex_pool *pool;
	uint64_t steps_left;	/* see LIMIT_QUERY_STEPS; 0: used up */
	uint32_t rank;		/* of the row in which words were looked for last */
};

/* pool: see check_query. */
enum kodo_err eval_compile(struct arena *a, const struct node *root, struct regex_pool *pool,
    struct program *out) MUST_CHECK;

/* See query_match and query_match_partial. */
enum query_verdict eval_row(struct program *p, const struct row *row);
enum query_verdict eval_partial(struct program *p, const struct row *row, unsigned known);

#endif
