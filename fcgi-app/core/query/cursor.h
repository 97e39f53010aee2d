/*
 * A place in an order of rows, as clients hold it to go on from: what the row before it has in the
 * fields of the order, and its ref. So rows may come and go, and each that stays is seen once.
 */
#ifndef KODO_QUERY_CURSOR_H
#define KODO_QUERY_CURSOR_H

#include "core/query/order.h"

struct cursor;

/* Have all fields of the order a length that a cursor can hold? Not description and tags. */
bool cursor_can_hold(const struct order *o);

/*
 * Read what cursor_write wrote; the cursor lives in a and borrows o. KODO_EINVAL: it is of another
 * order, or none.
 */
enum kodo_err cursor_read(
    struct arena *a, const struct order *o, struct str text, struct cursor **out) MUST_CHECK;

/* The value of the first field of its order, which is a time. */
int64_t cursor_first_time(const struct cursor *c);

/* Is the row behind the place? ref: its number among rows that are equal in the order. */
bool cursor_is_behind(const struct cursor *c, const struct row *row, uint64_t ref);

/* The place behind a row, as letters, digits, `-` and `_`, in a. */
enum kodo_err cursor_write(struct arena *a, const struct order *o, const struct row *row,
    uint64_t ref, struct str *out) MUST_CHECK;

#endif
