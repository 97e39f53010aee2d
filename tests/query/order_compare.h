/*
 * Two rows in an order, field by field as the contract in order.h says it: what the sorter, which
 * packs fields into keys, is held against.
 */
#ifndef TESTS_QUERY_ORDER_COMPARE_H
#define TESTS_QUERY_ORDER_COMPARE_H

#include "core/base/limit.h"
#include "core/query/order_private.h"

static inline int
compare_nulls(bool a, bool b)
{
	return (a && !b) - (b && !a);
}

static inline int
compare_texts(struct str a, struct str b, bool descending)
{
	int c;

	if (a.p == NULL || b.p == NULL)
		return compare_nulls(a.p == NULL, b.p == NULL);
	c = str_cmp(a, b);
	return descending ? -c : c;
}

static inline int
compare_times(int64_t a, int64_t b, bool descending)
{
	int c = (a > b) - (a < b);

	if (a == 0 || b == 0)
		return compare_nulls(a == 0, b == 0);
	return descending ? -c : c;
}

/* The next byte of texts joined by `+`, -1 at the end; *i and *pos say where. */
static inline int
next_joined(const struct str *tags, size_t n, size_t *i, size_t *pos)
{
	if (*i >= n)
		return -1;
	if (*pos < tags[*i].len)
		return (unsigned char)tags[*i].p[(*pos)++];
	(*i)++;
	*pos = 0;
	return *i < n ? '+' : -1;
}

static inline int
compare_tags(const struct row *a, const struct row *b, bool descending)
{
	struct str x[LIMIT_TAGS], y[LIMIT_TAGS];
	int direction = descending ? -1 : 1, c, d;
	size_t n = order_row_tags(a, direction, x), m = order_row_tags(b, direction, y);
	size_t i = 0, k = 0, at = 0, bt = 0;

	do {
		c = next_joined(x, n, &i, &at);
		d = next_joined(y, m, &k, &bt);
	} while (c == d && c >= 0);
	return (c < d ? -1 : c > d) * direction;
}

/* <0, 0, >0; 0 only where name and url are equal too. */
static inline int
order_compare(const struct order *o, const struct row *a, const struct row *b)
{
	const struct order_key *k;
	unsigned i;
	int c = 0;

	for (i = 0; i < o->n && c == 0; i++) {
		k = &o->keys[i];
		if (k->field == QUERY_TAGS)
			c = compare_tags(a, b, k->descending);
		else if (k->type == QUERY_TYPE_TIME)
			c = compare_times(row_time(a, k->field), row_time(b, k->field),
			    k->descending);
		else
			c = compare_texts(row_text(a, k->field), row_text(b, k->field),
			    k->descending);
	}
	return c;
}

#endif
