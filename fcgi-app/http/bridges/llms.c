/*
 * GET /llms.txt: what is here, for language models (llmstxt.org, v2 of 2026-08-10).
 */
#include "core/base/json.h"
#include "core/base/url.h"
#include "core/base/utf8.h"
#include "http/bridges/bridge.h"
#include "http/etag.h"
#include "http/handlers.h"

#define FLOWS_MAX	100u
#define SHORT_CHARS	200u

/* A text in a line of Markdown: without what would begin something else there. */
static void
put_plain(struct buf *b, struct str text, size_t max)
{
	const size_t n = utf8_bytes(text, max);
	size_t i;

	for (i = 0; i < n; i++) {
		if (strchr("[]()<>#*_`\\", text.p[i]) != NULL)
			buf_putc(b, '\\');
		buf_putc(b, (unsigned char)text.p[i] < ' ' ? ' ' : text.p[i]);
	}
	buf_puts(b, n < text.len ? "\342\200\246" : "");
}

/* Parentheses end a link in Markdown. */
static void
put_url(struct buf *b, struct str url)
{
	struct buf link = BUF_INIT(0);
	size_t i;

	url_put_link(&link, url);
	for (i = 0; i < link.len; i++)
		if (link.p[i] == '(' || link.p[i] == ')')
			buf_puts(b, link.p[i] == '(' ? "%28" : "%29");
		else
			buf_putc(b, link.p[i]);
	if (buf_failed(&link) && b->err == KODO_OK)
		b->err = link.err;
	buf_free(&link);
}

static enum kodo_err
put_flow(struct bridge_page *page, const struct bridge_flow *f, bool *is_put)
{
	struct buf *b = &page->call->res->body.buf;

	(void)is_put;
	buf_puts(b, "- [");
	put_plain(b, f->row.name.len > 0 ? f->row.name : f->id.slug, SHORT_CHARS);
	buf_puts(b, "](");
	put_url(b, f->row.url);
	buf_putc(b, ')');
	if (f->row.description.len > 0) {
		buf_puts(b, ": ");
		put_plain(b, f->row.description, SHORT_CHARS);
	}
	buf_putc(b, '\n');
	return KODO_OK;
}

static enum kodo_err
put_text(struct call *c, struct view *v)
{
	static const struct {
		const char *name, *path, *about;
		enum option_bridge bridge;
	} links[] = {
		{ "Flows", "/flows", "all of them as JSON; words= searches, q= filters",
		    BRIDGE_NONE },
		{ "API", "/docs", "for people", BRIDGE_NONE },
		{ "OpenAPI", "/docs/openapi.json", "for programs", BRIDGE_NONE },
		{ "Servers", "/v0.1/servers", "the registry API of MCP", BRIDGE_MCP },
		{ "Catalog", "/.well-known/ard.json", "Agentic Resource Discovery", BRIDGE_ARD },
	};
	struct bridge_page page = { .call = c, .view = v, .put = put_flow, .pp = FLOWS_MAX,
		.is_text = true };
	const struct options *o = v->options;
	struct buf *b = &c->res->body.buf;
	size_t i;
	enum kodo_err err;

	c->res->type = TYPE_TEXT;
	if (etag_matches(c, v, ETAG_VIEW, bridge_variant(o, STR_NULL)))
		return KODO_OK;
	buf_puts(b, "# ");
	put_plain(b, o->organization.len > 0 ? o->organization : o->url, SHORT_CHARS);
	buf_puts(b, "\n\n> A registry of ");
	json_put_u64(b, v->head.total);
	buf_puts(b, v->head.total == 1 ? " agent" : " agents");
	buf_puts(b, ": find them, see what they do, call them.\n\n## API\n\n");
	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (!option_has_bridge(o, links[i].bridge))
			continue;
		buf_printf(b, "- [%s](", links[i].name);
		put_url(b, o->url);
		buf_printf(b, "%s): %s\n", links[i].path, links[i].about);
	}
	buf_puts(b, "\n## Flows\n\n");
	err = bridge_own_put(&page);
	if (err == KODO_OK && page.n == 0)
		buf_puts(b, "None of its own.\n");
	return err == KODO_OK ? sink_end(&c->res->body) : err;
}

enum kodo_err
handle_llms(struct call *c)
{
	return call_with_view(c, put_text);
}
