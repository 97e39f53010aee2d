/*
 * The style, scripts and pictures of the pages: files of www/, unchanged. Names have no slash and
 * only a few letters, so no path can lead elsewhere.
 */
#include <stdio.h>

#include "core/base/url.h"
#include "http/call.h"
#include "http/handlers.h"
#include "http/instance.h"
#include "http/template.h"

#define NAME_BYTES	32u

static const struct {
	const char *suffix, *type;
} types[] = {
	{ ".css", "text/css; charset=utf-8" },
	{ ".js", "text/javascript; charset=utf-8" },
	{ ".svg", "image/svg+xml" },
	{ ".png", "image/png" },
	{ ".webmanifest", "application/manifest+json" },
};

/* The content type of a name that may be served; NULL: none. */
static const char *
type_of(struct str name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz-";
	size_t i, stem = 0;

	while (stem < name.len && name.p[stem] != '\0' && strchr(letters, name.p[stem]) != NULL)
		stem++;
	if (stem == 0 || name.len >= NAME_BYTES)
		return NULL;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (str_eq((struct str){ name.p + stem, name.len - stem }, str_of(types[i].suffix)))
			return types[i].type;
	return NULL;
}

enum kodo_err
handle_asset(struct call *c)
{
	struct str name = call_path_below(c, STR("/www/"));
	const char *type = type_of(name);
	char file[NAME_BYTES];
	struct str text = STR_NULL;

	if (type != NULL) {
		snprintf(file, sizeof(file), "%.*s", STR_ARG(name));
		text = template_load(file);
	}
	if (text.p == NULL) {
		response_fail(c->res, 404, "Not Found");
		return KODO_OK;
	}
	c->res->type = type;
	c->res->is_page = true;
	snprintf(c->res->etag, sizeof(c->res->etag), "W/\"%llx\"",
	    (unsigned long long)template_stamp(file));
	if (request_has_etag(c->req->if_none_match, str_of(c->res->etag)))
		response_empty(c->res, 304);
	else
		buf_put_str(&c->res->body.buf, text);
	return sink_end(&c->res->body);
}

/*
 * For crawlers (RFC 9309), where this service has its host for itself: pages are for them, but not
 * all ways to narrow a list, which are countless, nor what is for programs.
 */
enum kodo_err
handle_robots(struct call *c)
{
	static const char *const paths[] = { "/changes", "/check", "/cron", "/counts", "/connect",
		"/flows?*&", "/flows?*format=", "/flows?*after=", "/map?", "/status" };
	const struct str base = instance_base(c->instance);
	struct buf *b = &c->res->body.buf;
	const struct options *o;
	size_t i;

	c->res->type = TYPE_TEXT;
	buf_puts(b, "User-agent: *\n");
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		buf_puts(b, "Disallow: ");
		buf_put_str(b, base);
		buf_puts(b, paths[i]);
		buf_putc(b, '\n');
	}
	if (registry_options(c->registry, &o) == KODO_OK && option_has_bridge(o, BRIDGE_ARD)) {
		buf_puts(b, "Agentmap: ");
		url_put_link(b, o->url);
		buf_puts(b, "/.well-known/ard.json\n");
	}
	return sink_end(&c->res->body);
}
