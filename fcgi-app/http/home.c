/*
 * / for visitors: what there is, and how to be in it. For peers: how this service introduces
 * itself.
 */
#include "core/auth/auth.h"
#include "core/base/isotime.h"
#include "core/base/url.h"
#include "core/records/peer.h"
#include "core/views/changes.h"
#include "core/views/overview.h"
#include "core/views/render.h"
#include "http/etag.h"
#include "http/handlers.h"
#include "http/page.h"

static enum kodo_err
put_json(struct call *c, struct view *v)
{
	struct greeting g;

	view_greeting(v, &g);
	buf_putc(&c->res->body.buf, '{');
	wire_put_greeting(&c->res->body.buf, &g);
	buf_putc(&c->res->body.buf, '}');
	return KODO_OK;
}

/* --- what there is --- */

static void
put_recent(struct template_values *t, const struct overview_recent *r)
{
	struct template_values *row = template_values_row(t, "recent"), *flow;
	size_t i;

	template_values_put(row, "node", r->url);
	template_values_put(row, "organization", r->organization);
	template_values_put_time(row, "changed", r->changed_us);
	if (r->n_flows > r->n_names)
		template_values_put_count(row, "more", r->n_flows - r->n_names);
	for (i = 0; i < r->n_names; i++) {
		flow = template_values_row(row, "flow");
		template_values_put(flow, "name", r->names[i]);
		template_values_put(flow, "url", r->urls[i]);
	}
}

static void
renew(struct registry *r)
{
	struct arena *a = arena_new();
	struct view v;

	if (a == NULL || view_begin(r, isotime_now_us(), &v) != KODO_OK) {
		arena_free(a);
		return;
	}
	(void)!overview_renew(&v, a);
	view_end(&v);
	arena_free(a);
}

static enum kodo_err
put_overview(struct call *c, struct view *v, struct template_values *t)
{
	struct overview o;
	size_t i;
	enum kodo_err err = overview_get(v, c->a, &o);

	if (err != KODO_OK)
		return err;
	c->after = o.is_old ? renew : NULL;
	template_values_put_flag(t, "is_known", o.is_known);
	template_values_put_count(t, "organizations", o.organizations);
	template_values_put_flag(t, "one_organization", o.organizations == 1);
	template_values_put_count(t, "fresh", o.fresh);
	template_values_put_flag(t, "any_tag", o.n_tags > 0);
	for (i = 0; i < o.n_tags; i++) {
		struct template_values *row = template_values_row(t, "tag");

		template_values_put(row, "text", o.tags[i].text);
		template_values_put_count(row, "flows", o.tags[i].flows);
	}
	template_values_put_flag(t, "any_recent", o.n_recent > 0);
	for (i = 0; i < o.n_recent; i++)
		put_recent(t, &o.recent[i]);
	return KODO_OK;
}

/* --- who lists what is here --- */

static enum kodo_err
put_target(struct call *c, struct view *v, struct template_values *t, struct str url)
{
	struct template_values *row;
	struct peer p = { .id = 0 };
	struct str key;
	enum kodo_err err = url_key(c->a, url, &key);

	if (err == KODO_OK)
		err = peer_find(&v->t, c->a, key, &p);
	if (err != KODO_OK && err != KODO_ENOTFOUND)
		return err;
	row = template_values_row(t, "target");
	template_values_put(row, "url", url);
	template_values_put(row, "organization", p.organization);
	template_values_put_time(row, "since", p.out.connected_us);
	template_values_put_flag(row, "left", (p.flags & PEER_LEFT) != 0);
	template_values_put_flag(row, "failing", p.out.attempts > 0);
	return KODO_OK;
}

/* The registries that this service connects to are in its options: no pass over all peers. */
static enum kodo_err
put_targets(struct call *c, struct view *v, struct template_values *t)
{
	const struct options *o = v->options;
	size_t i;
	enum kodo_err err = KODO_OK;

	template_values_put_flag(t, "connects", o->n_connect > 0);
	for (i = 0; i < o->n_connect && err == KODO_OK; i++)
		err = put_target(c, v, t, o->connect[i]);
	return err;
}

static enum kodo_err
put_page(struct call *c, struct view *v)
{
	struct template_values *t;
	/* the page is open to all; where reading needs a role, it shows no flow and no peer */
	const bool is_open = !auth_is_on(v->options);
	enum kodo_err err = page_begin(c, v, "Agents", &t);

	if (err == KODO_OK && is_open)
		err = put_overview(c, v, t);
	if (err == KODO_OK && is_open && !v->options->registry)
		err = put_targets(c, v, t);
	if (err != KODO_OK)
		return err;
	template_values_put_flag(t, "is_open", is_open);
	template_values_put_flag(t, "is_registry", v->options->registry);
	template_values_put_count(t, "total", v->head.total);
	template_values_put_flag(t, "one_flow", v->head.total == 1);
	template_values_put_flag(t, "any", v->head.total > 0);
	return page_put(c, "home.html", t);
}

enum kodo_err
handle_home(struct call *c)
{
	return call_with_view(c, page_is_offered(c, "home.html") ? put_page : put_json);
}

static enum kodo_err
put_nodes(struct call *c, struct view *v)
{
	c->res->view = changes_last(&v->head);
	return etag_matches(c, v, ETAG_VIEW | ETAG_STATE | ETAG_IDLE, 0) ? KODO_OK :
	    render_connect(v, &c->res->body);
}

enum kodo_err
handle_nodes(struct call *c)
{
	return call_with_view(c, put_nodes);
}
