/*
 * From the tree of what was written to its meaning: names and types are checked, chains taken
 * apart. Inside query/ only.
 */
#ifndef KODO_CHECK_H
#define KODO_CHECK_H

#include "core/query/parse.h"
#include "core/query/predicate.h"

/*
 * NULL: the reading has the reason (error or oom). *pool: what the regular expressions of the query
 * share; NULL if there is none.
 */
struct node *check_query(struct reading *r, const struct ast *ast, struct regex_pool **pool);

#endif
