#include "core/base/ascii.h"
#include "core/base/json.h"
#include "core/base/url.h"
#include "http/call.h"
#include "http/handlers.h"
#include "http/router.h"
#include "http/schema.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION	"unversioned"
#endif

static const char *const plain_types[] = { "string", "boolean", "integer", "object" };

/* The type without its suffixes. */
static void
put_name_type(struct buf *b, struct str name)
{
	size_t i;

	if (str_eq(name, STR("time"))) {
		buf_puts(b, "{\"type\":\"string\",\"format\":\"date-time\"}");
		return;
	}
	if (str_eq(name, STR("url"))) {
		buf_puts(b,
		    "{\"type\":\"string\",\"format\":\"uri\",\"pattern\":\"^https?://[^/]\"}");
		return;
	}
	for (i = 0; i < sizeof(plain_types) / sizeof(plain_types[0]); i++)
		if (str_eq(name, str_of(plain_types[i]))) {
			buf_printf(b, "{\"type\":\"%s\"}", plain_types[i]);
			return;
		}
	buf_printf(b, "{\"$ref\":\"#/components/schemas/%.*s\"}", STR_ARG(name));
}

/* Suffixes are read from the end: each wraps the type before it. */
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

/* Fields i up to end as properties. */
static void
put_properties(struct buf *b, const struct schema_field *fields, size_t i, size_t end)
{
	size_t first = i, n = 0;

	buf_puts(b, "{\"type\":\"object\",\"properties\":{");
	for (; i < end; i++) {
		buf_puts(b, i == first ? "" : ",");
		json_put_key(b, fields[i].field);
		put_type(b, str_of(fields[i].type));
	}
	buf_puts(b, "},\"required\":[");
	for (i = first; i < end; i++)
		if (!fields[i].may_lack)
			buf_printf(b, "%s\"%s\"", n++ == 0 ? "" : ",", fields[i].field);
	buf_puts(b, "]}");
}

static void
put_schemas(struct buf *b)
{
	const struct schema_field *fields;
	size_t i, end, n;

	fields = schema_fields(&n);
	buf_puts(b, "\"components\":{\"schemas\":{");
	for (i = 0; i < n; i = end) {
		bool extends = fields[i].field[0] == '\0';

		end = i;
		while (end < n && strcmp(fields[end].record, fields[i].record) == 0)
			end++;
		buf_puts(b, i == 0 ? "" : ",");
		json_put_key(b, fields[i].record);
		if (extends) {
			buf_puts(b, "{\"allOf\":[");
			put_type(b, str_of(fields[i].type));
			buf_putc(b, ',');
		}
		put_properties(b, fields, i + extends, end);
		buf_puts(b, extends ? "]}" : "");
	}
	buf_puts(b, "},\"securitySchemes\":{"
	    "\"token\":{\"type\":\"http\",\"scheme\":\"bearer\",\"bearerFormat\":\"JWT\","
	    "\"description\":\"where auth_jwks_url is set\"},"
	    "\"signature\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"Signature\","
	    "\"description\":\"of a peer, by RFC 9421\"},"
	    "\"adminBearer\":{\"type\":\"http\",\"scheme\":\"bearer\","
	    "\"description\":\"the key of the admin\"},"
	    "\"adminKey\":{\"type\":\"apiKey\",\"in\":\"query\",\"name\":\"key\","
	    "\"description\":\"the same, for hosts that strip Authorization\"}}}");
}

static void
put_formats(struct buf *b, unsigned mask)
{
	unsigned f, n = 0;

	for (f = 0; f < FORMATS; f++)
		if ((mask & 1u << f) != 0)
			buf_printf(b, "%s\"%s\"", n++ == 0 ? ",\"enum\":[" : ",",
			    param_format_name((enum param_format)f));
	buf_puts(b, n > 0 ? "]" : "");
}

/* A member behind others, of a text for people. */
static void
put_text(struct buf *b, const char *key, const char *text)
{
	buf_putc(b, ',');
	json_put_key(b, key);
	json_put_str(b, str_of(text));
}

static void
put_parameters(struct buf *b, const struct route *r)
{
	static const char *const types[] = {
		[PARAM_INT] = "\"type\":\"integer\"",
		[PARAM_TEXT] = "\"type\":\"string\"",
		[PARAM_ENUM] = "\"type\":\"string\"",
		[PARAM_TEXTS] = "\"type\":\"array\",\"items\":{\"type\":\"string\"}",
	};
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
		buf_printf(b, "%s{\"name\":\"%s\",\"in\":\"query\"", n++ == 0 ? "" : ",",
		    rule->name);
		put_text(b, "description", rule->summary);
		buf_printf(b, ",\"schema\":{%s", types[rule->kind]);
		put_formats(b, rule->formats);
		if (rule->fallback != NULL)
			buf_printf(b, ",\"default\":%s", rule->fallback);
		if (p == PARAM_PP || p == PARAM_P)
			buf_printf(b, ",\"minimum\":%d", p == PARAM_PP);
		buf_puts(b, "}}");
	}
	buf_putc(b, ']');
}

/* JSON without blanks and line ends between its tokens. */
static void
put_compact(struct buf *b, struct str json)
{
	bool inside = false;
	size_t i;

	for (i = 0; i < json.len; i++) {
		if (inside && json.p[i] == '\\' && i + 1 < json.len)
			buf_putc(b, json.p[i++]);
		else if (json.p[i] == '"')
			inside = !inside;
		if (inside || (json.p[i] != ' ' && json.p[i] != '\n'))
			buf_putc(b, json.p[i]);
	}
}

/* record NULL: a page or text only. flags: ROUTE_PAGE, ROUTE_FEED, ..: in which other forms. */
static void
put_content(struct buf *b, const char *record, struct str example, unsigned flags)
{
	const bool page = (flags & ROUTE_PAGE) != 0;

	buf_puts(b, "\"content\":{");
	if ((flags & ROUTE_METRICS) != 0)
		buf_puts(b, "\"application/openmetrics-text\":{\"schema\":{\"type\":\"string\"}},"
		    "\"text/plain\":{\"schema\":{\"type\":\"string\"}}");
	if (record != NULL) {
		buf_puts(b, "\"" TYPE_JSON "\":{\"schema\":");
		put_type(b, str_of(record));
		if (example.p != NULL) {
			buf_puts(b, ",\"example\":");
			put_compact(b, example);
		}
		buf_puts(b, page ? "}," : "}");
	}
	if (page)
		buf_puts(b, "\"text/html\":{\"schema\":{\"type\":\"string\"}}");
	if ((flags & ROUTE_FEED) != 0)
		buf_puts(b, ",\"application/atom+xml\":{\"schema\":{\"type\":\"string\"}}");
	buf_putc(b, '}');
}

/* May a call of the route be refused with that status? */
static bool
may_refuse(const struct route *r, unsigned status)
{
	switch (status) {
	case 400:
		return true;
	case 401:
		return (r->flags & (ROUTE_ROLE_REGISTRY | ROUTE_ROLE_FLOWS)) != 0;
	case 403:
		return (r->flags & (ROUTE_PEER | ROUTE_ROLE_REGISTRY | ROUTE_ROLE_FLOWS)) != 0 ||
		    (r->params & PARAM_BIT(PARAM_KEY)) != 0;
	case 404:
		return (r->flags & (ROUTE_REGISTRY | ROUTE_BELOW)) != 0 || r->takes != NULL ||
		    (r->params & (PARAM_BIT(PARAM_URL) | PARAM_BIT(PARAM_NAME))) != 0;
	case 405:
		return (r->flags & ROUTE_ELSEWHERE) != 0;
	case 410:
		return (r->params & PARAM_BIT(PARAM_SINCE)) != 0;
	case 413:
	case 421:
		return r->takes != NULL;
	case 429:
		return (r->flags & ROUTE_HEALTH) == 0;
	case 507:
		return r->takes != NULL && strcmp(r->path, "/connect") == 0;
	default:
		return true;
	}
}

/* A page to a browser, whatever was asked for. */
static void
put_refused(struct buf *b, const struct route *r, unsigned status)
{
	static const char *const errors[BRIDGES] = {
		[BRIDGE_NONE] = "error", [BRIDGE_MCP] = "mcp_error", [BRIDGE_ARD] = "ard_error",
		[BRIDGE_A2A] = "error", [BRIDGE_LLMS] = "error",
	};
	const bool is_page = r->method == METHOD_GET && route_bridge(r) == BRIDGE_NONE &&
	    (r->flags & ROUTE_HEALTH) == 0;

	put_content(b, status == 503 && (r->flags & ROUTE_HEALTH) != 0 ? r->gives
		: errors[route_bridge(r)], STR_NULL, is_page ? ROUTE_PAGE : 0);
}

static void
put_responses(struct buf *b, const struct route *r, const struct schema_example *e)
{
	static const struct {
		unsigned status;
		const char *words;
	} refusals[] = {
		{ 400, "a parameter or the body is wrong" },
		{ 401, "reading needs a token here: see WWW-Authenticate" },
		{ 403, "not allowed" },
		{ 404, "not known here" },
		{ 405, "there is nothing to call at this address" },
		{ 410, "what followed is not known any more: go on from GET /connect" },
		{ 413, "the body is too large" },
		{ 414, "the url or its query is too long" },
		{ 421, "it is signed for another service" },
		{ 429, "too many requests: try again after Retry-After seconds" },
		{ 503, "not possible now: try again after Retry-After seconds" },
		{ 507, "there is no room for a new provider" },
	};
	bool page = (r->flags & ROUTE_PAGE) != 0;
	size_t i;

	buf_printf(b, ",\"responses\":{\"%s\":{\"description\":\"done\"", schema_status(r));
	if (r->gives != NULL || page || (r->flags & ROUTE_METRICS) != 0) {
		buf_putc(b, ',');
		put_content(b, r->gives, e->came, r->flags);
	}
	buf_putc(b, '}');
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		if (!may_refuse(r, refusals[i].status))
			continue;
		buf_printf(b, ",\"%u\":{\"description\":", refusals[i].status);
		json_put_str(b, str_of(refusals[i].words));
		buf_putc(b, ',');
		put_refused(b, r, refusals[i].status);
		buf_putc(b, '}');
	}
	buf_putc(b, '}');
}

/* Who may call the route: each row is one way. {}: without any, as the options say. */
static void
put_security(struct buf *b, const struct route *r)
{
	static const struct {
		unsigned flags;
		const char *way;
	} rows[] = {
		{ ROUTE_PEER | ROUTE_ROLE_REGISTRY | ROUTE_ROLE_FLOWS | ROUTE_LOCAL, "{}" },
		{ ROUTE_PEER | ROUTE_ROLE_REGISTRY | ROUTE_ROLE_FLOWS, "{\"signature\":[]}" },
		{ ROUTE_ROLE_REGISTRY | ROUTE_ROLE_FLOWS, "{\"token\":[]}" },
		{ ROUTE_ADMIN, "{\"adminBearer\":[]}" },
		{ ROUTE_ADMIN, "{\"adminKey\":[]}" },
	};
	size_t i, n = 0;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if ((r->flags & rows[i].flags) == 0)
			continue;
		buf_printf(b, "%s%s", n++ == 0 ? ",\"security\":[" : ",", rows[i].way);
	}
	if (n > 0)
		buf_putc(b, ']');
}

/* getFlows, postConnect, getWellKnownKodoJson, getFlowsByPath. */
static void
put_id(struct buf *b, const struct route *r)
{
	const char *p;
	bool begins = true;

	for (p = schema_method(r); *p != '\0'; p++)
		buf_putc(b, ascii_lower(*p));
	for (p = r->path; *p != '\0'; p++) {
		if (ascii_is_letter(*p))
			buf_putc(b, begins && *p >= 'a' ? (char)(*p - 'a' + 'A') : *p);
		begins = !ascii_is_letter(*p);
	}
	buf_puts(b, r->path[1] == '\0' ? "Service" : "");
	buf_puts(b, (r->flags & ROUTE_BELOW) != 0 ? "ByPath" : "");
}

static void
put_operation(struct buf *b, const struct route *r)
{
	struct schema_example example = { STR_NULL, STR_NULL, STR_NULL };

	(void)schema_example(r, &example);
	buf_printf(b, "\"%s\":{\"operationId\":\"",
	    r->method == METHOD_GET	   ? "get"
		: r->method == METHOD_POST ? "post"
					   : "delete");
	put_id(b, r);
	buf_puts(b, "\",\"tags\":[");
	json_put_str(b, str_of(schema_part_name(schema_part(r))));
	buf_putc(b, ']');
	put_text(b, "summary", r->summary);
	if (schema_about(r) != NULL)
		put_text(b, "description", schema_about(r));
	put_parameters(b, r);
	if (r->takes != NULL) {
		buf_puts(b, ",\"requestBody\":{\"required\":true,");
		put_content(b, r->takes, example.sent, false);
		buf_putc(b, '}');
	}
	put_responses(b, r, &example);
	put_security(b, r);
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

static void
put_tags(struct buf *b)
{
	unsigned i;

	buf_puts(b, "\"tags\":[");
	for (i = 0; i < SCHEMA_PARTS; i++) {
		buf_puts(b, i == 0 ? "{\"name\":" : ",{\"name\":");
		json_put_str(b, str_of(schema_part_name((enum schema_part)i)));
		put_text(b, "description", schema_part_about((enum schema_part)i));
		buf_putc(b, '}');
	}
	buf_puts(b, "],");
}

/* Paths are below the url of the server, in whose place braces would be variables. */
static void
put_server(struct buf *b, struct str url)
{
	struct buf link = BUF_INIT(0);

	url_put_link(&link, url);
	buf_puts(b, "\"servers\":[{\"url\":");
	json_put_str(b, buf_str(&link));
	buf_puts(b, "}],");
	if (buf_failed(&link) && b->err == KODO_OK)
		b->err = link.err;
	buf_free(&link);
}

static enum kodo_err
put_document(struct call *c, struct view *v)
{
	struct buf *b = &c->res->body.buf;
	const struct route *r, *o;
	unsigned paths = 0;

	buf_puts(b,
	    "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"kodo\",\"version\":\"" PACKAGE_VERSION
	    "\",\"description\":\"A federated registry of agents: find them, and tell registries "
	    "of yours.\"},");
	put_server(b, v->options->url);
	put_tags(b);
	buf_puts(b, "\"paths\":{");
	for (r = router_table(); r->path != NULL; r++) {
		if ((r->flags & ROUTE_ALIAS) != 0 || !is_first_of_path(r) ||
		    !option_has_bridge(v->options, route_bridge(r)))
			continue;
		buf_printf(b, "%s\"%s%s\":{", paths++ == 0 ? "" : ",", r->path,
		    (r->flags & ROUTE_BELOW) != 0 ? "/{path}" : "");
		for (o = r; o->path != NULL; o++) {
			if (strcmp(o->path, r->path) != 0 || (o->flags & ROUTE_ALIAS) != 0 ||
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

/* GET /docs/openapi.json: OpenAPI 3.1, made from the tables. */
enum kodo_err
handle_schema(struct call *c)
{
	return call_with_view(c, put_document);
}
