/*
 * /health, for load balancers: what core/check/readiness finds.
 */
#include "core/base/json.h"
#include "core/check/readiness.h"
#include "core/storage/cluster_status.h"
#include "http/call.h"
#include "http/handlers.h"

#define AGAIN_S	5u	/* a balancer asks so often at least */

static void
put_condition(struct buf *b, const struct readiness *r)
{
	size_t i;

	buf_puts(b, "{\"ok\":");
	json_put_bool(b, r->n == 0);
	buf_puts(b, ",\"reasons\":[");
	for (i = 0; i < r->n; i++) {
		buf_puts(b, i == 0 ? "{\"reason\":" : ",{\"reason\":");
		json_put_str(b, str_of(r->reasons[i].name));
		buf_puts(b, ",\"text\":");
		json_put_str(b, str_of(r->reasons[i].text));
		buf_putc(b, '}');
	}
	buf_puts(b, "]}");
}

static enum kodo_err
say(struct call *c, bool is_well)
{
	c->res->is_fleeting = true;
	if (is_well)
		return KODO_OK;
	c->res->status = 503;
	c->res->refusal = REFUSAL_NOT_READY;
	c->res->retry_after_s = AGAIN_S;
	return KODO_OK;
}

enum kodo_err
handle_live(struct call *c)
{
	struct readiness live;

	readiness_live(c->registry, &live);
	put_condition(&c->res->body.buf, &live);
	return say(c, live.n == 0);
}

enum kodo_err
handle_ready(struct call *c)
{
	struct readiness ready;

	readiness_ready(c->registry, c->now_us, &ready);
	put_condition(&c->res->body.buf, &ready);
	return say(c, ready.n == 0);
}

enum kodo_err
handle_health(struct call *c)
{
	struct buf *b = &c->res->body.buf;
	struct readiness live, ready;
	struct cluster_status st;

	readiness_live(c->registry, &live);
	readiness_ready(c->registry, c->now_us, &ready);
	buf_puts(b, "{\"live\":");
	put_condition(b, &live);
	buf_puts(b, ",\"ready\":");
	put_condition(b, &ready);
	if (c->registry != NULL &&
	    cluster_status_read(registry_state(c->registry), &st) == KODO_OK) {
		buf_puts(b, ",\"queued\":");
		json_put_u64(b, st.queued);
	}
	buf_putc(b, '}');
	return say(c, live.n == 0 && ready.n == 0);
}
