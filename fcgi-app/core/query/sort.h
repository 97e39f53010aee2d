/* Select and sort the rows of one page out of all that match. */
#ifndef KODO_QUERY_SORT_H
#define KODO_QUERY_SORT_H

#include "core/query/order.h"

struct sorter;

/*
 * Select rows skip to skip + take - 1 of those added. Memory: some 64 bytes a row for at most
 * 2 * (skip + take) rows, or some thousands if that is more. o must outlive it.
 */
enum kodo_err sorter_new(struct arena *a, const struct order *o, uint64_t skip, uint64_t take,
    struct sorter **out) MUST_CHECK;

/*
 * Is a row certainly beyond the page, judged by the field that the order compares first
 * (order_first)? Then it need not be added. text or us is the value of that field; of a text, the
 * first SORTER_START bytes are enough, but what is longer must be whole.
 */
#define SORTER_START	8u
bool sorter_is_beyond(const struct sorter *s, struct str text, int64_t us);

/*
 * Add a row. Its texts must stay where they are until sorter_result; the row and its array of tags
 * may be reused. ref is the caller's number for it; of rows that compare equal the lower ref comes
 * first. KODO_ENOMEM.
 */
enum kodo_err sorter_add(struct sorter *s, const struct row *row, uint64_t ref) MUST_CHECK;

/*
 * The refs of the page in order, in the arena; call once, and add nothing after it. KODO_ENOMEM:
 * *n is 0.
 */
enum kodo_err sorter_result(struct sorter *s, const uint64_t **refs, size_t *n) MUST_CHECK;

#endif
