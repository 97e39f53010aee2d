#include "core/base/log.h"
#include "http/access.h"
#include "http/admin.h"
#include "http/speaker.h"

#define RETRY_S	5u	/* the keys of an issuer that is up are here by then */

/* The routes' roles. */
static const struct {
	unsigned flag, role;
	const char *name;
} roles[] = {
	{ ROUTE_ROLE_REGISTRY, JWT_REGISTRY, "registry" },
	{ ROUTE_ROLE_FLOWS, JWT_FLOWS, "flows" },
};

#define N_ROLES	(sizeof(roles) / sizeof(roles[0]))

/* The answers to what is refused; RFC 6750, 3.1. */
static const struct {
	const char *title;
	const char *error;	/* of the challenge; NULL: none, as there was no token */
	enum refusal code;
} refusals[] = {
	[AUTH_NO_KEYS] = { "Service Unavailable", NULL, REFUSAL_NO_KEYS },
	[AUTH_NO_TOKEN] = { "Unauthorized", NULL, REFUSAL_NO_TOKEN },
	[AUTH_BAD_TOKEN] = { "Unauthorized", "invalid_token", REFUSAL_BAD_TOKEN },
	[AUTH_NO_ROLE] = { "Forbidden", "insufficient_scope", REFUSAL_NO_ROLE },
};

/* Which of the roles; N_ROLES: none. */
static size_t
role_of(const struct route *r)
{
	size_t i = 0;

	while (i < N_ROLES && (r->flags & roles[i].flag) == 0)
		i++;
	return i;
}

bool
access_is_restricted(const struct route *r, const struct options *o)
{
	return auth_is_on(o) && role_of(r) < N_ROLES;
}

/* NULL: none. */
static const char *
challenge(struct call *c, const struct auth_answer *answer, const char *role)
{
	const char *error = refusals[answer->verdict].error;

	if (refusal_status(refusals[answer->verdict].code) == 503)
		return NULL;
	if (error == NULL)
		return "Bearer";
	return arena_printf(c->a, "Bearer error=\"%s\", error_description=\"%s\", scope=\"%s\"",
	    error, answer->reason, role);
}

static void
refuse(struct call *c, const struct route *r, const struct auth_answer *answer, const char *role)
{
	const char *title = refusals[answer->verdict].title;
	const char *error = refusals[answer->verdict].error;
	const char *detail = arena_printf(c->a, "%s: %s", title, answer->reason);

	log_at(error == NULL ? LOG_DEBUG : LOG_WARNING, "%.*s %s refused: %s",
	    STR_ARG(c->req->method_text), r->path, answer->reason);
	response_refuse(
	    c->res, refusals[answer->verdict].code, detail == NULL ? title : detail);
	c->res->authenticate = challenge(c, answer, role);
	if (c->res->status == 503)
		c->res->retry_after_s = RETRY_S;
}

enum kodo_err
access_is_granted(struct call *c, struct auth *auth, const struct route *r,
    const struct options *o, bool *out)
{
	const size_t i = role_of(r);
	struct auth_answer answer;
	struct auth_question q;
	bool given = false;
	enum kodo_err err;

	*out = !access_is_restricted(r, o);
	if (*out)
		return KODO_OK;
	err = speaker_is_peer(c, o, out);
	if (err == KODO_OK && !*out)
		err = admin_has_key(c, &given, out);
	if (err != KODO_OK || *out)
		return err;
	q = (struct auth_question){ .role = roles[i].role, .token = admin_bearer(c->transport),
		.remote_user = str_of(c->transport->env(c->transport, "REMOTE_USER")) };
	err = auth_ask(auth, c->a, registry_state(c->registry), o, &q, c->now_us, &answer);
	if (err != KODO_OK)
		return err;
	c->wake |= answer.wake;
	*out = answer.verdict == AUTH_GRANTED;
	if (!*out)
		refuse(c, r, &answer, roles[i].name);
	return KODO_OK;
}
