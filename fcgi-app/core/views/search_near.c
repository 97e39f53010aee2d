#include "core/views/flows_each.h"
#include "core/views/search_private.h"

struct near_pass {
	struct words_near *near;
	enum kodo_err err;	/* of node_add */
};

static enum kodo_err
flow_add(struct flows_each *e, const struct flows_node *n, uint32_t flow)
{
	struct near_pass *pass = e->arg;
	struct row row;
	enum kodo_err err;

	if (pass->err != KODO_OK || words_near_is_idle(pass->near))
		return pass->err;
	err = flows_row(e->scratch, n, flow, QUERY_BIT(QUERY_RANK), &row);
	return err == KODO_OK ? words_near_add(pass->near, row.folded, &row.bounds) : err;
}

/* All flows of the node at once, where no word is bound to a field. */
static bool
node_add(struct flows_each *e, const struct flows_node *n)
{
	struct near_pass *pass = e->arg;

	if (words_near_has_fields(pass->near))
		return false;
	if (pass->err == KODO_OK && !words_near_is_idle(pass->near))
		pass->err = words_near_add(pass->near, n->p.texts, NULL);
	return true;
}

enum kodo_err
search_near(struct view *v, struct arena *a, struct query *q, struct str *meant)
{
	struct near_pass pass = { .err = KODO_OK };
	struct flows_each e = { .v = v, .each = flow_add, .skip_node = node_add, .arg = &pass };
	struct words *words;
	enum kodo_err err = words_near_new(a, query_words(q), &pass.near), end;

	*meant = STR_NULL;
	if (err != KODO_OK)
		return err;
	err = words_near_is_idle(pass.near) ? KODO_OK : flows_each(&e);
	end = words_near_end(pass.near, meant);
	err = err == KODO_OK ? pass.err : err;
	err = err == KODO_OK ? end : err;
	if (err != KODO_OK || meant->p == NULL)
		return err;
	err = words_compile(a, *meant, &words, NULL);
	return err == KODO_OK ? query_reword(a, q, words) : err;
}
