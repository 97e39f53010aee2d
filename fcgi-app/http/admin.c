#include <strings.h>

#include "core/base/log.h"
#include "core/base/url.h"
#include "http/admin.h"
#include "http/instance.h"

#define KEY_CHARS 32u
#define ADVICE_METRICS	"Forbidden: send the key of the admin (kodo key admin) as Authorization: " \
			"Bearer KEY, or set `metrics: public`"

/* In constant time, which tells nothing of the key. */
static bool
is_key(struct str given, const char key[KEY_CHARS + 1])
{
	unsigned char diff = 0;
	size_t i;

	if (given.len != KEY_CHARS)
		return false;
	for (i = 0; i < KEY_CHARS; i++)
		diff |= (unsigned char)(given.p[i] ^ key[i]);
	return diff == 0;
}

/* Another scheme has nothing to do with us. */
struct str
admin_bearer(struct transport *t)
{
	const char *text = t->env(t, "HTTP_AUTHORIZATION");

	if (text == NULL || strncasecmp(text, "Bearer ", 7) != 0)
		return STR_NULL;
	return str_of(text + 7);
}

/*
 * On a host of many users loopback is everybody, and a proxy need not say that it is one: so it has
 * to be a service that is meant for this machine, or that nothing stands before.
 */
static bool
is_local_admin(const struct call *c, const struct options *o)
{
	static const char *const proxies[] = { "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST",
		"HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_VIA" };
	struct transport *t = c->transport;
	struct url u;
	size_t i;

	if (!c->client.is_local || url_parse(o->url, &u, NULL) != KODO_OK)
		return false;
	for (i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++)
		if (t->env(t, proxies[i]) != NULL)
			return false;
	return url_is_loopback(&u) ||
	    (instance_is_child(c->instance) && str_eq(o->listen_host, u.host) &&
		o->listen_port == u.port);
}

enum kodo_err
admin_has_key(struct call *c, bool *given, bool *out)
{
	const struct str token = admin_bearer(c->transport), param = c->params.text[PARAM_KEY];
	char key[KEY_CHARS + 1];
	enum kodo_err err = KODO_OK;

	*out = false;
	*given = token.p != NULL || param.p != NULL;
	if (*given)
		err = state_key(registry_state(c->registry), key);
	if (*given && err == KODO_OK)
		*out = is_key(token, key) || is_key(param, key);
	return err;
}

enum kodo_err
admin_is_asking(struct call *c, const struct route *r, const struct options *o, bool *out)
{
	bool given;
	enum kodo_err err;

	*out = (r->flags & ROUTE_METRICS) != 0 && o->metrics == METRICS_PUBLIC;
	if (*out)
		return KODO_OK;
	err = admin_has_key(c, &given, out);
	if (err == KODO_OK && !given && (r->flags & ROUTE_LOCAL) != 0)
		*out = is_local_admin(c, o);
	if (err == KODO_OK && !*out) {
		log_warning("%.*s %s without the key, or with a wrong one",
		    STR_ARG(c->req->method_text), r->path);
		response_refuse(c->res, REFUSAL_NOT_ADMIN,
		    (r->flags & ROUTE_METRICS) != 0 ? ADVICE_METRICS : "Forbidden");
	}
	return err;
}
