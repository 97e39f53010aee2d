#include "core/json.h"
#include "http/handlers.h"
#include "http/schema.h"
#include "http/template.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION	"unversioned"
#endif

static const struct schema_field fields[] = {
	{ "default", "url", "string" },
	{ "default", "organization", "string?" },
	{ "default", "registry", "boolean" },
	{ "default", "feed", "boolean" },
	{ "default", "idle", "boolean" },
	{ "default", "now", "time" },
	{ "default", "message", "string[]" },
	{ "connect", "", "default" },
	{ "connect", "nodes", "node[]" },
	{ "map", "", "default" },
	{ "map", "providers", "provider[]" },
	{ "map", "connection", "time?{}" },
	{ "map", "registers", "time{}" },
	{ "node", "url", "string" },
	{ "node", "organization", "string?" },
	{ "node", "flows", "flow[]" },
	{ "node", "created", "time?" },
	{ "node", "modified", "time?" },
	{ "node", "heartbeat", "time?" },
	{ "node", "status", "string?" },
	{ "flow", "url", "string" },
	{ "flow", "name", "string" },
	{ "flow", "description", "string?" },
	{ "flow", "author", "string?" },
	{ "flow", "tags", "string[]" },
	{ "provider", "url", "string" },
	{ "provider", "organization", "string?" },
	{ "provider", "feed", "boolean" },
	{ "provider", "created", "time?" },
	{ "provider", "modified", "time?" },
	{ "provider", "nodes", "node[]" },
	{ "disconnect", "provider", "string" },
	{ "disconnect", "url", "string[]" },
	{ "item", "organization", "string?" },
	{ "item", "created", "time?" },
	{ "item", "modified", "time?" },
	{ "item", "heartbeat", "time?" },
	{ "item", "url", "string" },
	{ "item", "name", "string" },
	{ "item", "author", "string?" },
	{ "item", "description", "string?" },
	{ "item", "tags", "string[]" },
	{ "flows", "total", "integer" },
	{ "flows", "filtered", "integer" },
	{ "flows", "p", "integer" },
	{ "flows", "pp", "integer" },
	{ "flows", "items", "item[]" },
	{ "flows", "by", "string" },
	{ "flows", "q", "string?" },
	{ "counts", "total", "integer" },
	{ "counts", "organization", "integer{}" },
	{ "counts", "tags", "integer{}" },
	{ "cron", "runner", "string" },
	{ "error", "status_code", "integer" },
	{ "error", "detail", "string" },
};
#define N_FIELDS	(sizeof(fields) / sizeof(fields[0]))

const struct schema_field *
schema_fields(size_t *n)
{
	*n = N_FIELDS;
	return fields;
}

const char *
schema_method(const struct route *r)
{
	return request_method_name(r->method);
}

const char *
schema_status(const struct route *r)
{
	return r->method == METHOD_DELETE ? "204" : r->handle == handle_connect ? "201" : "200";
}

/* --- examples --- */

/* The line at *rest, without its end; *rest goes on behind it. */
static struct str
take_line(struct str *rest)
{
	const char *end = memchr(rest->p, '\n', rest->len);
	struct str line = { rest->p, end == NULL ? rest->len : (size_t)(end - rest->p) };
	size_t n = line.len + (end != NULL);

	*rest = (struct str){ rest->p + n, rest->len - n };
	return line;
}

/* Lines up to the next that begins with mark, or the end. */
static struct str
take_block(struct str *rest, const char *marks)
{
	struct str block = { rest->p, 0 };

	while (rest->len > 0 && strchr(marks, rest->p[0]) == NULL) {
		(void)take_line(rest);
		block.len = (size_t)(rest->p - block.p);
	}
	while (block.len > 0 && block.p[block.len - 1] == '\n')
		block.len--;
	return block;
}

static bool
is_example_of(const struct route *r, struct str head)
{
	struct str method = str_of(schema_method(r)), path = str_of(r->path);
	struct str rest;

	if (!str_starts(head, method) || head.len <= method.len + 1)
		return false;
	rest = (struct str){ head.p + method.len + 1, head.len - method.len - 1 };
	if (!str_starts(rest, path))
		return false;
	if ((r->flags & ROUTE_BELOW) != 0)
		return rest.len > path.len && rest.p[path.len] == '/';
	return rest.len == path.len || rest.p[path.len] == '?';
}

/*
 * The file: `@ GET /flows?pp=1`, lines of what was sent, `< 200`, lines of what came; again and
 * again. No line of JSON begins with those marks.
 */
bool
schema_example(const struct route *r, struct schema_example *out)
{
	struct str rest = template_load("examples.txt"), head, sent, came;
	size_t skip = strlen(schema_method(r)) + 1;

	while (rest.len > 0) {
		head = take_line(&rest);
		if (!str_starts(head, STR("@ ")))
			continue;
		head = (struct str){ head.p + 2, head.len - 2 };
		sent = take_block(&rest, "<@");
		(void)take_line(&rest);
		came = take_block(&rest, "@");
		if (!is_example_of(r, head))
			continue;
		out->target = (struct str){ head.p + skip, head.len - skip };
		out->sent = sent.len > 0 ? sent : STR_NULL;
		out->came = came.len > 0 ? came : STR_NULL;
		return true;
	}
	return false;
}

/* --- the document --- */

static const char *const plain_types[] = { "string", "boolean", "integer" };

/* The type without its suffixes. */
static void
put_name_type(struct buf *b, struct str name)
{
	size_t i;

	if (str_eq(name, STR("time"))) {
		buf_puts(b, "{\"type\":\"string\",\"format\":\"date-time\"}");
		return;
	}
	for (i = 0; i < sizeof(plain_types) / sizeof(plain_types[0]); i++)
		if (str_eq(name, str_of(plain_types[i]))) {
			buf_printf(b, "{\"type\":\"%s\"}", plain_types[i]);
			return;
		}
	buf_printf(b, "{\"$ref\":\"#/components/schemas/%.*s\"}", STR_ARG(name));
}

/* Suffixes are read from the end: each wraps what stands before it. */
static void
put_type(struct buf *b, struct str type)
{
	static const struct {
		const char *suffix, *before, *after;
	} wraps[] = {
		{ "[]", "{\"type\":\"array\",\"items\":", "}" },
		{ "{}", "{\"type\":\"object\",\"additionalProperties\":", "}" },
		{ "?", "{\"anyOf\":[", ",{\"type\":\"null\"}]}" },
	};
	const char *after[4];
	size_t i, n = 0;

	for (i = 0; i < sizeof(wraps) / sizeof(wraps[0]) && n < 4; i++) {
		struct str suffix = str_of(wraps[i].suffix);

		if (type.len <= suffix.len ||
		    memcmp(type.p + type.len - suffix.len, suffix.p, suffix.len) != 0)
			continue;
		buf_puts(b, wraps[i].before);
		after[n++] = wraps[i].after;
		type.len -= suffix.len;
	}
	put_name_type(b, type);
	while (n > 0)
		buf_puts(b, after[--n]);
}

/* Fields i up to end as properties, all required. */
static void
put_properties(struct buf *b, size_t i, size_t end)
{
	size_t first = i;

	buf_puts(b, "{\"type\":\"object\",\"properties\":{");
	for (; i < end; i++) {
		buf_puts(b, i == first ? "" : ",");
		json_put_key(b, fields[i].field);
		put_type(b, str_of(fields[i].type));
	}
	buf_puts(b, "},\"required\":[");
	for (i = first; i < end; i++)
		buf_printf(b, "%s\"%s\"", i == first ? "" : ",", fields[i].field);
	buf_puts(b, "]}");
}

static void
put_schemas(struct buf *b)
{
	size_t i, end;

	buf_puts(b, "\"components\":{\"schemas\":{");
	for (i = 0; i < N_FIELDS; i = end) {
		bool extends = fields[i].field[0] == '\0';

		end = i;
		while (end < N_FIELDS && strcmp(fields[end].record, fields[i].record) == 0)
			end++;
		buf_puts(b, i == 0 ? "" : ",");
		json_put_key(b, fields[i].record);
		if (extends) {
			buf_puts(b, "{\"allOf\":[");
			put_type(b, str_of(fields[i].type));
			buf_putc(b, ',');
		}
		put_properties(b, i + extends, end);
		buf_puts(b, extends ? "]}" : "");
	}
	buf_puts(b, "}}");
}

static void
put_parameters(struct buf *b, const struct route *r)
{
	unsigned p, n = 0;

	buf_puts(b, ",\"parameters\":[");
	if ((r->flags & ROUTE_BELOW) != 0) {
		buf_puts(b,
		    "{\"name\":\"path\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":"
		    "\"string\"}}");
		n++;
	}
	for (p = 0; p < PARAM_MAX; p++) {
		const struct param_rule *rule = param_rule((enum param)p);

		if ((r->params & PARAM_BIT(p)) == 0)
			continue;
		buf_printf(b,
		    "%s{\"name\":\"%s\",\"in\":\"query\",\"description\":\"%s\",\"schema\":{"
		    "\"type\":\"%s\"",
		    n++ == 0 ? "" : ",", rule->name, rule->summary,
		    rule->kind == PARAM_INT ? "integer" : "string");
		if (rule->fallback != NULL)
			buf_printf(b, ",\"default\":%s", rule->fallback);
		buf_puts(b, rule->kind == PARAM_ENUM ? ",\"enum\":[\"json\",\"html\"]}}" : "}}");
	}
	buf_putc(b, ']');
}

/* record NULL: a page only. */
static void
put_content(struct buf *b, const char *record, struct str example, bool page)
{
	buf_puts(b, "\"content\":{");
	if (record != NULL) {
		buf_puts(b, "\"" TYPE_JSON "\":{\"schema\":");
		put_type(b, str_of(record));
		if (example.p != NULL) {
			buf_puts(b, ",\"example\":");
			buf_put_str(b, example);
		}
		buf_puts(b, page ? "}," : "}");
	}
	if (page)
		buf_puts(b, "\"text/html\":{\"schema\":{\"type\":\"string\"}}");
	buf_putc(b, '}');
}

static void
put_responses(struct buf *b, const struct route *r, const struct schema_example *e)
{
	bool page = (r->flags & ROUTE_PAGE) != 0;

	buf_printf(b, ",\"responses\":{\"%s\":{\"description\":\"done\"", schema_status(r));
	if (r->gives != NULL || page) {
		buf_putc(b, ',');
		put_content(b, r->gives, e->came, page);
	}
	buf_puts(b, "},\"default\":{\"description\":\"refused\",");
	put_content(b, "error", STR_NULL, false);
	buf_puts(b, "}}");
}

static void
put_operation(struct buf *b, const struct route *r)
{
	struct schema_example example = { STR_NULL, STR_NULL, STR_NULL };

	(void)schema_example(r, &example);
	buf_printf(b, "\"%s\":{\"summary\":\"%s\"",
	    r->method == METHOD_GET	   ? "get"
		: r->method == METHOD_POST ? "post"
					   : "delete",
	    r->summary);
	put_parameters(b, r);
	if (r->takes != NULL) {
		buf_puts(b, ",\"requestBody\":{\"required\":true,");
		put_content(b, r->takes, example.sent, false);
		buf_putc(b, '}');
	}
	put_responses(b, r, &example);
	buf_putc(b, '}');
}

static bool
is_first_of_path(const struct route *r)
{
	const struct route *o;

	for (o = router_table(); o < r; o++)
		if (strcmp(o->path, r->path) == 0 && ((o->flags ^ r->flags) & ROUTE_BELOW) == 0)
			return false;
	return true;
}

/* GET /docs/openapi.json: OpenAPI 3.1, made from the tables. */
enum kodo_err
handle_schema(struct call *c)
{
	struct buf *b = &c->res->body.buf;
	const struct route *r, *o;
	unsigned paths = 0;

	buf_puts(b,
	    "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"kodo\",\"version\":\"" PACKAGE_VERSION
	    "\"},\"paths\":{");
	for (r = router_table(); r->path != NULL; r++) {
		if ((r->flags & ROUTE_ALIAS) != 0 || !is_first_of_path(r))
			continue;
		buf_printf(b, "%s\"%s%s\":{", paths++ == 0 ? "" : ",", r->path,
		    (r->flags & ROUTE_BELOW) != 0 ? "/{path}" : "");
		for (o = r; o->path != NULL; o++) {
			if (strcmp(o->path, r->path) != 0 ||
			    ((o->flags ^ r->flags) & ROUTE_BELOW) != 0)
				continue;
			buf_puts(b, o == r ? "" : ",");
			put_operation(b, o);
		}
		buf_putc(b, '}');
	}
	buf_puts(b, "},");
	put_schemas(b);
	buf_putc(b, '}');
	return KODO_OK;
}
