/*
 * The parts from which check.c and compare.c make a predicate: fields from words, nodes, tests.
 * Inside query/ only.
 *
 * NULL or false: the reading has the reason (error or oom).
 */
#ifndef KODO_QUERY_BUILD_H
#define KODO_QUERY_BUILD_H

#include "core/query/parse.h"
#include "core/query/predicate.h"

/* Fail with `TypeError: <what> (column ..)` at ast. Always NULL. */
void *build_type_error(struct reading *r, const struct ast *ast, const char *what);
void *build_tags_error(struct reading *r, const struct ast *ast);	/* only @tag takes tags */

/* The field that a word names. */
bool build_field(struct reading *r, const struct ast *ast, enum query_field *field);

/* Is the list one of texts only? */
bool build_list(struct reading *r, const struct ast *list);

struct node *build_node(struct reading *r, enum node_kind kind, size_t n_kids);
struct node *build_test(struct reading *r, enum test_kind kind, enum query_field field);
struct node *build_text_test(struct reading *r, enum test_kind kind, enum query_field field,
    struct str text);

/* The negation of kid, which may be NULL and is used up. */
struct node *build_not(struct reading *r, struct node *kid);

#endif
