#include "core/base/url.h"
#include "http/cors.h"
#include "http/router.h"

/*
 * Was something given that not everybody has, or is the answer not for all? Then no page of another
 * site reads it, whatever the options say.
 */
static bool
is_for_all(struct call *c)
{
	const struct route *r = c->route;

	return (r == NULL || (r->method == METHOD_GET && (r->flags & ROUTE_ADMIN) == 0)) &&
	    !c->res->is_private && !c->res->is_secret &&
	    c->transport->env(c->transport, "HTTP_AUTHORIZATION") == NULL;
}

static bool
is_read(const struct call *c)
{
	return c->req->method == METHOD_GET || c->req->method == METHOD_HEAD ||
	    (c->req->method == METHOD_OPTIONS && c->route != NULL);
}

/* Is the origin in the list? "null" is no url, and in none. */
static enum kodo_err
is_listed(struct call *c, const struct options *o, struct str origin, bool *out)
{
	struct str key, listed;
	size_t i;
	enum kodo_err err = url_key(c->a, origin, &key);

	*out = false;
	for (i = 0; err == KODO_OK && i < o->n_cors_origins && !*out; i++) {
		err = url_key(c->a, o->cors_origins[i], &listed);
		*out = err == KODO_OK && str_eq(key, listed);
	}
	return err == KODO_ENOMEM ? err : KODO_OK;
}

enum kodo_err
cors_put(struct call *c)
{
	const struct str origin = str_of(c->transport->env(c->transport, "HTTP_ORIGIN"));
	const struct options *o;
	bool listed = false;
	enum kodo_err err;

	if (!is_read(c) || !is_for_all(c) || c->registry == NULL ||
	    registry_options(c->registry, &o) != KODO_OK || o->n_cors_origins == 0 ||
	    str_eq(o->cors_origins[0], STR(OPTION_CORS_NONE)))
		return KODO_OK;
	if (str_eq(o->cors_origins[0], STR(OPTION_CORS_ANY))) {
		c->res->cors_origin = STR(OPTION_CORS_ANY);
	} else {
		c->res->varies_by_origin = true;
		err = origin.len == 0 ? KODO_OK : is_listed(c, o, origin, &listed);
		if (err == KODO_OK && listed)
			err = arena_str(c->a, origin, &c->res->cors_origin);
		if (err != KODO_OK || !listed)
			return err;
	}
	c->res->is_mcp = c->route != NULL && route_bridge(c->route) == BRIDGE_MCP;
	c->res->is_preflight = c->req->method == METHOD_OPTIONS &&
	    c->transport->env(c->transport, "HTTP_ACCESS_CONTROL_REQUEST_METHOD") != NULL;
	return KODO_OK;
}
