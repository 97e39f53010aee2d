#include "core/registry/registry.h"
#include "http/audit.h"
#include "http/router.h"

static void
node_add(struct audit_line *l, struct audit_node nodes[AUDIT_NODES], struct str url,
    uint64_t version)
{
	if (l->n_nodes < AUDIT_NODES)
		nodes[l->n_nodes] = (struct audit_node){ .url = url, .version = version };
	l->n_nodes++;
}

/* What the body is about. Counted in the end are also those of which no more is said. */
static void
nodes_add(struct audit_line *l, struct audit_node nodes[AUDIT_NODES], const struct wire_body *b)
{
	size_t i;

	for (i = 0; i < b->n_nodes && l->n_nodes < AUDIT_NODES; i++)
		node_add(l, nodes, b->nodes[i].key, b->nodes[i].version);
	l->n_nodes += b->n_nodes - i;
	for (i = 0; i < b->n_urls; i++)
		node_add(l, nodes, b->urls[i], 0);
	for (i = 0; i < b->n_gone; i++)
		node_add(l, nodes, b->gone[i].key, b->gone[i].version);
	l->nodes = nodes;
}

static const char *
known_of(const struct call *c)
{
	const bool is_refused = c->res->status >= 400;

	if (c->is_admin)
		return "admin";
	/* whoever is refused has shown nothing */
	return registry_audit_known(is_refused ? PIN_OPEN : c->audit.level);
}

/* Whoever asks too often is refused before a route is looked for. */
static const struct route *
route_of(const struct call *c)
{
	const struct route *r = c->route;
	char allow[64];

	if (r == NULL && c->res->refusal == REFUSAL_RATE_CLIENT && c->req->path.p != NULL)
		(void)router_find(c->req->path, c->req->method, &r, allow);
	return r;
}

void
audit_request(const struct call *c)
{
	const struct speaker *who = c->body.speaker;
	struct audit_node nodes[AUDIT_NODES];
	char key[PIN_KEY_CHARS];
	struct audit_line line;
	const struct route *r = route_of(c);
	const enum refusal why = response_refusal(c->res);

	if (r == NULL || !router_changes(r) || c->is_unaudited || c->registry == NULL ||
	    c->req->method == METHOD_OPTIONS)
		return;
	line = (struct audit_line){ .at_us = c->now_us, .by = "request", .url = c->body.from.url,
		.known = known_of(c), .address = c->client.text, .method = c->req->method_text,
		.route = r->path, .subject = c->audit.subject, .view = c->audit.view,
		.state = c->audit.state, .n_withdrawn = c->audit.n_withdrawn,
		.status = c->res->status,
		.outcome = why == REFUSAL_NONE ? "taken" : "refused",
		.reason = refusal_code(why) };
	if (who != NULL && who->is_signed) {
		pin_key_text(key_bytes(who->signer.key), key);
		line.key = str_of(key);
	}
	nodes_add(&line, nodes, &c->body);
	registry_audit(c->registry, &line);
}
