/*
 * POST /ard/explore: how many flows there are of each kind.
 */
#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/limit.h"
#include "core/base/strmap.h"
#include "core/views/flows_each.h"
#include "http/bridges/ard_search.h"
#include "http/handlers.h"

#define FACETS		8u	/* of a request */
#define BUCKETS		20u	/* of a facet, where it says nothing */
#define BUCKETS_MAX	1000u

struct explore;

/* A field by which flows are counted. */
struct field {
	const char *name;
	enum kodo_err (*count)(struct explore *x, struct strmap *m, const struct flows_node *n,
	    const struct packed_flow *f);
	bool is_json;	/* values are JSON texts of the map */
};

struct facet_asked {
	const struct field *field;
	uint64_t limit, min;
	struct strmap values;
};

struct explore {
	struct call *c;
	struct ard_query q;
	struct facet_asked facets[FACETS];
	size_t n;
	struct arena *scratch;	/* of the flow that is counted */
	uint32_t node;		/* host is of this one */
	struct str host;
};

static enum kodo_err
add(struct strmap *m, struct str value)
{
	uint32_t i;
	enum kodo_err err = strmap_find(m, value, &i);

	if (err == KODO_OK)
		m->all[i].value++;
	return err;
}

static enum kodo_err
count_tags(struct explore *x, struct strmap *m, const struct flows_node *n,
    const struct packed_flow *f)
{
	struct str seen[LIMIT_TAGS], rest = f->tags, tag;
	size_t n_seen = 0, i;
	enum kodo_err err = KODO_OK;

	(void)x;
	(void)n;
	while (err == KODO_OK && packed_next_tag(&rest, &tag)) {
		/* one that is repeated counts once */
		for (i = 0; i < n_seen && !str_eq(seen[i], tag); i++)
			;
		if (i < n_seen || n_seen == LIMIT_TAGS)
			continue;
		seen[n_seen++] = tag;
		err = add(m, tag);
	}
	return err;
}

static enum kodo_err
count_type(struct explore *x, struct strmap *m, const struct flows_node *n,
    const struct packed_flow *f)
{
	struct row row = { .tags = NULL };
	enum kodo_err err = packed_tags(x->scratch, f->tags, &row.tags, &row.n_tags);

	(void)n;
	if (err != KODO_OK)
		return err;
	return add(m, str_of(ard_type_name(ard_type_of(x->q.options, &row))));
}

static enum kodo_err
count_publisher(struct explore *x, struct strmap *m, const struct flows_node *n,
    const struct packed_flow *f)
{
	enum kodo_err err = KODO_OK;

	(void)f;
	if (x->host.p == NULL || x->node != n->id)
		err = identifier_host(x->c->a, n->p.url, &x->host);
	x->node = n->id;
	return err == KODO_OK ? add(m, x->host) : err;
}

static const struct field fields[] = {
	{ "tags", count_tags, true },
	{ "type", count_type, false },
	{ "publisher", count_publisher, false },
};
#define N_FIELDS	(sizeof(fields) / sizeof(fields[0]))

static enum kodo_err
count_flow(struct flows_each *e, const struct flows_node *n, uint32_t flow)
{
	struct explore *x = e->arg;
	struct packed_flow f;
	struct row row;
	unsigned score = 1;
	size_t i;
	enum kodo_err err = packed_flow(&n->p, flow, &f);

	x->scratch = e->scratch;
	if (err == KODO_OK && x->q.n_words > 0) {
		err = flows_row(e->scratch, n, flow, QUERY_BIT(QUERY_RANK), &row);
		if (err == KODO_OK)
			err = ard_query_score(&x->q, &row, &score);
	}
	for (i = 0; err == KODO_OK && score > 0 && i < x->n; i++)
		err = x->facets[i].field->count(x, &x->facets[i].values, n, &f);
	return err;
}

/* --- what is asked for --- */

static enum kodo_err
read_facet(struct explore *x, struct jread *j, struct str json)
{
	static const char *const names[] = { "field", "limit", "minCount" };
	struct facet_asked *f = &x->facets[x->n];
	struct str values[3], name = STR_NULL;
	size_t i = 0, other;
	enum kodo_err err = KODO_OK;

	if (jread_kind(json) != JREAD_OBJECT || x->n == FACETS) {
		x->q.wrong = "resultType.facets: from 1 to 8 objects";
		return KODO_OK;
	}
	*f = (struct facet_asked){ .limit = BUCKETS, .min = 1 };
	err = jread_fields(j, json, names, 3, values);
	if (err == KODO_OK && jread_kind(values[0]) == JREAD_TEXT)
		err = jread_text(j, x->c->a, values[0], &name);
	while (i < N_FIELDS && !str_eq(name, str_of(fields[i].name)))
		i++;
	if (i == N_FIELDS)
		x->q.wrong = "field: tags, type or publisher";
	else
		f->field = &fields[i];
	for (other = 0; other < x->n; other++)
		if (x->facets[other].field == f->field)
			x->q.wrong = "field: each once";
	if (err == KODO_OK)
		err = ard_search_number(
		    &x->q, j, values[1], BUCKETS_MAX, "limit: from 1 to 1000", &f->limit);
	if (err == KODO_OK)
		err = ard_search_number(
		    &x->q, j, values[2], UINT64_MAX - 1, "minCount: 1 or more", &f->min);
	x->n += f->field != NULL;
	return err;
}

static enum kodo_err
read_facets(struct explore *x, struct jread *j, struct str json)
{
	static const char *const names[] = { "facets" };
	struct jread_walk w;
	struct str list = STR_NULL, key, value;
	enum kodo_err err = KODO_OK;

	if (jread_kind(json) == JREAD_OBJECT)
		err = jread_fields(j, json, names, 1, &list);
	if (err == KODO_OK && jread_kind(list) != JREAD_LIST) {
		x->q.wrong = "resultType: an object with facets";
		return KODO_OK;
	}
	if (err == KODO_OK)
		jread_begin(&w, list);
	while (err == KODO_OK && x->q.wrong == NULL && jread_next(&w, &key, &value))
		err = read_facet(x, j, value);
	if (x->n == 0 && x->q.wrong == NULL)
		x->q.wrong = "resultType.facets: from 1 to 8 objects";
	return err;
}

static enum kodo_err
read_explore(struct explore *x, struct jread *j, struct query **out)
{
	static const char *const names[] = { "query", "resultType" };
	struct str values[2];
	enum kodo_err err = ard_search_body(&x->q, j, x->c->text, names, 2, values);

	if (err == KODO_OK)
		err = ard_query_read(&x->q, j, values[0], false);
	if (err == KODO_OK && x->q.wrong == NULL)
		err = read_facets(x, j, values[1]);
	return err == KODO_OK ? ard_query_compile(&x->q, out) : err;
}

/* --- the answer --- */

static int
by_count(const void *x, const void *y)
{
	const struct strmap_entry *a = x, *b = y;

	return a->value != b->value ? (a->value < b->value) - (a->value > b->value)
				    : str_cmp(a->text, b->text);
}

static void
put_facet(struct buf *b, struct facet_asked *f)
{
	uint64_t other = 0;
	size_t i, n = 0;

	if (f->values.n > 0)
		qsort(f->values.all, f->values.n, sizeof(*f->values.all), by_count);
	json_put_key(b, f->field->name);
	buf_puts(b, "{\"buckets\":[");
	for (i = 0; i < f->values.n; i++) {
		const struct strmap_entry *one = &f->values.all[i];

		if (n >= f->limit || one->value < f->min) {
			other += one->value;
			continue;
		}
		buf_puts(b, n++ > 0 ? ",{\"value\":" : "{\"value\":");
		if (f->field->is_json)
			buf_put_str(b, one->text);
		else
			json_put_str(b, one->text);
		buf_puts(b, ",\"count\":");
		json_put_u64(b, one->value);
		buf_putc(b, '}');
	}
	buf_puts(b, "],\"otherCount\":");
	json_put_u64(b, other);
	buf_putc(b, '}');
}

static enum kodo_err
put_explore(struct call *c, struct view *v)
{
	struct explore x = { .c = c, .q = ARD_QUERY_INIT(c->a, v->options) };
	struct flows_each e = { .v = v, .arg = &x, .each = count_flow };
	struct buf *b = &c->res->body.buf;
	struct jread *j = jread_new();
	size_t i;
	enum kodo_err err = j == NULL ? KODO_ENOMEM : read_explore(&x, j, &e.q);

	if (err == KODO_OK)
		err = flows_each(&e);
	if (err == KODO_OK)
		buf_puts(b, "{\"resultType\":\"facets\",\"facets\":{");
	for (i = 0; i < x.n; i++) {
		if (err == KODO_OK) {
			buf_puts(b, i > 0 ? "," : "");
			put_facet(b, &x.facets[i]);
		}
		strmap_free(&x.facets[i].values);
	}
	buf_puts(b, err == KODO_OK ? "}}" : "");
	jread_free(j);
	ard_query_free(&x.q);
	return ard_search_end(c, &x.q, err);
}

enum kodo_err
handle_ard_explore(struct call *c)
{
	return call_with_view(c, put_explore);
}
