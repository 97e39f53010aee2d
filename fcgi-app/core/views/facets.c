#include "core/base/limit.h"
#include "core/base/strmap.h"
#include "core/views/facets.h"
#include "core/views/flows_each.h"

struct count {
	struct strmap organizations, tags;	/* value: flows; the texts lie in the map */
	uint32_t node, organization;		/* of the flow before: organization is its entry */
};

/* --- counting texts --- */

/*
 * Each tag of a JSON list, a repeated one once. Tags are counted as JSON: equal texts have equal
 * JSON in records.
 */
static enum kodo_err
tags_add(struct strmap *t, struct str json)
{
	struct str seen[LIMIT_TAGS], tag;
	size_t n = 0, j;
	uint32_t i;
	enum kodo_err err = KODO_OK;

	while (err == KODO_OK && packed_next_tag(&json, &tag)) {
		for (j = 0; j < n && !str_eq(seen[j], tag); j++)
			;
		if (j < n || n == LIMIT_TAGS)
			continue;
		seen[n++] = tag;
		err = strmap_find(t, tag, &i);
		if (err == KODO_OK)
			t->all[i].value++;
	}
	return err;
}

static bool
is_before(const struct facet *a, const struct facet *b)
{
	return a->flows != b->flows ? a->flows > b->flows : str_cmp(a->text, b->text) < 0;
}

/* The largest, in order. */
static size_t
find_top(const struct strmap *t, struct facet out[FACETS_MAX])
{
	size_t i, j, n = 0;

	for (i = 0; i < t->n; i++) {
		const struct facet f = { t->all[i].text, t->all[i].value };

		if (n == FACETS_MAX && !is_before(&f, &out[n - 1]))
			continue;
		for (j = n < FACETS_MAX ? n++ : n - 1; j > 0 && is_before(&f, &out[j - 1]); j--)
			out[j] = out[j - 1];
		out[j] = f;
	}
	return n;
}

/* --- counting flows --- */

static enum kodo_err
flow_count(struct flows_each *e, const struct flows_node *n, uint32_t flow)
{
	struct count *c = e->arg;
	struct packed_flow f;
	enum kodo_err err = KODO_OK;

	if (n->p.organization.p != NULL) {
		if (c->node != n->id)
			err = strmap_find(&c->organizations, n->p.organization, &c->organization);
		if (err != KODO_OK)
			return err;
		c->node = n->id;
		c->organizations.all[c->organization].value++;
	}
	err = packed_flow(&n->p, flow, &f);
	return err == KODO_OK ? tags_add(&c->tags, f.tags) : err;
}

/* Copy the texts, which point into the map. */
static enum kodo_err
keep_texts(struct arena *a, struct facet *f, size_t n, bool is_json)
{
	size_t i;
	enum kodo_err err = KODO_OK;

	for (i = 0; i < n && err == KODO_OK; i++) {
		if (is_json)
			err = packed_raw(a, f[i].text, &f[i].text);
		if (err == KODO_OK)
			err = arena_str(a, f[i].text, &f[i].text);
	}
	return err;
}

enum kodo_err
facets_count(struct view *v, struct arena *a, struct query *q, struct facets *out)
{
	struct count c = { .node = 0 };
	struct flows_each e = { .v = v, .q = q, .arg = &c, .each = flow_count };
	enum kodo_err err = flows_each(&e);

	*out = (struct facets){ .n_tags = 0 };
	if (err == KODO_OK) {
		out->n_organizations = find_top(&c.organizations, out->organizations);
		out->n_tags = find_top(&c.tags, out->tags);
		out->all_organizations = c.organizations.n;
		out->all_tags = c.tags.n;
		err = keep_texts(a, out->organizations, out->n_organizations, false);
	}
	if (err == KODO_OK)
		err = keep_texts(a, out->tags, out->n_tags, true);
	strmap_free(&c.organizations);
	strmap_free(&c.tags);
	return err;
}
