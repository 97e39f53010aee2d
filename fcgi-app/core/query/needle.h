/* The needle of a query: see query_needle. Inside query/ only. */
#ifndef KODO_QUERY_NEEDLE_H
#define KODO_QUERY_NEEDLE_H

#include "core/query/predicate.h"
#include "core/query/reading.h"

/*
 * A text contained in the folded text of every row that fulfils the node (with truth false: that
 * does not); null or empty if there is none. r: for memory; it notes oom.
 */
struct str needle_of(struct reading *r, const struct node *n, bool truth);

#endif
