/*
 * The rows of a node in the default order, against those that it had.
 */
#ifndef KODO_FLOW_ROWS_H
#define KODO_FLOW_ROWS_H

#include "core/base/arena.h"
#include "core/flow/packed.h"

/*
 * The flow numbers of p whose place in the default order is not the same in other (which may be
 * NULL); in a.
 */
enum kodo_err flow_rows_apart(struct arena *a, const struct packed *p, const struct packed *other,
    uint32_t **rows, size_t *n) MUST_CHECK;

#endif
