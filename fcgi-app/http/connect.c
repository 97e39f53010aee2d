#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/isotime.h"
#include "core/base/log.h"
#include "core/registry/reply.h"
#include "core/registry/requests.h"
#include "core/registry/wait.h"
#include "http/call.h"
#include "http/handlers.h"
#include "http/instance.h"
#include "http/shutdown.h"
#include "http/wait_slots.h"

#define LEAVE_WAIT_MS	4000u	/* of DELETE /connect for the first attempts */
#define PASS_WAIT_MS	1000u	/* of POST /disconnect for those of its own messages */
#define POLL_MS		3u	/* between two tests of these attempts */

static const char *
bool_name(bool v)
{
	return v ? "True" : "False";	/* as in the log of the original system */
}

static struct str
or_none(struct str s)
{
	return s.p == NULL ? STR("None") : s;
}

static void
log_left_out(const struct wire_body *b)
{
	size_t i;

	for (i = 0; i < b->n_left_out; i++)
		log_warning("left out %.*s from %.*s: %.*s", STR_ARG(b->left_out[i].url),
		    STR_ARG(b->from.url), STR_ARG(b->left_out[i].reason));
}

/*
 * The answer to a body. The rest of a long one goes to its sender as updates, which need the
 * runner.
 */
static enum kodo_err
put_answer(struct call *c, unsigned status, bool is_connect, bool idle_false)
{
	bool rest;
	enum kodo_err err;

	c->res->status = status;
	err = reply_put(
	    c->registry, &c->body, is_connect, idle_false, c->now_us, &c->res->body, &rest);
	if (rest)
		c->wake = true;
	return err;
}

/* Hold one of the slots of waiting requests. -1: none is free, or no request may wait. */
static int
take_slot(struct call *c)
{
	const struct options *o;
	unsigned n = 0;

	if (registry_options(c->registry, &o) == KODO_OK && o->trigger != TRIGGER_CRON)
		n = o->wait;
	return wait_slots_take(registry_state(c->registry), n);
}

/* May a request still wait for the messages up to ticket? */
static bool
is_worth_waiting(struct call *c, uint64_t ticket, int64_t end_ms)
{
	bool tried = true;

	if (shutdown_wanted() || clock_mono_ms() >= end_ms)
		return false;
	return wait_is_tried(c->registry, ticket, isotime_now_us(), &tried) == KODO_OK &&
	    !tried;
}

/*
 * Wait until the messages up to ticket were tried once; at most max_ms, not beside too many other
 * requests, and not after a signal to end.
 */
static void
wait_until_tried(struct call *c, uint64_t ticket, unsigned max_ms)
{
	int64_t end_ms = clock_mono_ms() + max_ms;
	int slot = take_slot(c);

	c->wake = true;
	if (slot == -1)
		return;
	/* no wait without a runner */
	if (instance_wake(c->instance, WAKE_FOR_REQUEST) != WOKEN_NOBODY) {
		c->wake = false;
		while (is_worth_waiting(c, ticket, end_ms))
			shutdown_sleep_ms(POLL_MS);
	}
	close(slot);
}

/* What a quota has left out is named in the answer, too. */
static enum kodo_err
add_left_out(struct call *c, const struct receipt *in)
{
	struct wire_body *b = &c->body;
	struct wire_left_out *all;
	size_t i;
	enum kodo_err err = KODO_OK;

	if (in->n_left_out == 0)
		return KODO_OK;
	all = arena_alloc(c->a, (b->n_left_out + in->n_left_out) * sizeof(*all));
	if (all == NULL)
		return KODO_ENOMEM;
	for (i = 0; i < b->n_left_out; i++)
		all[i] = b->left_out[i];
	for (i = 0; i < in->n_left_out && err == KODO_OK; i++) {
		all[b->n_left_out + i] = in->left_out[i];
		err = arena_str(c->a, in->left_out[i].url, &all[b->n_left_out + i].url);
	}
	b->left_out = all;
	b->n_left_out += in->n_left_out;
	return err;
}

/* Its sender may not speak for that url, or a quota is used up. true: it is answered. */
static bool
is_refused(struct call *c, const struct receipt *in)
{
	c->audit = (struct call_audit){ .level = in->level, .view = in->view, .state = in->state,
		.n_withdrawn = in->n_withdrawn };
	if (in->refusal == NULL)
		return false;
	log_warning("%.*s from %.*s refused: %s", STR_ARG(c->req->target),
	    STR_ARG(c->body.from.url), in->refusal);
	response_refuse(c->res, in->code, in->refusal);
	c->wake = in->wake;
	return true;
}

enum kodo_err
handle_connect(struct call *c)
{
	struct receipt in;
	enum kodo_err err;

	err = registry_connect(c->registry, &c->body, c->now_us, &in);
	if (err != KODO_OK || is_refused(c, &in))
		return err;
	log_info("connect from %.*s with nodes: %zu, flows: %zu, feed %s to organization %.*s",
	    STR_ARG(c->body.from.url), in.n_nodes, in.n_flows, bool_name(c->body.from.feed),
	    STR_ARG(or_none(c->body.from.organization)));
	log_left_out(&c->body);
	c->wake = in.wake;
	err = add_left_out(c, &in);
	return err == KODO_OK ? put_answer(c, 201, true, false) : err;
}

enum kodo_err
handle_update(struct call *c)
{
	struct receipt in;
	const char *text;
	enum kodo_err err;

	err = registry_update(c->registry, &c->body, c->now_us, &in);
	if (err != KODO_OK || is_refused(c, &in))
		return err;
	c->wake = in.wake;
	if (!in.known) {
		text = arena_printf(
		    c->a, "Provider %.*s not found in the registry.", STR_ARG(c->body.from.url));
		response_refuse(c->res, REFUSAL_UNKNOWN, text == NULL ? "Not Found" : text);
		return KODO_OK;
	}
	log_info("/update from %.*s with nodes: %zu, flows: %zu", STR_ARG(c->body.from.url),
	    in.n_nodes, in.n_flows);
	log_left_out(&c->body);
	err = add_left_out(c, &in);
	return err == KODO_OK ? put_answer(c, 200, false, false) : err;
}

enum kodo_err
handle_disconnect(struct call *c)
{
	struct receipt in;
	uint64_t ticket;
	enum kodo_err err;

	err = registry_disconnect(c->registry, &c->body, c->now_us, &in, &ticket);
	if (err != KODO_OK || is_refused(c, &in))
		return err;
	log_info("/disconnect from %.*s", STR_ARG(c->body.from.url));
	if (!in.known) {
		c->wake = in.wake;
		response_refuse(c->res, REFUSAL_UNKNOWN, "Not Found");
		return KODO_OK;
	}
	if (in.removed)
		log_info("removed provider: %.*s", STR_ARG(c->body.from.url));
	if (in.wake) {
		wait_until_tried(c, ticket, PASS_WAIT_MS);
		c->now_us = isotime_now_us();
	}
	return put_answer(c, 200, false, false);
}

enum kodo_err
handle_reconnect(struct call *c)
{
	struct receipt in;
	enum kodo_err err;

	err = registry_reconnect(c->registry, &c->body, c->now_us, &in);
	if (err != KODO_OK || is_refused(c, &in))
		return err;
	log_info("/reconnect from %.*s%s", STR_ARG(c->body.from.url),
	    in.known ? "" : ", which is not known");
	c->wake = in.wake;
	if (!in.known) {
		response_refuse(c->res, REFUSAL_UNKNOWN, "Not Found");
		return KODO_OK;
	}
	return put_answer(c, 200, false, true);
}

enum kodo_err
handle_leave(struct call *c)
{
	struct receipt in;
	uint64_t ticket;
	enum kodo_err err;

	err = registry_leave(c->registry, c->now_us, &ticket, &in);
	if (err != KODO_OK || is_refused(c, &in))
		return err;
	log_info("leave all connections");
	if (in.wake)
		wait_until_tried(c, ticket, LEAVE_WAIT_MS);
	response_empty(c->res, 204);
	return KODO_OK;
}
