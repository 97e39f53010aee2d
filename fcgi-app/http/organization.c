/*
 * An organization: its page and its JSON.
 */
#include <stddef.h>

#include "core/base/json.h"
#include "core/views/changes.h"
#include "core/views/organization.h"
#include "http/handlers.h"
#include "http/page.h"
#include "http/page_parts.h"

#define SHOWN_CHARACTERS	200u	/* of a description */

/* --- JSON --- */

static const struct json_member of_node[] = {
	{ "url", JSON_TEXT, offsetof(struct organization_node, url) },
	{ "flows", JSON_NUMBER, offsetof(struct organization_node, n_flows) },
	{ "state", JSON_TEXT, offsetof(struct organization_node, state) },
	{ "heard", JSON_TIME, offsetof(struct organization_node, heard_us) },
};
static const struct json_member counted[] = {
	{ "flows", JSON_NUMBER, offsetof(struct organization, n_flows) },
	{ "nodes", JSON_NUMBER, offsetof(struct organization, all_nodes) },
	{ "silent", JSON_NUMBER, offsetof(struct organization, n_silent) },
};

static enum kodo_err
put_json(struct call *c, struct view *v, const struct organization *o)
{
	struct buf *b = &c->res->body.buf;
	enum kodo_err err;
	size_t i;

	c->res->view = changes_last(&v->head);
	buf_putc(b, '{');
	json_put_text(b, "organization", c->params.text[PARAM_NAME]);
	buf_putc(b, ',');
	JSON_PUT_MEMBERS(b, counted, o);
	buf_puts(b, ",\"first_nodes\":[");
	for (i = 0; i < o->n_nodes; i++) {
		buf_puts(b, i > 0 ? ",{" : "{");
		JSON_PUT_MEMBERS(b, of_node, &o->nodes[i]);
		buf_putc(b, '}');
	}
	buf_puts(b, "],\"authors\":");
	json_put_texts(b, o->authors, o->n_authors);
	err = page_parts_put_registries(c, v, b);
	buf_putc(b, '}');
	return err == KODO_OK ? sink_end(&c->res->body) : err;
}

/* --- the page --- */

static void
put_nodes(struct template_values *t, const struct options *options, const struct organization *o)
{
	struct template_values *row;
	size_t i;

	for (i = 0; i < o->n_nodes; i++) {
		row = template_values_row(t, "node");
		page_parts_put_node(row, options, "url", o->nodes[i].url);
		template_values_put_count(row, "flows", o->nodes[i].n_flows);
		template_values_put_flag(row, "one_flow", o->nodes[i].n_flows == 1);
		template_values_put(row, "state", o->nodes[i].state);
		template_values_put_time(row, "heard", o->nodes[i].heard_us);
	}
	if (o->all_nodes > o->n_nodes)
		template_values_put_count(t, "more_nodes", o->all_nodes - o->n_nodes);
	template_values_put_count(t, "nodes", o->all_nodes);
	template_values_put_flag(t, "one_node", o->all_nodes == 1);
	template_values_put_count(t, "total", o->n_flows);
	template_values_put_flag(t, "one", o->n_flows == 1);
	if (o->n_silent > 0)
		template_values_put_count(t, "n_silent", o->n_silent);
	template_values_put_list(t, "authors", o->authors, o->n_authors);
	template_values_put_flag(t, "has_authors", o->n_authors > 0);
	template_values_put_flag(t, "more_authors", o->more_authors);
}

/* Pages are counted from 1 for people, from 0 in addresses. */
static enum kodo_err
put_flows(struct call *c, struct view *v, struct template_values *t)
{
	const uint64_t p = (uint64_t)c->params.number[PARAM_P];
	const uint64_t pp = (uint64_t)c->params.number[PARAM_PP];
	struct page_flows f = { .values = t, .a = c->a, .list = "flow",
		.max = (size_t)pp, .characters = SHOWN_CHARACTERS };
	uint64_t last;
	enum kodo_err err =
	    page_parts_put_flows(v, &f, c->params.text[PARAM_NAME], p, pp);

	last = f.filtered == 0 ? 0 : (f.filtered - 1) / pp;
	template_values_put_u64(t, "pp", pp);
	template_values_put_count(t, "page", p + 1);
	template_values_put_count(t, "pages", last + 1);
	template_values_put_flag(t, "many_pages", last > 0);
	template_values_put_flag(t, "beyond", f.n == 0);
	if (p > 0)
		template_values_put_u64(t, "previous", p > last ? last : p - 1);
	if (p < last)
		template_values_put_u64(t, "next", p + 1);
	return err;
}

static enum kodo_err
put_page(struct call *c, struct view *v, const struct organization *o)
{
	struct template_values *t;
	enum kodo_err err = page_begin(c, v, "Organization", &t);

	if (err != KODO_OK)
		return err;
	template_values_put(t, "title", c->params.text[PARAM_NAME]);
	template_values_put(t, "name", c->params.text[PARAM_NAME]);
	put_nodes(t, v->options, o);
	err = put_flows(c, v, t);
	if (err == KODO_OK)
		err = page_parts_list_registries(c, v, t);
	return err == KODO_OK ? page_put(c, "organization.html", t) : err;
}

static enum kodo_err
put_found(struct call *c, struct view *v)
{
	const bool is_page = page_is_offered(c, "organization.html");
	struct organization *o;
	enum kodo_err err = organization_find(v, c->a, c->params.text[PARAM_NAME], &o);

	if (err == KODO_ENOTFOUND)
		return page_parts_missing(c, v, is_page, "No organization has this name here");
	if (err != KODO_OK)
		return err;
	return is_page ? put_page(c, v, o) : put_json(c, v, o);
}

enum kodo_err
handle_organization(struct call *c)
{
	struct params *n = &c->params;

	if (n->text[PARAM_NAME].len == 0)
		response_fail(c->res, 400, "`name` is missing: that of an organization");
	else if (n->number[PARAM_P] < 0 || n->number[PARAM_PP] < 1 || n->number[PARAM_PP] > 100)
		response_fail(c->res, 400, "A page holds 1 to 100 flows, and `p` is 0 or more.");
	else
		return call_with_view(c, put_found);
	return KODO_OK;
}
