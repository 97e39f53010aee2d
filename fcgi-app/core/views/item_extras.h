/*
 * Members of an item that it has only where they are asked for: `fields=state,heard,entry`.
 */
#ifndef KODO_ITEM_EXTRAS_H
#define KODO_ITEM_EXTRAS_H

#include "core/base/buf.h"
#include "core/views/flows_each.h"

#define ITEM_EXTRAS "state, heard, entry, probe, registry, queries"

/* The fields of query/row.h that a list names, as bits. KODO_EINVAL: one is none of them. */
enum kodo_err item_extras_read(struct str list, unsigned *out) MUST_CHECK;
/* Behind the members of an item: `,"state":"fresh"`. */
void item_extras_put(
    struct buf *out, unsigned extras, const struct flows_node *n, uint32_t flow);

#endif
