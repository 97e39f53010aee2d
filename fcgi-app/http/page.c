#include "core/views/changes.h"
#include "http/instance.h"
#include "http/page.h"
#include "http/template.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION	"unversioned"
#endif

bool
page_is_wanted(const struct call *c)
{
	if (c->params.format != FORMAT_NONE)
		return c->params.format == FORMAT_HTML;
	return request_accepts_html(c->req->accept);
}

bool
page_is_offered(const struct call *c, const char *file)
{
	return page_is_wanted(c) && template_stamp(file) != 0;
}

uint64_t
page_stamp(const char *name)
{
	return template_stamp(name);
}

const char *
page_version(void)
{
	return PACKAGE_VERSION;
}

/* Its own address, without a query, and its place in the navigation. */
static void
put_place(struct template_values *t, const struct call *c, const struct options *o)
{
	static const struct {
		const char *path, *flag;
	} places[] = {
		{ "/", "at_home" },
		{ "/home", "at_home" },
		{ "/flows", "at_flows" },
		{ "/map", "at_map" },
		{ "/status", "at_status" },
		{ "/docs", "at_docs" },
	};
	const char *canonical = arena_printf(
	    c->a, "%.*s%.*s", STR_ARG(o->url), STR_ARG(c->req->path));
	size_t i;

	template_values_put(t, "canonical", str_of(canonical));
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		template_values_put_flag(
		    t, places[i].flag, str_eq(c->req->path, str_of(places[i].path)));
	template_values_put_flag(t, "below_docs", str_starts(c->req->path, STR("/docs/")));
}

enum kodo_err
page_begin_without_view(
    struct call *c, const struct options *o, const char *title, struct template_values **out)
{
	struct template_values *t = template_values_new(c->a);

	*out = t;
	if (t == NULL)
		return KODO_ENOMEM;
	template_values_put(t, "title", str_of(title));
	template_values_put(t, "version", str_of(page_version()));
	template_values_put(t, "base", instance_base(c->instance));
	template_values_put(t, "site", STR("kodo"));
	if (o == NULL)
		return KODO_OK;
	template_values_put(t, "service", o->url);
	template_values_put(t, "service_organization", o->organization);
	template_values_put(t, "site", o->organization.len > 0 ? o->organization : o->url);
	put_place(t, c, o);
	template_values_put_flag(t, "ard", option_has_bridge(o, BRIDGE_ARD));
	return KODO_OK;
}

enum kodo_err
page_begin(struct call *c, const struct view *v, const char *title, struct template_values **out)
{
	enum kodo_err err = page_begin_without_view(c, v->options, title, out);

	if (err != KODO_OK)
		return err;
	c->res->view = changes_last(&v->head);
	template_values_put_u64(*out, "view", c->res->view);
	return KODO_OK;
}

enum kodo_err
page_put(struct call *c, const char *file, struct template_values *t)
{
	struct str text = template_load(file);

	if (text.p == NULL)
		return KODO_ENOTFOUND;
	if (template_values_failed(t))
		return KODO_ENOMEM;
	c->res->type = TYPE_HTML;
	c->res->is_page = true;
	template_values_render(t, text, &c->res->body.buf);
	return sink_end(&c->res->body);
}
