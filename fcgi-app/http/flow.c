/*
 * One flow: its page and its JSON, at the registry (/flow?url=), at its own service (/flows/<path>)
 * and where it was imported (/import/..); other methods are sent on to the agent.
 */
#include <stddef.h>

#include "core/base/json.h"
#include "core/base/memfind.h"
#include "core/base/url.h"
#include "core/base/utf8.h"
#include "core/import/imported.h"
#include "core/import/place.h"
#include "core/views/changes.h"
#include "core/views/item.h"
#include "core/views/search.h"
#include "http/bridges/cards.h"
#include "http/flows_page.h"
#include "http/handlers.h"
#include "http/item_json.h"
#include "http/page.h"
#include "http/page_parts.h"
#include "http/template.h"

/* of a description on its page, of which none becomes more than six bytes */
#define LONG_CHARACTERS	8000u
#define HOPS_MAX	8u	/* from one flow of ours to another */
#define MORE_FLOWS	5u	/* of the same organization */
#define MORE_CHARACTERS	80u	/* of their descriptions */

/* --- JSON --- */

static const struct json_member calling[] = {
	{ "entry", JSON_TEXT, offsetof(struct item, row.entry) },
	{ "queries", JSON_JSON_IF_SET, offsetof(struct item, row.queries) },
	{ "state", JSON_TEXT, offsetof(struct item, row.state) },
	{ "heard", JSON_TIME, offsetof(struct item, row.heard_us) },
};
static const struct json_member of_node[] = {
	{ "url", JSON_TEXT, offsetof(struct item, node) },
	{ "audience", JSON_TEXT_IF_SET, offsetof(struct item, audience) },
	{ "organization", JSON_TEXT, offsetof(struct item, row.organization) },
};
/* whose word it is */
static const struct json_member from[] = {
	{ "url", JSON_TEXT, offsetof(struct item, from.peer) },
	{ "organization", JSON_TEXT, offsetof(struct item, from.organization) },
	{ "since", JSON_TIME, offsetof(struct item, from.at_us) },
};

static void
put_imported(struct buf *b, const struct imported *m)
{
	buf_puts(b, ",\"imported\":{");
	json_put_text(b, "source", m->source);
	buf_putc(b, ',');
	json_put_text(b, "kind", str_of(m->kind));
	buf_putc(b, ',');
	json_put_text(b, "identifier", m->id);
	buf_putc(b, ',');
	json_put_key(b, "first_seen");
	json_put_time(b, m->first_us, true);
	buf_putc(b, '}');
}

static enum kodo_err
put_json(struct call *c, struct view *v, const struct item *it)
{
	struct buf *b = &c->res->body.buf;
	enum kodo_err err;

	c->res->view = changes_last(&v->head);
	buf_putc(b, '{');
	item_json_put(b, &it->row);
	buf_putc(b, ',');
	JSON_PUT_MEMBERS(b, calling, it);
	buf_puts(b, ",\"node\":{");
	JSON_PUT_MEMBERS(b, of_node, it);
	buf_putc(b, '}');
	if (it->imported.source.p != NULL) {
		put_imported(b, &it->imported);
	} else if (it->from.peer.p != NULL) {
		buf_puts(b, ",\"from\":{");
		JSON_PUT_MEMBERS(b, from, it);
		buf_putc(b, '}');
	}
	err = page_parts_put_registries(c, v, b);
	buf_putc(b, '}');
	return err == KODO_OK ? sink_end(&c->res->body) : err;
}

/* --- the page --- */

/* The address in the quotes of a shell, and in those of Python and JavaScript. */
static enum kodo_err
put_calls(struct call *c, struct template_values *t, struct str address)
{
	struct buf link = BUF_INIT(0), shell = BUF_INIT(0), code = BUF_INIT(0);
	struct str texts[2];
	size_t i;
	enum kodo_err err = KODO_ENOMEM;

	url_put_link(&link, address);
	buf_putc(&shell, '\'');
	for (i = 0; i < link.len; i++)
		if (link.p[i] == '\'')
			buf_puts(&shell, "'\\''");
		else
			buf_putc(&shell, link.p[i]);
	buf_putc(&shell, '\'');
	json_put_str(&code, buf_str(&link));
	if (!buf_failed(&link) && !buf_failed(&shell) && !buf_failed(&code))
		err = arena_str(c->a, buf_str(&shell), &texts[0]);
	if (err == KODO_OK)
		err = arena_str(c->a, buf_str(&code), &texts[1]);
	if (err == KODO_OK) {
		template_values_put(t, "shell", texts[0]);
		template_values_put(t, "code", texts[1]);
	}
	buf_free(&link);
	buf_free(&shell);
	buf_free(&code);
	return err;
}

static void
put_source(struct template_values *t, const struct item *it)
{
	const struct provenance_statement *source = &it->from;
	const char *why = strchr(source->why, ' ');	/* behind "wins:" */
	const bool is_imported = it->imported.source.p != NULL;

	template_values_put_flag(t, "is_own", it->is_own);
	template_values_put_flag(t, "is_ours", it->is_own || is_imported);
	template_values_put_flag(t, "from_owner", !it->is_own && str_eq(source->peer, it->node));
	template_values_put_flag(t, "passed_on", !is_imported && !it->is_own &&
	    source->peer.p != NULL && !str_eq(source->peer, it->node));
	template_values_put(t, "imported_from", it->imported.source);
	template_values_put(t, "imported_id", it->imported.id);
	template_values_put_time(t, "first_seen", it->imported.first_us);
	template_values_put(t, "from", source->peer);
	template_values_put(t, "from_organization", source->organization);
	template_values_put(t, "trust", str_of(source->trust));
	template_values_put_time(t, "stated", source->at_us);
	if (it->n_others > 0) {
		template_values_put_count(t, "others", it->n_others);
		template_values_put_flag(t, "one_other", it->n_others == 1);
		template_values_put(t, "why", str_of(why == NULL ? source->why : why + 1));
	}
}

/* Some more flows of the organization. */
static enum kodo_err
put_more(struct call *c, struct view *v, struct template_values *t, const struct item *it)
{
	struct page_flows more = { .values = t, .a = c->a, .list = "more", .but = it->row.url,
		.max = MORE_FLOWS, .characters = MORE_CHARACTERS };
	enum kodo_err err;

	if (it->row.organization.len == 0)
		return KODO_OK;
	err = page_parts_put_flows(v, &more, it->row.organization, 0, MORE_FLOWS + 1);
	if (err == KODO_OK && more.filtered > 1)
		template_values_put_count(t, "all_of_organization", more.filtered);
	return err;
}

static enum kodo_err
put_page(struct call *c, struct view *v, const struct item *it)
{
	struct template_values *t;
	enum kodo_err err = page_begin(c, v, "Flow", &t);

	if (err != KODO_OK)
		return err;
	flows_page_values(t, &it->row);
	template_values_put_short(t, "description", it->row.description, LONG_CHARACTERS);
	template_values_put_flag(t, "is_cut",
	    utf8_bytes(it->row.description, LONG_CHARACTERS) < it->row.description.len);
	template_values_put(t, "title", it->row.name);
	template_values_put(t, "node", it->node);
	template_values_put(t, "entry", it->row.entry);
	template_values_put(t, "audience", it->audience);
	put_source(t, it);
	err = put_calls(c, t, it->row.entry.len > 0 ? it->row.entry : it->row.url);
	if (err == KODO_OK)
		err = page_parts_list_registries(c, v, t);
	if (err == KODO_OK)
		err = put_more(c, v, t, it);
	return err == KODO_OK ? page_put(c, "flow.html", t) : err;
}

static enum kodo_err
put_item(struct call *c, struct view *v, const struct item *it, bool is_page)
{
	return is_page && page_stamp("flow.html") != 0 ? put_page(c, v, it) : put_json(c, v, it);
}

/* --- at the registry --- */

static enum kodo_err
put_found(struct call *c, struct view *v)
{
	const bool is_page = page_is_wanted(c);
	struct item it;
	enum kodo_err err = item_find(v, c->a, c->params.text[PARAM_URL], &it);

	if (err == KODO_ENOTFOUND)
		return page_parts_missing(c, v, is_page, "No flow is shown here under this url");
	return err == KODO_OK ? put_item(c, v, &it, is_page) : err;
}

enum kodo_err
handle_item(struct call *c)
{
	if (c->params.text[PARAM_URL].len > 0)
		return call_with_view(c, put_found);
	response_fail(c->res, 400, "`url` is missing: that of a flow, as in /flows");
	return KODO_OK;
}

/* --- at its own service --- */

/* JSON for who asks for it, and for nobody else: the address is one for people. */
static bool
is_json_wanted(const struct call *c)
{
	if (c->params.format != FORMAT_NONE)
		return c->params.format == FORMAT_JSON;
	return !page_is_wanted(c) && memfind(c->req->accept, STR(TYPE_JSON)) != NULL;
}

/* The entry with the query of the request behind its own. */
static enum kodo_err
put_location(struct call *c, struct str entry)
{
	const struct str query = c->req->query;
	struct buf b = BUF_INIT(0);
	enum kodo_err err = KODO_ENOMEM;

	url_put_link(&b, entry);
	if (query.len > 0) {
		buf_putc(&b, memchr(entry.p, '?', entry.len) == NULL ? '?' : '&');
		url_put_link(&b, query);
	}
	if (!buf_failed(&b))
		err = arena_str(c->a, buf_str(&b), &c->res->location);
	buf_free(&b);
	return err;
}

static bool
is_imported(const struct call *c)
{
	return str_starts(c->req->path, STR(PLACE_PATH));
}

/* The flow that the path leads to: an own one, or an imported one, which is under our url too. */
static enum kodo_err
find_asked(struct call *c, struct view *v, struct item *out)
{
	const char *url;
	enum kodo_err err;

	if (!is_imported(c))
		return item_find_own(
		    v, c->a, call_path_below(c, STR("/flows/")), c->req->query, out);
	url = arena_printf(
	    c->a, "%.*s%.*s", STR_ARG(v->options->url), STR_ARG(c->req->path));
	err = url == NULL ? KODO_ENOMEM : item_find(v, c->a, str_of(url), out);
	/* nobody but a source of ours sends people on from a url of ours */
	return err == KODO_OK && out->imported.source.p == NULL ? KODO_ENOTFOUND : err;
}

/* The address of a node of imported flows leads to them. KODO_ENOTFOUND: it is none. */
static enum kodo_err
put_imported_node(struct call *c, struct view *v)
{
	const struct str own = v->options->url;
	const char *url = arena_printf(c->a, "%.*s%.*s", STR_ARG(own), STR_ARG(c->req->path));
	struct place_parts at;
	struct imported m;
	enum kodo_err err;

	if (url == NULL)
		return KODO_ENOMEM;
	err = KODO_ENOTFOUND;
	if (place_read(str_of(url), &at))
		err = imported_find(&v->t, c->a, own, str_of(url), &m);
	if (err != KODO_OK)
		return err;
	url = arena_printf(c->a, "%.*s/flows?q=url%%20~%%20%%22" PLACE_PATH "%.*s/%.*s/flows/%%22",
	    STR_ARG(own), STR_ARG(at.slug), STR_ARG(at.space));
	if (url == NULL)
		return KODO_ENOMEM;
	response_empty(c->res, 303);
	return put_location(c, str_of(url));
}

static enum kodo_err
put_own(struct call *c, struct view *v)
{
	struct item it;
	enum kodo_err err = find_asked(c, v, &it);

	/* who is neither a browser nor asks for JSON calls what is behind it */
	if (err == KODO_OK && is_imported(c) && it.row.entry.len > 0 && !page_is_wanted(c) &&
	    !is_json_wanted(c)) {
		response_empty(c->res, 303);
		return put_location(c, it.row.entry);
	}
	if (err == KODO_OK)
		return put_item(c, v, &it, !is_json_wanted(c));
	if (err == KODO_ENOTFOUND && is_imported(c))
		err = put_imported_node(c, v);
	else if (err == KODO_ENOTFOUND)
		err = cards_put(c, v, call_path_below(c, STR("/flows/")));
	if (err != KODO_ENOTFOUND)
		return err;
	response_fail(c->res, 404, "Not Found");
	return KODO_OK;
}

enum kodo_err
handle_flow(struct call *c)
{
	return call_with_view(c, put_own);
}

/*
 * Where the flow is called at last: an entry may be the address of a flow of ours, even its own,
 * where a web server has the agent behind the path; sent there, who reached us would come again and
 * again. KODO_ENOTFOUND: nowhere else.
 */
static enum kodo_err
find_elsewhere(struct call *c, struct view *v, struct item *it)
{
	struct item next;
	unsigned hops;
	enum kodo_err err;

	for (hops = 0; hops < HOPS_MAX && it->row.entry.len > 0; hops++) {
		err = item_find(v, c->a, it->row.entry, &next);
		if (err != KODO_OK || !next.is_own)
			return err == KODO_ENOTFOUND ? KODO_OK : err;
		*it = next;
	}
	return KODO_ENOTFOUND;
}

static enum kodo_err
put_elsewhere(struct call *c, struct view *v)
{
	static const char allow[] = "GET, HEAD, OPTIONS";
	struct item it;
	enum kodo_err err = find_asked(c, v, &it);

	if (err == KODO_OK)
		err = find_elsewhere(c, v, &it);
	if (err == KODO_OK) {
		response_empty(c->res, 307);
		return put_location(c, it.row.entry);
	}
	if (err != KODO_ENOTFOUND)
		return err;
	response_fail(c->res, 405, "Method Not Allowed");
	memcpy(c->res->allow, allow, sizeof(allow));
	return KODO_OK;
}

enum kodo_err
handle_flow_call(struct call *c)
{
	return call_with_view(c, put_elsewhere);
}
