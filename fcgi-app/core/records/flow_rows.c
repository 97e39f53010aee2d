#include "core/records/flow_rows.h"

/* Has flow i of both the same place? y: NULL for none. */
static enum kodo_err
row_compare(const struct packed *x, const struct packed *y, uint32_t i, bool *is_same)
{
	struct packed_flow fx, fy;
	enum kodo_err err = KODO_OK;

	*is_same = false;
	if (y == NULL || i >= y->n_flows)
		return KODO_OK;
	err = packed_flow(x, i, &fx);
	if (err == KODO_OK)
		err = packed_flow(y, i, &fy);
	*is_same = err == KODO_OK && str_eq(fx.name, fy.name) && str_eq(fx.url, fy.url);
	return err;
}

enum kodo_err
flow_rows_apart(
    struct arena *a, const struct packed *p, const struct packed *other, uint32_t **rows, size_t *n)
{
	uint32_t i;
	bool is_same;
	enum kodo_err err = KODO_OK;

	*n = 0;
	*rows = arena_alloc(a, ((size_t)p->n_flows + 1) * sizeof(**rows));
	if (*rows == NULL)
		return KODO_ENOMEM;
	for (i = 0; i < p->n_flows && err == KODO_OK; i++) {
		err = row_compare(p, other, i, &is_same);
		if (!is_same)
			(*rows)[(*n)++] = i;
	}
	return err;
}
