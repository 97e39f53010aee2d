/* The normal writing of a query: see query_explain. Inside query/ only. */
#ifndef KODO_QUERY_EXPLAIN_H
#define KODO_QUERY_EXPLAIN_H

#include "core/base/buf.h"
#include "core/query/predicate.h"

/* Append the node in normal writing. */
void explain_node(const struct node *n, struct buf *out);

#endif
