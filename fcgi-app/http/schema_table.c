#include "http/handlers.h"
#include "http/router.h"
#include "http/schema.h"
#include "http/template.h"

static const struct schema_field fields[] = {
	{ "default", "url", "url", false },
	{ "default", "organization", "string?", true },
	{ "default", "registry", "boolean", false },
	{ "default", "feed", "boolean", false },
	{ "default", "idle", "boolean", false },
	{ "default", "now", "time", false },
	{ "default", "message", "string[]", false },
	{ "status", "url", "url", false },
	{ "status", "role", "string", false },
	{ "status", "version", "string", false },
	{ "status", "flows", "integer", false },
	{ "status", "providers", "integer", false },
	{ "status", "targets", "integer", false },
	{ "status", "nodes", "integer", false },
	{ "status", "troubled", "integer", false },
	{ "status", "unreached", "integer", false },
	{ "status", "silent", "integer", false },
	{ "status", "pending", "integer", false },
	{ "status", "waiting", "integer", false },
	{ "status", "idle", "boolean", false },
	{ "status", "started", "time", false },
	{ "status", "runner", "boolean", false },
	{ "status", "cron", "time?", false },
	{ "status", "imports", "import[]", true },
	{ "import", "source", "url", false },
	{ "import", "kind", "string", false },
	{ "import", "entries", "integer", false },
	{ "import", "refused", "integer", false },
	{ "import", "last", "time?", false },
	{ "import", "due", "time?", false },
	{ "import", "error", "string?", false },
	{ "connect", "", "default", false },
	{ "connect", "nodes", "node[]", false },
	{ "answer", "", "default", false },
	{ "answer", "nodes", "node[]", true },
	{ "map", "", "default", false },
	{ "map", "providers", "provider[]", false },
	{ "map", "connection", "time?{}", false },
	{ "map", "registers", "time{}", false },
	{ "node", "url", "url", false },
	{ "node", "audience", "string?", true },
	{ "node", "organization", "string?", true },
	{ "node", "flows", "flow[]", true },
	{ "node", "created", "time?", true },
	{ "node", "modified", "time?", true },
	{ "node", "heartbeat", "time?", true },
	{ "node", "status", "string?", true },
	{ "flow", "url", "string", false },
	{ "flow", "name", "string", false },
	{ "flow", "description", "string?", true },
	{ "flow", "author", "string?", true },
	{ "flow", "tags", "string[]", true },
	{ "flow", "entry", "string?", true },
	{ "flow", "queries", "string[]", true },
	{ "provider", "url", "url", false },
	{ "provider", "organization", "string?", false },
	{ "provider", "feed", "boolean", false },
	{ "provider", "created", "time?", false },
	{ "provider", "modified", "time?", false },
	{ "provider", "nodes", "node[]", false },
	{ "keys", "url", "url", false },
	{ "keys", "keys", "key[]", false },
	{ "key", "key", "string", false },
	{ "key", "alg", "string", false },
	{ "key", "since", "time", false },
	{ "disconnect", "provider", "url", false },
	{ "disconnect", "url", "url[]", false },
	{ "item", "organization", "string?", false },
	{ "item", "created", "time?", false },
	{ "item", "modified", "time?", false },
	{ "item", "heartbeat", "time?", false },
	{ "item", "url", "string", false },
	{ "item", "name", "string", false },
	{ "item", "author", "string?", false },
	{ "item", "description", "string?", false },
	{ "item", "tags", "string[]", false },
	{ "found", "", "item", false },
	{ "found", "entry", "string?", false },
	{ "found", "queries", "string[]", true },
	{ "found", "state", "string", false },
	{ "found", "heard", "time?", false },
	{ "found", "node", "place", false },
	{ "found", "from", "source", true },
	{ "found", "imported", "imported", true },
	{ "found", "registries", "listing[]", false },
	{ "place", "url", "url", false },
	{ "place", "audience", "string", true },
	{ "place", "organization", "string?", false },
	{ "source", "url", "url", false },
	{ "source", "organization", "string?", false },
	{ "source", "since", "time", false },
	{ "imported", "source", "url", false },
	{ "imported", "kind", "string", false },
	{ "imported", "identifier", "string", false },
	{ "imported", "first_seen", "time", false },
	{ "listing", "url", "url", false },
	{ "listing", "since", "time?", false },
	{ "organization", "organization", "string", false },
	{ "organization", "flows", "integer", false },
	{ "organization", "nodes", "integer", false },
	{ "organization", "silent", "integer", false },
	{ "organization", "first_nodes", "member[]", false },
	{ "organization", "authors", "string[]", false },
	{ "organization", "registries", "listing[]", false },
	{ "member", "url", "url", false },
	{ "member", "flows", "integer", false },
	{ "member", "state", "string", false },
	{ "member", "heard", "time?", false },
	{ "flows", "total", "integer", false },
	{ "flows", "filtered", "integer", false },
	{ "flows", "p", "integer", false },
	{ "flows", "pp", "integer", false },
	{ "flows", "items", "item[]", false },
	{ "flows", "by", "string", false },
	{ "flows", "q", "string?", false },
	{ "flows", "did_you_mean", "string?", true },
	{ "flows", "facets", "facets", true },
	{ "flows", "explain", "explain", true },
	{ "flows", "next", "string?", true },
	{ "facets", "organization", "integer{}", false },
	{ "facets", "tag", "integer{}", false },
	{ "facets", "state", "integer{}", false },
	{ "facets", "registry", "integer{}", false },
	{ "explain", "query", "string?", false },
	{ "explain", "index", "string", false },
	{ "explain", "needle", "string?", false },
	{ "explain", "rows", "integer", false },
	{ "explain", "steps", "integer", false },
	{ "explain", "us", "integer", false },
	{ "changes", "since", "integer", false },
	{ "changes", "view", "integer", false },
	{ "changes", "more", "boolean", false },
	{ "changes", "changes", "change[]", false },
	{ "change", "view", "integer", false },
	{ "change", "url", "url", false },
	{ "change", "state", "string", false },
	{ "change", "node", "node", true },
	{ "counts", "total", "integer", false },
	{ "counts", "filtered", "integer", true },
	{ "counts", "organization", "integer{}", false },
	{ "counts", "tags", "integer{}", false },
	{ "cron", "runner", "string", false },
	{ "check", "authorization", "boolean", false },
	{ "check", "transport", "string", false },
	{ "check", "user", "string", false },
	{ "check", "findings", "finding[]", false },
	{ "finding", "finding", "string", false },
	{ "finding", "text", "string", false },
	{ "entry", "pattern", "string", false },
	{ "entry", "verdict", "string", false },
	{ "entry", "since", "time", false },
	{ "entry", "nodes", "integer", false },
	{ "entry", "flows", "integer", false },
	{ "moderation", "entries", "entry[]", false },
	{ "moderation", "unfinished", "boolean", false },
	{ "health", "live", "condition", false },
	{ "health", "ready", "condition", false },
	{ "condition", "ok", "boolean", false },
	{ "condition", "reasons", "cause[]", false },
	{ "cause", "reason", "string", false },
	{ "cause", "text", "string", false },
	{ "moderated", "", "entry", false },
	{ "moderated", "outcome", "string", false },
	{ "moderated", "unfinished", "boolean", false },
	{ "mcp_servers", "servers", "mcp_found[]", false },
	{ "mcp_servers", "metadata", "mcp_metadata", false },
	{ "mcp_metadata", "count", "integer", false },
	{ "mcp_metadata", "nextCursor", "string", true },
	{ "mcp_found", "server", "mcp_server", false },
	{ "mcp_found", "_meta", "object", false },
	{ "mcp_server", "$schema", "string", false },
	{ "mcp_server", "name", "string", false },
	{ "mcp_server", "version", "string", false },
	{ "mcp_server", "title", "string", true },
	{ "mcp_server", "description", "string", false },
	{ "mcp_server", "websiteUrl", "string", false },
	{ "mcp_server", "remotes", "mcp_remote[]", true },
	{ "mcp_server", "_meta", "object", true },
	{ "mcp_remote", "type", "string", false },
	{ "mcp_remote", "url", "string", false },
	{ "mcp_error", "error", "string", false },
	{ "ard_manifest", "specVersion", "string", false },
	{ "ard_manifest", "host", "ard_host", false },
	{ "ard_manifest", "entries", "ard_entry[]", false },
	{ "ard_host", "displayName", "string", false },
	{ "ard_host", "identifier", "string", false },
	{ "ard_entry", "identifier", "string", false },
	{ "ard_entry", "displayName", "string", false },
	{ "ard_entry", "type", "string", false },
	{ "ard_entry", "url", "string", true },
	{ "ard_entry", "data", "object", true },
	{ "ard_entry", "description", "string", true },
	{ "ard_entry", "tags", "string[]", true },
	{ "ard_entry", "capabilities", "string[]", true },
	{ "ard_entry", "representativeQueries", "string[]", true },
	{ "ard_entry", "version", "string", true },
	{ "ard_entry", "updatedAt", "time", true },
	{ "ard_entry", "metadata", "object", true },
	{ "ard_entry", "score", "integer", true },
	{ "ard_entry", "source", "string", true },
	{ "ard_list", "items", "ard_entry[]", false },
	{ "ard_list", "total", "integer", false },
	{ "ard_list", "pageToken", "string", true },
	{ "ard_question", "query", "ard_query", false },
	{ "ard_question", "federation", "string", true },
	{ "ard_question", "pageSize", "integer", true },
	{ "ard_question", "pageToken", "string", true },
	{ "ard_query", "text", "string", true },
	{ "ard_query", "filter", "object", true },
	{ "ard_results", "results", "ard_entry[]", false },
	{ "ard_results", "referrals", "ard_entry[]", true },
	{ "ard_results", "pageToken", "string", true },
	{ "ard_exploration", "query", "ard_query", true },
	{ "ard_exploration", "resultType", "ard_kinds", false },
	{ "ard_kinds", "facets", "ard_kind[]", false },
	{ "ard_kind", "field", "string", false },
	{ "ard_kind", "limit", "integer", true },
	{ "ard_kind", "minCount", "integer", true },
	{ "ard_facets", "resultType", "string", false },
	{ "ard_facets", "facets", "ard_facet{}", false },
	{ "ard_facet", "buckets", "ard_bucket[]", false },
	{ "ard_facet", "otherCount", "integer", false },
	{ "ard_bucket", "value", "string", false },
	{ "ard_bucket", "count", "integer", false },
	{ "ard_error", "errorCode", "string", false },
	{ "ard_error", "message", "string", false },
	{ "error", "status_code", "integer", false },
	{ "error", "detail", "string", false },
	{ "error", "extra", "fault[]", true },
	{ "fault", "message", "string", false },
	{ "fault", "key", "string", true },
	{ "fault", "source", "string", true },
};
#define N_FIELDS	(sizeof(fields) / sizeof(fields[0]))

const struct schema_field *
schema_fields(size_t *n)
{
	*n = N_FIELDS;
	return fields;
}

static const struct {
	const char *path, *name, *about;
} parts[SCHEMA_PARTS] = {
	[PART_FIND] = { "/docs", "Find agents",
	    "What anybody may ask: flows, by words, queries and tags." },
	[PART_BETWEEN] = { "/docs/between", "Between services",
	    "How nodes and registries tell each other what they have. Bodies may be signed." },
	[PART_BRIDGES] = { "/docs/families", "Other families",
	    "The same registry, as programs that know another one read it: see bridges." },
	[PART_OPERATE] = { "/docs/operate", "Operate", "How this service is, for who runs it." },
};

const char *
schema_part_name(enum schema_part part)
{
	return parts[part].name;
}

const char *
schema_part_about(enum schema_part part)
{
	return parts[part].about;
}

const char *
schema_part_path(enum schema_part part)
{
	return parts[part].path;
}

/* Of each call what its summary leaves out. */
static const struct {
	enum method method;
	const char *path;
	bool below;
	enum schema_part part;
	const char *about;
} calls[] = {
	{ METHOD_GET, "/flows", false, PART_FIND,
	    "Without q all flows are listed by name. A q that is no query is searched for as text. "
	    "The header Link leads to the next page." },
	{ METHOD_GET, "/flow", false, PART_FIND, "Of any node that is shown here." },
	{ METHOD_GET, "/organization", false, PART_FIND, NULL },
	{ METHOD_GET, "/flows", true, PART_FIND, NULL },
	{ METHOD_POST, "/flows", true, PART_FIND,
	    "Whatever the method: 307, so that the call is made again where the agent is." },
	{ METHOD_GET, "/counts", false, PART_FIND,
	    "Names are counted once for each organization and tag, however many flows have them." },
	{ METHOD_GET, "/changes", false, PART_FIND,
	    "For who holds a copy: go on from view of the answer before, and with wait be told as "
	    "soon as there is something." },
	{ METHOD_GET, "/", false, PART_BETWEEN,
	    "Who answers here, in which role. idle: no message to another service is due." },
	{ METHOD_GET, "/map", false, PART_BETWEEN,
	    "connection: the registries that this service connects to, with the time of their "
	    "last acknowledgement; registers: when each provider last connected." },
	{ METHOD_GET, "/connect", false, PART_BETWEEN,
	    "All that this service would tell a peer: what a copy begins with." },
	{ METHOD_POST, "/connect", false, PART_BETWEEN,
	    "The nodes of the body are all that the sender states: others that it stated before "
	    "end. A caller that feeds gets all nodes in the answer." },
	{ METHOD_POST, "/update", false, PART_BETWEEN,
	    "Nodes with the same url are replaced, others are added. Without nodes it is a check "
	    "whether both hold the same." },
	{ METHOD_POST, "/disconnect", false, PART_BETWEEN,
	    "With the sender's own url in the list, all that it stated ends." },
	{ METHOD_POST, "/reconnect", false, PART_BETWEEN,
	    "For registries that this service connects to, as after they lost their state." },
	{ METHOD_GET, "/.well-known/kodo.json", false, PART_BETWEEN,
	    "A url that shows a key here has proved it." },
	{ METHOD_GET, "/health", false, PART_OPERATE,
	    "Reasons: disk, map, writer (a stopped process holds the lock), cron (messages are due "
	    "and nobody sends them), clock, state. Never limited or stored." },
	{ METHOD_GET, "/metrics", false, PART_OPERATE,
	    "OpenMetrics 1.0, or the text format of Prometheus where Accept names that alone. For "
	    "the admin, or with the option metrics: public for all." },
	{ METHOD_GET, "/v0.1/servers", false, PART_BRIDGES,
	    "For whatever reads a registry of MCP servers, as editors do. Only those with remotes "
	    "speak that protocol; the item of /flows is in _meta of each." },
	{ METHOD_GET, "/v0.1/servers", true, PART_BRIDGES,
	    "Its slash may be %2F or not." },
	{ METHOD_GET, "/.well-known/mcp/catalog.json", false, PART_BRIDGES, NULL },
	{ METHOD_GET, "/.well-known/ard.json", false, PART_BRIDGES,
	    "The same at /.well-known/ai-catalog.json." },
	{ METHOD_GET, "/ard/agents", false, PART_BRIDGES, NULL },
	{ METHOD_GET, "/ard/agents", true, PART_BRIDGES, NULL },
	{ METHOD_POST, "/ard/search", false, PART_BRIDGES,
	    "Whoever has one of the words is found. filter: of each term one value holds; terms "
	    "are type, tags, publisher, capabilities, metadata.organization, metadata.author." },
	{ METHOD_POST, "/ard/explore", false, PART_BRIDGES, NULL },
	{ METHOD_DELETE, "/connect", false, PART_OPERATE,
	    "For the admin: each is told, and forgets what this service stated." },
};

static size_t
call_of(const struct route *r)
{
	const bool below = (r->flags & ROUTE_BELOW) != 0;
	size_t i = 0;

	while (i < sizeof(calls) / sizeof(calls[0]) && (calls[i].method != r->method ||
		   calls[i].below != below || strcmp(calls[i].path, r->path) != 0))
		i++;
	return i;
}

enum schema_part
schema_part(const struct route *r)
{
	const size_t i = call_of(r);

	return i == sizeof(calls) / sizeof(calls[0]) ? PART_OPERATE : calls[i].part;
}

const char *
schema_about(const struct route *r)
{
	const size_t i = call_of(r);

	return i == sizeof(calls) / sizeof(calls[0]) ? NULL : calls[i].about;
}

const char *
schema_method(const struct route *r)
{
	return request_method_name(r->method);
}

const char *
schema_status(const struct route *r)
{
	return r->handle == handle_flow_call		? "307"
	    : r->method == METHOD_DELETE		? "204"
	    : r->handle == handle_connect		? "201"
							: "200";
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
