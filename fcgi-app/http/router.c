#include "http/handlers.h"
#include "http/param.h"
#include "http/router.h"

#define PAGING                                                                          \
	(PARAMS_WHICH | PARAM_BIT(PARAM_PP) | PARAM_BIT(PARAM_P) | PARAM_BIT(PARAM_BY) |     \
	    PARAM_BIT(PARAM_FORMAT_FLOWS) | PARAM_BIT(PARAM_EXPLAIN) |                  \
	    PARAM_BIT(PARAM_AFTER) | PARAM_BIT(PARAM_FIELDS) |                          \
	    PARAM_BIT(PARAM_FACETS) | PARAM_BIT(PARAM_KEY))
#define FORMAT	PARAM_BIT(PARAM_FORMAT)
#define KEY	PARAM_BIT(PARAM_KEY)
#define SHOWS	ROUTE_ROLE_REGISTRY
#define OF_MCP	(SHOWS | ROUTE_BRIDGE(BRIDGE_MCP))
#define OF_ARD	(SHOWS | ROUTE_BRIDGE(BRIDGE_ARD))
/* a POST that changes nothing */
#define ASKED	(OF_ARD | ROUTE_TEXT | ROUTE_ELSEWHERE | ROUTE_SCANS)
#define OWN_FLOW	(ROUTE_BELOW | ROUTE_ROLE_FLOWS)
#define CALLED	(OWN_FLOW | ROUTE_ELSEWHERE | ROUTE_ALIAS)
/* as /flow?url= and a call of it */
#define IMPORTED	(ROUTE_BELOW | SHOWS | ROUTE_ALIAS)
#define POSTED	(ROUTE_BODY | ROUTE_PEER)

/* Exact paths before those with ROUTE_BELOW. */
static const struct route table[] = {
	{ "/", METHOD_GET, handle_home, ROUTE_PAGE, 0, FORMAT,
	    "how this service introduces itself", NULL, "default" },
	{ "/home", METHOD_GET, handle_home, ROUTE_ALIAS | ROUTE_PAGE, 0, FORMAT, NULL, NULL,
	    "default" },
	{ "/status", METHOD_GET, handle_status, ROUTE_PAGE, 0, FORMAT,
	    "how this service is: what it holds, its peers, its outbound work", NULL, "status" },
	{ "/map", METHOD_GET, handle_map, ROUTE_PAGE | SHOWS, 0,
	    FORMAT | PARAM_BIT(PARAM_STATE) | PARAM_BIT(PARAM_MAP_P),
	    "its providers with their nodes, its connections", NULL, "map" },
	{ "/connect", METHOD_GET, handle_nodes, SHOWS, 0, 0, "all nodes with their flows", NULL,
	    "connect" },
	{ "/connect", METHOD_POST, handle_connect, POSTED | ROUTE_REGISTRY, WIRE_CONNECT, 0,
	    "become a provider of this registry; all of the sender's nodes are replaced", "connect",
	    "answer" },
	{ "/connect", METHOD_DELETE, handle_leave, ROUTE_ADMIN | ROUTE_LOCAL, 0, KEY,
	    "leave every registry that this service is connected to", NULL, NULL },
	{ "/update", METHOD_POST, handle_update, POSTED | ROUTE_REGISTRY, WIRE_UPDATE, 0,
	    "add or replace nodes of a provider", "connect", "default" },
	/* a provider may always leave, so no ROUTE_PEER */
	{ "/disconnect", METHOD_POST, handle_disconnect, ROUTE_BODY | ROUTE_REGISTRY,
	    WIRE_DISCONNECT, 0, "remove nodes of a provider, or the provider", "disconnect",
	    "default" },
	{ "/reconnect", METHOD_POST, handle_reconnect, POSTED, WIRE_DEFAULT, 0,
	    "ask this service to connect to the sender again", "default", "default" },
	{ "/flows", METHOD_GET, handle_flows, ROUTE_PAGE | ROUTE_FEED | ROUTE_SCANS | SHOWS, 0,
	    PAGING,
	    "a page of flows, filtered and sorted", NULL, "flows" },
	{ "/changes", METHOD_GET, handle_changes, SHOWS, 0,
	    PARAM_BIT(PARAM_SINCE) | PARAM_BIT(PARAM_LIMIT) | PARAM_BIT(PARAM_WAIT) |
		CHANGES_WHICH,
	    "nodes that were changed, each in its newest state", NULL, "changes" },
	{ "/flows/counts", METHOD_GET, handle_counts, ROUTE_ALIAS | ROUTE_SCANS | SHOWS, 0,
	    FORMAT | PARAMS_WHICH, NULL, NULL, "counts" },
	{ "/counts", METHOD_GET, handle_counts, ROUTE_SCANS | SHOWS, 0, FORMAT | PARAMS_WHICH,
	    "number of flows, and of distinct names by organization and tag", NULL, "counts" },
	{ "/.well-known/kodo.json", METHOD_GET, handle_well_known, 0, 0, 0,
	    "the keys with which this service signs", NULL, "keys" },
	{ "/docs", METHOD_GET, handle_docs, ROUTE_PAGE, 0, 0, "the API for people", NULL, NULL },
	{ "/www", METHOD_GET, handle_asset, ROUTE_BELOW | ROUTE_ALIAS, 0, 0, NULL, NULL, NULL },
	{ "/robots.txt", METHOD_GET, handle_robots, ROUTE_ALIAS, 0, 0, NULL, NULL, NULL },
	{ "/schema/openapi.json", METHOD_GET, handle_schema, ROUTE_ALIAS, 0, 0, NULL, NULL, NULL },
	{ "/docs/openapi.json", METHOD_GET, handle_schema, 0, 0, 0, "this document", NULL,
	    "object" },
	{ "/cron", METHOD_GET, handle_cron, ROUTE_ADMIN | ROUTE_CHANGES, 0, KEY,
	    "see to outbound work now, for hosts without cron", NULL, "cron" },
	{ "/check", METHOD_GET, handle_check, ROUTE_PAGE | ROUTE_ADMIN, 0, KEY | FORMAT,
	    "what is wrong with this service, for its admin", NULL, "check" },
	{ "/health", METHOD_GET, handle_health, ROUTE_HEALTH, 0, 0,
	    "is this service alive, and ready for requests; 503 where it is not", NULL, "health" },
	{ "/health/live", METHOD_GET, handle_live, ROUTE_HEALTH, 0, 0,
	    "is it alive; where not, start it anew", NULL, "condition" },
	{ "/health/ready", METHOD_GET, handle_ready, ROUTE_HEALTH, 0, 0,
	    "is it ready; where not, send requests elsewhere", NULL, "condition" },
	{ "/metrics", METHOD_GET, handle_metrics, ROUTE_ADMIN | ROUTE_LOCAL | ROUTE_METRICS, 0, KEY,
	    "counters and numbers of this service, for Prometheus", NULL, NULL },
	{ "/cluster/snapshot", METHOD_GET, handle_snapshot, ROUTE_ALIAS, 0, 0, NULL, NULL, NULL },
	{ "/moderation", METHOD_GET, handle_moderation, ROUTE_ADMIN | ROUTE_LOCAL, 0, KEY,
	    "what is denied, hidden or excepted, for the admin", NULL, "moderation" },
	{ "/moderation", METHOD_POST, handle_moderate, ROUTE_ADMIN | ROUTE_LOCAL, 0,
	    KEY | PARAM_BIT(PARAM_DO) | PARAM_BIT(PARAM_PATTERN) | PARAM_BIT(PARAM_DRY) |
		PARAM_BIT(PARAM_FORGET),
	    "deny, hide or allow nodes by a pattern, as kodo deny does", NULL, "moderated" },
	{ "/flow", METHOD_GET, handle_item, ROUTE_PAGE | SHOWS, 0, PARAM_BIT(PARAM_URL) | FORMAT,
	    "a flow: what it is, how it is called, where it comes from", NULL, "found" },
	{ "/organization", METHOD_GET, handle_organization, ROUTE_PAGE | SHOWS, 0,
	    PARAM_BIT(PARAM_NAME) | PARAM_BIT(PARAM_P) | PARAM_BIT(PARAM_PP) | FORMAT,
	    "an organization: its nodes, flows and authors", NULL, "organization" },
	{ "/v0.1/servers", METHOD_GET, handle_mcp_servers, OF_MCP | ROUTE_SCANS, 0,
	    PARAM_BIT(PARAM_CURSOR) | PARAM_BIT(PARAM_SERVERS) | PARAM_BIT(PARAM_SEARCH) |
		PARAM_BIT(PARAM_UPDATED_SINCE) | PARAM_BIT(PARAM_VERSION) |
		PARAM_BIT(PARAM_INCLUDE_DELETED),
	    "flows as servers of the Model Context Protocol's registry API", NULL, "mcp_servers" },
	{ "/v0.1/servers", METHOD_GET, handle_mcp_server, ROUTE_BELOW | OF_MCP, 0, 0,
	    "one of them: NAME/versions, NAME/versions/latest or a version", NULL, "object" },
	{ "/.well-known/mcp/catalog.json", METHOD_GET, handle_mcp_catalog, OF_MCP, 0, 0,
	    "own flows that are servers of MCP", NULL, "ard_manifest" },
	{ "/.well-known/ard.json", METHOD_GET, handle_ard_manifest, OF_ARD, 0, 0,
	    "what is here, for crawlers of ARD: this registry, and own flows", NULL,
	    "ard_manifest" },
	{ "/.well-known/ai-catalog.json", METHOD_GET, handle_ard_manifest, ROUTE_ALIAS | OF_ARD,
	    0, 0, NULL, NULL, "ard_manifest" },
	{ "/ard/agents", METHOD_GET, handle_ard_agents, OF_ARD | ROUTE_SCANS, 0,
	    PARAM_BIT(PARAM_PAGE_SIZE) | PARAM_BIT(PARAM_PAGE_TOKEN) |
		PARAM_BIT(PARAM_FILTER) | PARAM_BIT(PARAM_ORDER_BY),
	    "flows as entries of Agentic Resource Discovery", NULL, "ard_list" },
	{ "/ard/agents", METHOD_GET, handle_ard_agent, ROUTE_BELOW | OF_ARD, 0, 0,
	    "one of them, by its identifier", NULL, "ard_entry" },
	{ "/ard/search", METHOD_POST, handle_ard_search, ASKED, 0, 0,
	    "flows by a text in natural language, the best first", "ard_question",
	    "ard_results" },
	{ "/ard/explore", METHOD_POST, handle_ard_explore, ASKED, 0, 0,
	    "how many flows there are of each tag, type and publisher", "ard_exploration",
	    "ard_facets" },
	{ "/llms.txt", METHOD_GET, handle_llms,
	    ROUTE_ALIAS | SHOWS | ROUTE_BRIDGE(BRIDGE_LLMS), 0, 0, NULL, NULL, NULL },
	{ "/docs", METHOD_GET, handle_docs, ROUTE_BELOW | ROUTE_ALIAS | ROUTE_PAGE, 0, 0, NULL,
	    NULL, NULL },
	{ "/flows", METHOD_GET, handle_flow, OWN_FLOW | ROUTE_PAGE, 0, FORMAT,
	    "a flow of this service", NULL, "found" },
	{ "/import", METHOD_GET, handle_flow, IMPORTED | ROUTE_PAGE, 0, FORMAT, NULL, NULL,
	    "found" },
	{ "/import", METHOD_POST, handle_flow_call, IMPORTED | ROUTE_ELSEWHERE, 0, 0, NULL, NULL,
	    NULL },
	{ "/flows", METHOD_POST, handle_flow_call, OWN_FLOW | ROUTE_ELSEWHERE, 0, 0,
	    "call a flow of this service: sent on to its entry", NULL, NULL },
	{ "/flows", METHOD_PUT, handle_flow_call, CALLED, 0, 0, NULL, NULL, NULL },
	{ "/flows", METHOD_PATCH, handle_flow_call, CALLED, 0, 0, NULL, NULL, NULL },
	{ "/flows", METHOD_DELETE, handle_flow_call, CALLED, 0, 0, NULL, NULL, NULL },
	{ "/flows", METHOD_OTHER, handle_flow_call, CALLED, 0, 0, NULL, NULL, NULL },
	{ NULL, METHOD_OTHER, NULL, 0, 0, 0, NULL, NULL, NULL }
};

const struct route *
router_table(void)
{
	return table;
}

bool
router_changes(const struct route *r)
{
	return (r->flags & ROUTE_CHANGES) != 0 ||
	    (r->method != METHOD_GET && (r->flags & ROUTE_ELSEWHERE) == 0);
}

static bool
matches(const struct route *r, struct str path)
{
	struct str own = str_of(r->path);

	if ((r->flags & ROUTE_BELOW) == 0)
		return str_eq(path, own);
	return path.len > own.len + 1 && path.p[own.len] == '/' && str_starts(path, own);
}

const struct route *
router_any(struct str path)
{
	const struct route *r = table;

	while (r->path != NULL && !matches(r, path))
		r++;
	return r->path == NULL ? NULL : r;
}

static void
put_allow(unsigned methods, char allow[64])
{
	size_t n = 0;
	unsigned m;

	if ((methods & 1u << METHOD_GET) != 0)
		methods |= 1u << METHOD_HEAD;
	methods |= 1u << METHOD_OPTIONS;
	for (m = 0; m < METHOD_OTHER; m++) {
		struct str name = str_of(request_method_name((enum method)m));

		if ((methods & 1u << m) == 0)
			continue;
		if (n > 0) {
			memcpy(allow + n, ", ", 2);
			n += 2;
		}
		memcpy(allow + n, name.p, name.len);	/* all names together have 46 bytes */
		n += name.len;
	}
	allow[n] = '\0';
}

enum router_verdict
router_find(struct str path, enum method m, const struct route **out, char allow[64])
{
	enum method wanted = m == METHOD_HEAD ? METHOD_GET : m;
	const struct route *r;
	unsigned methods = 0;
	bool is_exact = false;

	*out = NULL;
	allow[0] = '\0';
	for (r = table; r->path != NULL; r++) {
		/* what a path means is one thing, whatever its method */
		if (!matches(r, path) || (is_exact && (r->flags & ROUTE_BELOW) != 0))
			continue;
		is_exact = (r->flags & ROUTE_BELOW) == 0;
		if (r->method == wanted) {
			*out = r;
			return ROUTE_FOUND;
		}
		methods |= 1u << r->method;
	}
	if (methods == 0)
		return ROUTE_NO_PATH;
	put_allow(methods, allow);
	return m == METHOD_OPTIONS ? ROUTE_IS_OPTIONS : ROUTE_NO_METHOD;
}
