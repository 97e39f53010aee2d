/* Comparisons, of fields, texts and lists, made into a predicate. Inside query/ only. */
#ifndef KODO_QUERY_COMPARE_H
#define KODO_QUERY_COMPARE_H

#include "core/query/build.h"

/* a < b <= c: the comparisons of neighbours, joined by and. NULL: the reading has the reason. */
struct node *compare_chain(struct reading *r, const struct ast *ast);

/* A text or time field is one of the n texts from first on. NULL: oom. */
struct node *compare_in(struct reading *r, enum query_field field, const struct ast *first,
    size_t n);

#endif
