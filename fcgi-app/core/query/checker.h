/*
 * What the two files of the checker share: check.c (tests and how they are joined) and compare.c
 * (comparisons).
 */
#ifndef KODO_QUERY_CHECKER_H
#define KODO_QUERY_CHECKER_H

#include "core/query/check.h"

struct checker {
	struct reading *r;
	struct checked *out;
};

/*
 * All of these give NULL or false when something is wrong or memory ran out; the reading then says
 * what.
 */

/* Always NULL. */
void *checker_type_error(struct checker *c, const struct ast *ast, const char *what);

/* A word that names a field. */
bool checker_field(struct checker *c, const struct ast *ast, enum query_field *field);

/* A list of nothing but texts. */
bool checker_list(struct checker *c, const struct ast *list);

struct node *checker_node(struct checker *c, enum node_kind kind, size_t n_kids);
struct node *checker_test(struct checker *c, enum test_kind kind, enum query_field field);
struct node *checker_not(struct checker *c, struct node *kid);

/* A text or time field is one of the n texts from first on. */
struct node *checker_field_in(struct checker *c, enum query_field field, const struct ast *first,
    size_t n);

/* a < b <= c: each neighbours' comparison, joined by and. */
struct node *checker_chain(struct checker *c, const struct ast *ast);

#endif
