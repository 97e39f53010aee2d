#include "core/views/flows_each.h"
#include "core/views/search_private.h"

static enum kodo_err
flow_add(struct flows_each *e, const struct flows_node *n, uint32_t flow)
{
	struct row row;
	enum kodo_err err;

	if (words_near_is_idle(e->arg))
		return KODO_OK;
	err = flows_row(e->scratch, n, flow, QUERY_BIT(QUERY_RANK), &row);

	return err == KODO_OK ? words_near_add(e->arg, row.folded, &row.bounds) : err;
}

enum kodo_err
search_near(struct view *v, struct arena *a, struct query *q, struct str *meant)
{
	struct flows_each e = { .v = v, .each = flow_add };
	struct words_near *near;
	struct words *words;
	enum kodo_err err = words_near_new(a, query_words(q), &near), end;

	*meant = STR_NULL;
	if (err != KODO_OK)
		return err;
	e.arg = near;
	err = words_near_is_idle(near) ? KODO_OK : flows_each(&e);
	end = words_near_end(near, meant);
	err = err == KODO_OK ? end : err;
	if (err != KODO_OK || meant->p == NULL)
		return err;
	err = words_compile(a, *meant, &words, NULL);
	return err == KODO_OK ? query_reword(a, q, words) : err;
}
