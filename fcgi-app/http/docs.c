/*
 * /docs: the API for people, from the same tables as the document for machines (schema.h).
 */
#include <stdio.h>

#include "http/page.h"
#include "http/schema.h"
#include "http/template.h"

static void
put_params(struct fields *row, const struct route *r)
{
	static const char *const kinds[] = {
		[PARAM_INT] = "number", [PARAM_TEXT] = "text", [PARAM_ENUM] = "one of",
	};
	unsigned p;

	for (p = 0; p < PARAM_MAX; p++) {
		const struct param_rule *rule = param_rule((enum param)p);
		struct fields *param;

		if ((r->params & PARAM_BIT(p)) == 0)
			continue;
		param = fields_row(row, "param");
		fields_put(param, "param_name", str_of(rule->name));
		fields_put(param, "kind", str_of(kinds[rule->kind]));
		fields_put(param, "fallback", str_of(rule->fallback));
		fields_put(param, "about", str_of(rule->summary));
		fields_put_flag(param, "is_enum", rule->kind == PARAM_ENUM);
		fields_put_flag(param, "is_number", rule->kind == PARAM_INT);
	}
	fields_put_flag(row, "params", r->params != 0);
}

/* A name that an address can point to: GET /docs/openapi.json is get-docs-openapi-json. */
static void
put_anchor(struct fields *row, const struct route *r)
{
	char name[64];
	size_t i;
	int n = snprintf(name, sizeof(name), "%s%s", schema_method(r), r->path);

	if (n < 0 || (size_t)n >= sizeof(name))
		return;
	for (i = 0; i < (size_t)n; i++) {
		if (name[i] >= 'A' && name[i] <= 'Z')
			name[i] = (char)(name[i] - 'A' + 'a');
		else if (name[i] < 'a' || name[i] > 'z')
			name[i] = '-';
	}
	fields_printf(row, "anchor", "%s%s", name, (r->flags & ROUTE_BELOW) != 0 ? "below" : "");
}

static void
put_call(struct fields *f, const struct route *r)
{
	struct schema_example e;
	struct fields *row = fields_row(f, "call");

	fields_put(row, "method", str_of(schema_method(r)));
	fields_printf(row, "path", "%s%s", r->path,
	    (r->flags & ROUTE_BELOW) != 0 ? "/{path}" : "");
	fields_put(row, "summary", str_of(r->summary));
	fields_put(row, "takes", str_of(r->takes));
	if (r->gives != NULL && strcmp(r->gives, "object") != 0)
		fields_put(row, "gives", str_of(r->gives));
	fields_put(row, "status", str_of(schema_status(r)));
	fields_put_flag(row, "page", (r->flags & ROUTE_PAGE) != 0);
	fields_put_flag(row, "is_get", r->method == METHOD_GET && (r->flags & ROUTE_BELOW) == 0);
	fields_put_flag(row, "only_registry", (r->flags & ROUTE_REGISTRY) != 0);
	put_anchor(row, r);
	put_params(row, r);
	if (!schema_example(r, &e))
		return;
	fields_put(row, "target", e.target);
	fields_put(row, "sent", e.sent);
	fields_put(row, "came", e.came);
}

static void
put_records(struct fields *f)
{
	const struct schema_field *fields;
	struct fields *record = NULL, *row;
	size_t i, n;

	fields = schema_fields(&n);
	for (i = 0; i < n; i++) {
		if (i == 0 || strcmp(fields[i].record, fields[i - 1].record) != 0) {
			record = fields_row(f, "record");
			fields_put(record, "record_name", str_of(fields[i].record));
		}
		row = fields_row(record, "field");
		fields_put(row, "field_name", str_of(fields[i].field));
		fields_put(row, "type", str_of(fields[i].type));
		fields_put_flag(row, "may_lack", fields[i].may_lack);
	}
}

enum kodo_err
handle_docs(struct call *c)
{
	const struct route *r;
	struct fields *f;
	struct view v;
	enum kodo_err err;

	err = view_begin(c->registry, c->now_us, &v);
	if (err != KODO_OK)
		return err;
	err = page_begin(c, &v, "API", &f);
	if (err == KODO_OK) {
		for (r = router_table(); r->path != NULL; r++)
			if ((r->flags & ROUTE_ALIAS) == 0)
				put_call(f, r);
		put_records(f);
		err = page_put(c, "docs.html", f);
	}
	view_end(&v);
	if (err != KODO_ENOTFOUND)
		return err;
	response_fail(c->res, 404, "Not Found");
	return KODO_OK;
}
