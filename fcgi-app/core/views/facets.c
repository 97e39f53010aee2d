/*
 * The pass is that of listing.c: needle first, then whole nodes, then flow by flow. Tags are
 * counted as they are written in the records, JSON and all: equal texts have equal writings.
 */
#include "core/base/limit.h"
#include "core/base/memfind.h"
#include "core/base/strmap.h"
#include "core/registry/registry_private.h"
#include "core/views/facets.h"

struct count {
	struct view *v;
	struct query *q;
	struct arena *scratch;	/* one node's rows */
	struct strmap organizations, tags;	/* value: flows */
};

/* --- counting texts --- */

/* text lies in the map. */
static enum kodo_err
tally_add(struct strmap *t, struct str text, uint64_t flows)
{
	uint32_t i;
	enum kodo_err err = strmap_find(t, text, &i);

	if (err == KODO_OK)
		t->all[i].value += flows;
	return err;
}

/* Each tag of a JSON list, as it is written; one that is twice in it counts once. */
static enum kodo_err
tags_add(struct strmap *t, struct str json)
{
	struct str seen[LIMIT_TAGS], tag;
	size_t n = 0, j;
	enum kodo_err err = KODO_OK;

	while (err == KODO_OK && packed_next_tag(&json, &tag)) {
		for (j = 0; j < n && !str_eq(seen[j], tag); j++)
			;
		if (j < n || n == LIMIT_TAGS)
			continue;
		seen[n++] = tag;
		err = tally_add(t, tag, 1);
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
tally_top(const struct strmap *t, struct facet out[FACETS_MAX])
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

/* --- which flows --- */

static enum kodo_err
row_fill(struct count *c, const struct packed *p, uint32_t i, struct row *row)
{
	unsigned mask = query_needs(c->q);
	struct packed_flow f;
	enum kodo_err err = KODO_OK;

	packed_flow(p, i, &f);
	row->folded = f.folded;
	if ((mask & QUERY_BIT(QUERY_URL)) != 0)
		err = packed_raw(c->scratch, f.url, &row->url);
	if (err == KODO_OK && (mask & QUERY_BIT(QUERY_NAME)) != 0)
		err = packed_raw(c->scratch, f.name, &row->name);
	if (err == KODO_OK && (mask & QUERY_BIT(QUERY_AUTHOR)) != 0)
		err = packed_raw(c->scratch, f.author, &row->author);
	if (err == KODO_OK && (mask & QUERY_BIT(QUERY_DESCRIPTION)) != 0)
		err = packed_raw(c->scratch, f.description, &row->description);
	if (err == KODO_OK && (mask & QUERY_BIT(QUERY_TAGS)) != 0)
		err = packed_tags(c->scratch, f.tags, &row->tags, &row->n_tags);
	return err;
}

/* Count flow i if it matches; *n rises. */
static enum kodo_err
flow_try(struct count *c, const struct packed *p, uint32_t i, const struct row *node, bool sure,
    uint64_t *n)
{
	struct row row = *node;
	struct packed_flow f;
	enum query_verdict verdict = QUERY_YES;
	enum kodo_err err = sure ? KODO_OK : row_fill(c, p, i, &row);

	if (err != KODO_OK)
		return err;
	if (!sure)
		verdict = query_match(c->q, &row);
	if (verdict == QUERY_OVER_BUDGET)
		return KODO_ETOOBIG;
	if (verdict != QUERY_YES)
		return KODO_OK;
	(*n)++;
	packed_flow(p, i, &f);
	return tags_add(&c->tags, f.tags);
}

/* Flows whose folded text holds the needle. */
static enum kodo_err
node_needle(struct count *c, const struct packed *p, struct str needle, const struct row *node,
    uint64_t *n)
{
	bool sure = query_is_needle(c->q);
	struct str rest = p->texts;
	const char *hit;
	uint32_t i = 0;
	size_t end;
	enum kodo_err err = KODO_OK;

	while (err == KODO_OK && (hit = memfind(rest, needle)) != NULL) {
		i = packed_flow_at(p, i, (size_t)(hit - p->texts.p));
		err = flow_try(c, p, i, node, sure, n);
		end = packed_text_begin(p, i + 1);
		rest = (struct str){ p->texts.p + end, p->texts.len - end };
	}
	return err;
}

static enum kodo_err
row_node(struct count *c, const struct statement *s, const struct packed *p, struct row *row)
{
	enum kodo_err err;

	*row = (struct row){ .organization = p->organization, .heartbeat_us = p->heartbeat_us };
	if ((query_needs(c->q) & (QUERY_BIT(QUERY_CREATED) | QUERY_BIT(QUERY_MODIFIED))) == 0)
		return KODO_OK;
	err = peer_get_times(&c->v->t, s->peer, &row->created_us, &row->modified_us);
	return err == KODO_ENOTFOUND ? KODO_ECORRUPT : err;
}

static enum kodo_err
node_count(struct count *c, const struct statement *s)
{
	struct str needle = query_needle(c->q);
	enum query_verdict verdict = query_is_all(c->q) ? QUERY_YES : QUERY_MAYBE;
	struct packed p;
	struct row row;
	uint64_t n = 0;
	uint32_t i;
	enum kodo_err err = packed_open(s->bytes, &p);

	if (err == KODO_OK)
		err = row_node(c, s, &p, &row);
	if (err != KODO_OK)
		return err;
	if (verdict == QUERY_MAYBE && (query_needs(c->q) & QUERY_NODE_FIELDS) != 0)
		verdict = query_match_partial(c->q, &row, QUERY_NODE_FIELDS);
	if (verdict == QUERY_NO)
		return KODO_OK;
	if (verdict == QUERY_OVER_BUDGET)
		return KODO_ETOOBIG;
	if (verdict == QUERY_MAYBE && needle.len > 0)
		err = node_needle(c, &p, needle, &row, &n);
	else
		for (i = 0; i < p.n_flows && err == KODO_OK; i++)
			err = flow_try(c, &p, i, &row, verdict == QUERY_YES, &n);
	if (err == KODO_OK && n > 0 && p.organization.p != NULL)
		err = tally_add(&c->organizations, p.organization, n);
	return err;
}

static enum kodo_err
count_nodes(struct count *c)
{
	struct scan s = record_scan_seen(&c->v->t);
	struct record rec;

	while (record_next(&s, &rec)) {
		s.err = node_count(c, &rec.said);
		arena_reset(c->scratch);
	}
	return scan_end(&s);
}

/* Out of the map, and as texts. */
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
	struct count c = { .v = v, .q = q, .scratch = arena_new() };
	enum kodo_err err = c.scratch == NULL ? KODO_ENOMEM : count_nodes(&c);

	*out = (struct facets){ .n_tags = 0 };
	if (err == KODO_OK) {
		out->n_organizations = tally_top(&c.organizations, out->organizations);
		out->n_tags = tally_top(&c.tags, out->tags);
		out->all_organizations = c.organizations.n;
		out->all_tags = c.tags.n;
		err = keep_texts(a, out->organizations, out->n_organizations, false);
	}
	if (err == KODO_OK)
		err = keep_texts(a, out->tags, out->n_tags, true);
	strmap_free(&c.organizations);
	strmap_free(&c.tags);
	arena_free(c.scratch);
	return err;
}
