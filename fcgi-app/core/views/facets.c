#include "core/base/json.h"
#include "core/base/limit.h"
#include "core/base/strmap.h"
#include "core/views/facets.h"
#include "core/views/flows_each.h"

struct count {
	struct strmap of[FACET_KINDS];	/* value: flows; the texts lie in the map, or are static */
	/* of the flow before: the entries of what is equal in all flows of a node */
	uint32_t node, entry[FACET_KINDS];
};

const char *
facet_name(enum facet_kind kind)
{
	static const char *const names[FACET_KINDS] = {
		[FACET_ORGANIZATION] = "organization", [FACET_TAG] = "tag",
		[FACET_STATE] = "state", [FACET_REGISTRY] = "registry",
	};

	return names[kind];
}

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

/* What of a kind all flows of a node have; null: nothing. */
static struct str
node_text(const struct flows_node *n, enum facet_kind kind)
{
	switch ((int)kind) {
	case FACET_ORGANIZATION:
		return n->p.organization;
	case FACET_STATE:
		return n->liveness.state;
	case FACET_REGISTRY:
		return n->registry;
	default:
		return STR_NULL;
	}
}

static enum kodo_err
flow_count(struct flows_each *e, const struct flows_node *n, uint32_t flow)
{
	struct count *c = e->arg;
	struct packed_flow f;
	struct str text;
	unsigned k;
	enum kodo_err err = KODO_OK;

	for (k = 0; k < FACET_KINDS && err == KODO_OK; k++) {
		text = node_text(n, k);
		if (text.p == NULL)
			continue;
		if (c->node != n->id)
			err = strmap_find(&c->of[k], text, &c->entry[k]);
		if (err == KODO_OK)
			c->of[k].all[c->entry[k]].value++;
	}
	c->node = n->id;
	if (err == KODO_OK)
		err = packed_flow(&n->p, flow, &f);
	return err == KODO_OK ? tags_add(&c->of[FACET_TAG], f.tags) : err;
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
	struct flows_each e = { .v = v, .q = q, .arg = &c, .each = flow_count,
		.fields = QUERY_BIT(QUERY_STATE) | QUERY_BIT(QUERY_REGISTRY) };
	enum kodo_err err = flows_each(&e);
	unsigned k;

	*out = (struct facets){ .of[0].n = 0 };
	for (k = 0; k < FACET_KINDS; k++) {
		struct facet_list *l = &out->of[k];

		if (err == KODO_OK) {
			l->n = find_top(&c.of[k], l->top);
			l->n_all = c.of[k].n;
			err = keep_texts(a, l->top, l->n, k == FACET_TAG);
		}
		strmap_free(&c.of[k]);
	}
	return err;
}

void
facets_put(struct buf *out, const struct facets *f)
{
	const struct facet *one;
	unsigned k;

	for (k = 0; k < FACET_KINDS; k++) {
		buf_putc(out, k == 0 ? '{' : ',');
		json_put_key(out, facet_name(k));
		for (one = f->of[k].top; one < f->of[k].top + f->of[k].n; one++) {
			buf_putc(out, one == f->of[k].top ? '{' : ',');
			json_put_str(out, one->text);
			buf_putc(out, ':');
			json_put_u64(out, one->flows);
		}
		buf_puts(out, f->of[k].n == 0 ? "{}" : "}");
	}
	buf_putc(out, '}');
}
