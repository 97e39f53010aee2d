#include <stdlib.h>

#include "core/base/clock.h"
#include "core/cluster/apply.h"
#include "http/revision.h"
#include "http/shutdown.h"

#define WAIT_MS	1000
#define POLL_MS	3u

static bool
is_there(struct call *c, uint64_t least)
{
	uint64_t applied = 0;

	return cluster_applied_now(c->registry, &applied) == KODO_OK && applied >= least;
}

bool
revision_is_reached(struct call *c, const struct options *o)
{
	const char *text = o->cluster.p == NULL ? NULL
	    : c->transport->env(c->transport, "HTTP_KODO_MIN_REVISION");
	const uint64_t least = text == NULL ? 0 : strtoull(text, NULL, 10);
	const int64_t end_ms = clock_mono_ms() + WAIT_MS;

	while (least > 0 && !is_there(c, least)) {
		if (clock_mono_ms() >= end_ms || shutdown_wanted()) {
			response_fail(
			    c->res, 503, "This machine has not come to that revision yet");
			c->res->retry_after_s = 1;
			return false;
		}
		shutdown_sleep_ms(POLL_MS);
	}
	return true;
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
