/*
 * A checked query as a flat program: a row of tests, each of which says where to go on if it holds
 * and if it does not. Always further down, so a row is done after one pass at most. Inside query/
 * only.
 */
#ifndef KODO_QUERY_EVAL_H
#define KODO_QUERY_EVAL_H

#include "core/base/buf.h"
#include "core/query/check.h"

struct step {
	const struct test *test;
	unsigned needs;		/* QUERY_BITs of the fields the test looks at */
	uint16_t yes;		/* the next step, or EVAL_YES or EVAL_NO */
	uint16_t no;
};

#define EVAL_YES	0xFFFFu
#define EVAL_NO		0xFFFEu

struct program {
	const struct step *steps;
	size_t n;		/* 0: everything matches */
	struct regex_pool *pool;
	uint64_t steps_left;	/* see LIMIT_QUERY_STEPS; 0: used up */
};

enum kodo_err eval_compile(struct arena *a, const struct checked *checked,
    struct program *out) MUST_CHECK;

enum query_verdict eval_row(struct program *p, const struct row *row);
enum query_verdict eval_partial(struct program *p, const struct row *row, unsigned known);

/*
 * A text the folded text of every row contains for which the node holds (or, with truth false, does
 * not); or null.
 */
struct str needle_of(struct arena *a, const struct node *n, bool truth);

/* Append the node in normal writing. */
void explain_node(const struct node *n, struct buf *out);

#endif
