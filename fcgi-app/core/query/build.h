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

bool build_text_field(struct reading *r, const struct ast *ast, enum query_field *field);

/* *folds: it is .str.lower() of what is returned; else ast is. */
const struct ast *build_folds(const struct ast *ast, bool *folds);

/* Is the list one of texts only? */
bool build_list(struct reading *r, const struct ast *list);

struct node *build_node(struct reading *r, enum node_kind kind, size_t n_kids);
struct node *build_test(struct reading *r, enum test_kind kind, enum query_field field);
struct node *build_text_test(struct reading *r, enum test_kind kind, enum query_field field,
    struct str text);

/*
 * The table for a search without steps back (Knuth, Morris, Pratt): skip[i] is the number of bytes
 * of s that still match after a mismatch at byte i.
 */
const uint16_t *build_skip_table(struct reading *r, struct str s);

/* The bytes of s that match once c has followed the k that matched before. */
static inline size_t
build_skip_step(struct str s, const uint16_t *skip, size_t k, char c)
{
	while (k > 0 && c != s.p[k])
		k = skip[k];
	return k + (c == s.p[k]);
}

/* The negation of kid, which may be NULL and is used up. */
struct node *build_not(struct reading *r, struct node *kid);

#endif
