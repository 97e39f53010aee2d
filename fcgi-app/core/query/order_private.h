/* The parts of an order, for order.c and sort.c. */
#ifndef KODO_QUERY_ORDER_PRIVATE_H
#define KODO_QUERY_ORDER_PRIVATE_H

#include "core/query/order.h"

#define ORDER_KEYS_MAX	QUERY_FOLDED	/* all fields that by may name, each at most once */

struct order_key {
	enum query_field field;
	enum query_type type;
	bool descending;
};

struct order {
	/* rank, where it is ordered by; as asked, then name and url if not among them */
	struct order_key keys[ORDER_KEYS_MAX];
	unsigned n;
	struct str text;
	int tags_direction;
	bool has_error;
};

/* The first LIMIT_TAGS of a row's tags, sorted, to out; returns their number. */
size_t order_row_tags(const struct row *row, int direction, struct str *out);

#endif
