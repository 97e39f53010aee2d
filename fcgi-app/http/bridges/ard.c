/*
 * Agentic Resource Discovery: the manifest of what is here, the list of all flows, and single ones.
 * Its search is in ard_search.c.
 */
#include "core/base/json.h"
#include "http/bridges/ard_query.h"
#include "http/etag.h"
#include "http/handlers.h"

#define AGENTS	"/ard/agents/"

static enum kodo_err
put_entry(struct bridge_page *page, const struct bridge_flow *f, bool *is_put)
{
	enum kodo_err err = ard_entry_put(page->call, page->view->options, f);

	(void)is_put;
	buf_putc(&page->call->res->body.buf, '}');
	return err;
}

/* --- the manifest --- */

static enum kodo_err
put_manifest_with(struct call *c, struct view *v, struct bridge_page *page, bool has_registry)
{
	const struct options *o = v->options;
	struct buf *b = &c->res->body.buf;
	struct str host;
	enum kodo_err err = identifier_host(c->a, o->url, &host);

	if (err != KODO_OK)
		return err;
	buf_puts(b, "{\"specVersion\":\"1.0\",\"host\":{");
	json_put_text(b, "displayName", o->organization.len > 0 ? o->organization : host);
	buf_putc(b, ',');
	json_put_text(b, "identifier", host);
	buf_puts(b, "},\"entries\":[");
	if (has_registry) {
		err = ard_entry_put_registry(
		    c, o->url, o->organization, "A federated registry of agents");
		page->n++;
	}
	if (err == KODO_OK)
		err = bridge_own_put(page);
	buf_puts(b, "]}");
	return err == KODO_OK ? sink_end(&c->res->body) : err;
}

static enum kodo_err
put_manifest(struct call *c, struct view *v)
{
	struct bridge_page page = { .call = c, .view = v, .put = put_entry };

	return etag_matches(c, v, ETAG_VIEW, bridge_variant(v->options, STR_NULL)) ? KODO_OK
						: put_manifest_with(c, v, &page, true);
}

enum kodo_err
handle_ard_manifest(struct call *c)
{
	return call_with_view(c, put_manifest);
}

/* The same of those that are servers of MCP alone: what that family calls its catalog. */
static enum kodo_err
put_server(struct bridge_page *page, const struct bridge_flow *f, bool *is_put)
{
	*is_put = ard_type_of(page->view->options, &f->row) == ARD_MCP;
	return *is_put ? put_entry(page, f, is_put) : KODO_OK;
}

static enum kodo_err
put_catalog(struct call *c, struct view *v)
{
	struct bridge_page page = { .call = c, .view = v, .put = put_server };

	return etag_matches(c, v, ETAG_VIEW, bridge_variant(v->options, STR_NULL)) ? KODO_OK
						: put_manifest_with(c, v, &page, false);
}

enum kodo_err
handle_mcp_catalog(struct call *c)
{
	return call_with_view(c, put_catalog);
}

/* --- the list --- */

static enum kodo_err
put_list(struct call *c, struct bridge_page *page)
{
	struct buf *b = &c->res->body.buf;
	enum kodo_err err;

	buf_puts(b, "{\"items\":[");
	err = bridge_page_put(page);
	if (err != KODO_OK)
		return err == KODO_EINVAL ? KODO_OK : err;
	buf_puts(b, "],\"total\":");
	json_put_u64(b, page->found.filtered);
	if (page->found.next.p != NULL) {
		buf_putc(b, ',');
		json_put_text(b, "pageToken", page->found.next);
	}
	buf_putc(b, '}');
	return sink_end(&c->res->body);
}

static enum kodo_err
put_agents(struct call *c, struct view *v)
{
	struct bridge_page page = { .call = c, .view = v, .put = put_entry,
		.pp = (uint64_t)c->params.number[PARAM_PAGE_SIZE],
		.after = c->params.text[PARAM_PAGE_TOKEN] };
	const struct str order = c->params.text[PARAM_ORDER_BY];
	struct ard_query q = ARD_QUERY_INIT(c->a, v->options);
	struct query *compiled;
	enum kodo_err err;

	ard_query_read_filter(&q, c->params.text[PARAM_FILTER]);
	if (c->params.number[PARAM_PAGE_SIZE] < 1 ||
	    c->params.number[PARAM_PAGE_SIZE] > ARD_PAGE_MAX)
		q.wrong = "pageSize: from 1 to 100";
	if (order.len > 0 && !ard_query_read_order(c->a, order, &page.by))
		q.wrong = "orderBy: name, updatedAt or createdAt, and DESC if you like";
	err = ard_query_compile(&q, &compiled);
	if (err == KODO_OK)
		err = arena_str(c->a, buf_str(&q.q), &page.asked.q);
	ard_query_free(&q);
	if (err == KODO_EINVAL)
		response_fail(c->res, 400, q.wrong);
	else if (err == KODO_OK)
		err = bridge_page_check(&page);
	if (err != KODO_OK)
		return err == KODO_EINVAL ? KODO_OK : err;
	return etag_matches(c, v, ETAG_VIEW, bridge_variant(v->options, c->req->query)) ? KODO_OK
						: put_list(c, &page);
}

enum kodo_err
handle_ard_agents(struct call *c)
{
	return call_with_view(c, put_agents);
}

/* --- one --- */

static enum kodo_err
put_agent(struct call *c, struct view *v)
{
	struct identifier id;
	struct bridge_flow f;
	enum kodo_err err;

	if (identifier_read_urn(call_path_below(c, STR(AGENTS)), &id) != KODO_OK) {
		response_fail(c->res, 400, "no identifier as urn:air:example.org:flow:name");
		return KODO_OK;
	}
	err = bridge_find(c, v, &id, &f);
	if (err == KODO_ENOTFOUND) {
		response_fail(c->res, 404, "No flow is shown here under this identifier");
		return KODO_OK;
	}
	if (err == KODO_OK &&
	    etag_matches(c, v, ETAG_VIEW, bridge_variant(v->options, c->req->path)))
		return KODO_OK;
	if (err == KODO_OK)
		err = ard_entry_put(c, v->options, &f);
	buf_putc(&c->res->body.buf, '}');
	return err == KODO_OK ? sink_end(&c->res->body) : err;
}

enum kodo_err
handle_ard_agent(struct call *c)
{
	return call_with_view(c, put_agent);
}
