#include "core/merge/withdrawal.h"

#define WITHDRAWALS_MAX	1000u	/* of a change; what is more counts as nobody's */
#define LOOK_BACK	8u	/* so many peers may take turns in one */

static const char *const codes[WITHDRAWN_CAUSES] = {
	[WITHDRAWN_BY_WORD] = "said",
	[WITHDRAWN_SILENT] = "silent",
	[WITHDRAWN_KEY] = "other_key",
	[WITHDRAWN_MODERATED] = "moderated",
	[WITHDRAWN_REJUDGED] = "rejudged",
	[WITHDRAWN_STARTUP] = "options",
	[WITHDRAWN_BY_ADMIN] = "admin",
	[WITHDRAWN_EXPIRED] = "expired",
};

const char *
withdrawal_cause_code(enum withdrawal_cause cause)
{
	return codes[cause];
}

static struct withdrawal *
find(const struct withdrawals *all, const struct peer *p, bool is_forgotten)
{
	struct withdrawal *w = all->last;
	unsigned n;

	for (n = 0; w != NULL && n < LOOK_BACK; n++, w = w->next)
		if (w->cause == all->cause && w->peer == p && w->is_forgotten == is_forgotten)
			return w;
	return NULL;
}

enum kodo_err
withdrawal_begin(struct withdrawals *all, const struct peer *p, bool is_forgotten,
    struct withdrawal **out)
{
	struct withdrawal *w;

	if (all->n >= WITHDRAWALS_MAX)
		p = NULL;
	*out = w = find(all, p, is_forgotten);
	if (w != NULL)
		return KODO_OK;
	w = arena_zalloc(all->a, sizeof(*w));
	if (w == NULL)
		return KODO_ENOMEM;
	w->cause = all->cause;
	w->peer = p;
	w->is_forgotten = is_forgotten;
	w->next = all->last;
	all->n++;
	*out = all->last = w;
	return KODO_OK;
}

enum kodo_err
withdrawal_add(struct withdrawals *all, const struct peer *p, bool is_forgotten, struct str url,
    uint64_t version)
{
	struct withdrawal *w;
	struct audit_node *node;
	enum kodo_err err = withdrawal_begin(all, p, is_forgotten, &w);

	if (err != KODO_OK || w->n++ >= AUDIT_NODES)
		return err;
	node = &w->nodes[w->n - 1];
	node->version = version;
	return arena_str(all->a, url, &node->url);
}

uint64_t
withdrawal_count(const struct withdrawals *all)
{
	const struct withdrawal *w;
	uint64_t n = 0;

	for (w = all->last; w != NULL; w = w->next)
		n += w->is_forgotten ? 0 : w->n;
	return n;
}
