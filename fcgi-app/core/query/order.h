/*
 * What an order is made of; for the sorter. Inside query/ only.
 */
#ifndef KODO_QUERY_ORDER_H
#define KODO_QUERY_ORDER_H

#include "core/query/query.h"

#define ORDER_KEYS_MAX	9	/* the fields, each at most once */

struct order_key {
	enum query_field field;
	bool descending;
};

struct order {
	/* as asked, then name and url if not among them */
	struct order_key keys[ORDER_KEYS_MAX];
	unsigned n;
	struct str text;
	int tags_direction;
};

bool order_is_time(enum query_field f);
struct str order_row_text(const struct row *row, enum query_field f);
int64_t order_row_time(const struct row *row, enum query_field f);

/* The first LIMIT_TAGS of a row's tags, sorted, to out; returns how many. */
size_t order_row_tags(const struct row *row, int direction, struct str *out);

#endif
