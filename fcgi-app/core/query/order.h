/* The order of rows that `by` asks for. */
#ifndef KODO_QUERY_ORDER_H
#define KODO_QUERY_ORDER_H

#include "core/query/row.h"

struct order;

/*
 * Read by (null and empty: the default, name and url). An unknown field gives the default order and
 * an error as text. The order lives in a. Returns KODO_OK or KODO_ENOMEM (*out is then NULL).
 *
 * Rows that are equal in all fields of by are ordered by name and url. Nulls are last in both
 * directions; texts are ordered by code point, tags as one text: sorted in their direction and
 * joined by `+`.
 */
enum kodo_err order_parse(struct arena *a, struct str by, struct order **out) MUST_CHECK;

/*
 * The order of words: by rank, then name and url, unless by asks for another. As order_parse.
 */
enum kodo_err order_parse_ranked(struct arena *a, struct str by, struct order **out) MUST_CHECK;

struct str order_text(const struct order *o);		/* the answer's `by` */
bool order_has_error(const struct order *o);		/* it is the default, text the error */
bool order_is_default(const struct order *o);		/* (name, url), however asked for */
/* The same, but what is not alive comes last: ORDER_ALIVE_FIRST. */
bool order_is_alive_first(const struct order *o);
#define ORDER_ALIVE_FIRST "alive,name,url"
unsigned order_needs(const struct order *o);		/* mask of the fields that it compares */
/* The field that it compares first. */
enum query_field order_first(const struct order *o, bool *descending);
/* How to show tags: 0 as stored, 1 ascending, -1 descending. */
int order_tags_direction(const struct order *o);

/* Sort tags in place; direction: 1 or -1, see order_tags_direction. */
void order_sort_tags(struct str *tags, size_t n, int direction);

#endif
