/*
 * /docs: the API for people, from the same tables as the document for machines (schema.h), a page
 * for each part of it and one for the records.
 */
#include <stdio.h>

#include "http/handlers.h"
#include "http/page.h"
#include "http/router.h"
#include "http/schema.h"

static void
put_params(struct template_values *row, const struct route *r)
{
	static const char *const kinds[] = {
		[PARAM_INT] = "number", [PARAM_TEXT] = "text", [PARAM_ENUM] = "one of",
		[PARAM_TEXTS] = "texts",
	};
	unsigned p;

	for (p = 0; p < PARAM_MAX; p++) {
		const struct param_rule *rule = param_rule((enum param)p);
		struct template_values *param;

		if ((r->params & PARAM_BIT(p)) == 0)
			continue;
		param = template_values_row(row, "param");
		template_values_put(param, "param_name", str_of(rule->name));
		template_values_put(param, "kind", str_of(kinds[rule->kind]));
		template_values_put(param, "fallback", str_of(rule->fallback));
		template_values_put(param, "about", str_of(rule->summary));
		template_values_put_flag(param, "is_enum", rule->kind == PARAM_ENUM);
		template_values_put_flag(param, "is_number", rule->kind == PARAM_INT);
	}
	template_values_put_flag(row, "params", r->params != 0);
}

/* The fragment of its address: GET /docs/openapi.json is get-docs-openapi-json. */
static void
put_anchor(struct template_values *row, const struct route *r)
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
	template_values_printf(
	    row, "anchor", "%s%s", name, (r->flags & ROUTE_BELOW) != 0 ? "below" : "");
}

static void
put_entry(struct template_values *row, const struct route *r)
{
	template_values_put(row, "method", str_of(schema_method(r)));
	template_values_printf(row, "path", "%s%s", r->path,
	    (r->flags & ROUTE_BELOW) != 0 ? "/{path}" : "");
	put_anchor(row, r);
}

static void
put_call(struct template_values *row, const struct route *r)
{
	struct schema_example e;

	put_entry(row, r);
	template_values_put(row, "summary", str_of(r->summary));
	template_values_put(row, "about_call", str_of(schema_about(r)));
	template_values_put(row, "takes", str_of(r->takes));
	if (r->gives != NULL && strcmp(r->gives, "object") != 0)
		template_values_put(row, "gives", str_of(r->gives));
	template_values_put(row, "status", str_of(schema_status(r)));
	template_values_put_flag(row, "page", (r->flags & ROUTE_PAGE) != 0);
	template_values_put_flag(
	    row, "is_get", r->method == METHOD_GET && (r->flags & ROUTE_BELOW) == 0);
	template_values_put_flag(row, "only_registry", (r->flags & ROUTE_REGISTRY) != 0);
	put_params(row, r);
	if (!schema_example(r, &e))
		return;
	template_values_put(row, "target", e.target);
	template_values_put(row, "sent", e.sent);
	template_values_put(row, "came", e.came);
}

/* The records have a page of their own, behind those of the parts. */
#define RECORDS	SCHEMA_PARTS
#define PAGES	(SCHEMA_PARTS + 1)

static const char *
page_path(unsigned page)
{
	return page == RECORDS ? "/docs/records" : schema_part_path((enum schema_part)page);
}

static const char *
page_name(unsigned page)
{
	return page == RECORDS ? "Records" : schema_part_name((enum schema_part)page);
}

/* The fragment of its address, of when all was one page. */
static void
put_page_id(struct template_values *t, const char *name, unsigned page)
{
	if (page == RECORDS)
		template_values_put(t, name, STR("records"));
	else
		template_values_printf(t, name, "part-%u", page);
}

static const char *
page_about(unsigned page)
{
	if (page == RECORDS)
		return "What bodies and answers consist of, field by field.";
	return schema_part_about((enum schema_part)page);
}

static void
put_calls(struct template_values *t, unsigned page, const struct options *o,
    void (*put)(struct template_values *row, const struct route *r))
{
	const struct route *r;

	for (r = router_table(); r->path != NULL; r++)
		if ((r->flags & ROUTE_ALIAS) == 0 && (unsigned)schema_part(r) == page &&
		    option_has_bridge(o, route_bridge(r)))
			put(template_values_row(t, "call"), r);
}

static void
put_records(struct template_values *t)
{
	const struct schema_field *fields;
	struct template_values *record = NULL, *row;
	size_t i, n;

	fields = schema_fields(&n);
	for (i = 0; i < n; i++) {
		if (i == 0 || strcmp(fields[i].record, fields[i - 1].record) != 0) {
			record = template_values_row(t, "record");
			template_values_put(record, "record_name", str_of(fields[i].record));
		}
		row = template_values_row(record, "field");
		template_values_put(row, "field_name", str_of(fields[i].field));
		template_values_put(row, "type", str_of(fields[i].type));
		template_values_put_flag(row, "may_lack", fields[i].may_lack);
	}
}

/* The list of pages, and on the first one what is on the others, where all was once. */
static void
put_contents(struct template_values *t, unsigned shown, const struct options *o)
{
	struct template_values *row;
	unsigned page;

	for (page = 0; page < PAGES; page++) {
		row = template_values_row(t, "page");
		template_values_put(row, "page_path", str_of(page_path(page)));
		template_values_put(row, "page_name", str_of(page_name(page)));
		template_values_put_flag(row, "is_shown", page == shown);
		if (shown != PART_FIND || page == shown)
			continue;
		row = template_values_row(t, "other");
		template_values_put(row, "page_path", str_of(page_path(page)));
		template_values_put(row, "page_name", str_of(page_name(page)));
		put_page_id(row, "page_id", page);
		put_calls(row, page, o, put_entry);
		if (page == RECORDS)
			put_records(row);
	}
}

static enum kodo_err
put_docs(struct call *c, struct view *v)
{
	unsigned page = 0;
	struct template_values *t;
	enum kodo_err err;

	while (page < PAGES && !str_eq(c->req->path, str_of(page_path(page))))
		page++;
	err = page_begin(c, v, page == PAGES ? "API" : page_name(page), &t);
	if (err != KODO_OK)
		return err;
	if (page < PAGES) {
		template_values_put(t, "about", STR("API"));
		template_values_put(t, "summary", str_of(page_about(page)));
		template_values_put_flag(t, "is_find", page == PART_FIND);
		template_values_put_flag(t, "at_records", page == RECORDS);
		put_page_id(t, "shown_id", page);
		put_contents(t, page, v->options);
		put_calls(t, page, v->options, put_call);
		if (page == RECORDS)
			put_records(t);
		err = page_put(c, "docs.html", t);
		if (err != KODO_ENOTFOUND)
			return err;
	}
	response_fail(c->res, 404, "Not Found");
	return KODO_OK;
}

enum kodo_err
handle_docs(struct call *c)
{
	return call_with_view(c, put_docs);
}
