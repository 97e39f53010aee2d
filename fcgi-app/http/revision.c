#include <stdlib.h>

#include "core/base/clock.h"
#include "core/cluster/apply.h"
#include "http/follow.h"
#include "http/revision.h"
#include "http/router.h"
#include "http/shutdown.h"

#define WAIT_MS	1000
#define NEAR_MS	15	/* of these, in the process that others may want */
#define POLL_MS	3u

static bool
is_there(struct call *c, uint64_t least)
{
	uint64_t applied = 0;

	return cluster_applied_now(c->registry, &applied) == KODO_OK && applied >= least;
}

/* What goes through the log comes after all that anybody has seen of it. */
static bool
is_asked_of(const struct call *c)
{
	const struct route *r;
	char allow[64];

	return router_find(c->req->path, c->req->method, &r, allow) == ROUTE_FOUND &&
	    (r->flags & (ROUTE_HEALTH | ROUTE_CHANGES | ROUTE_BODY)) == 0;
}

/* It is on its way mostly, and nobody else wants this process. */
static bool
comes_soon(struct call *c, uint64_t least)
{
	const int64_t end_ms = clock_mono_ms() + NEAR_MS;

	while (!is_there(c, least)) {
		if (c->transport->takes_turns || c->req->has_body || clock_mono_ms() >= end_ms)
			return false;
		shutdown_sleep_ms(POLL_MS);
	}
	return true;
}

/* The request is to wait as follower; else it is refused. */
static bool
waits(struct call *c, const struct options *o, uint64_t least)
{
	if (c->follower != NULL) {
		c->follower->is_due = false;
		return !c->follower->is_over;
	}
	/* a body would have to be kept meanwhile */
	if (!c->req->has_body)
		c->follower =
		    follow_revision(c->registry, o, least, WAIT_MS, c->transport->is_alone);
	return c->follower != NULL;
}

bool
revision_is_reached(struct call *c, const struct options *o)
{
	const char *text = o->cluster.p == NULL ? NULL
	    : c->transport->env(c->transport, "HTTP_KODO_MIN_REVISION");
	const uint64_t least = text == NULL ? 0 : strtoull(text, NULL, 10);
	const struct follower *f = c->follower;

	if (least == 0 || (f != NULL && f->least == 0) || !is_asked_of(c))
		return true;
	if (f == NULL ? comes_soon(c, least) : !f->is_over && is_there(c, least)) {
		/* it may wait for something else from here on */
		follow_end(c->follower);
		c->follower = NULL;
		return true;
	}
	c->waits = waits(c, o, least);
	if (c->waits)
		return false;
	response_fail(c->res, 503, "This machine has not come to that revision yet");
	c->res->retry_after_s = 1;
	return false;
}

void
revision_note(struct call *c)
{
	const struct options *o;

	if (c->registry == NULL || registry_options(c->registry, &o) != KODO_OK ||
	    o->cluster.p == NULL)
		return;
	if (cluster_applied_now(c->registry, &c->res->revision) != KODO_OK)
		c->res->revision = 0;
}
