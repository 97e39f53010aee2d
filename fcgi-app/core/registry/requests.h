/*
 * What each POST changes, one transaction each.
 */
#ifndef KODO_REQUESTS_H
#define KODO_REQUESTS_H

#include "core/base/refusal.h"
#include "core/registry/registry.h"
#include "core/trust/pin.h"

/* What a change had to say about the request. */
struct receipt {
	bool known;		/* false: no such provider (404) */
	bool changed;		/* something that is seen was changed */
	bool removed;		/* the whole provider went (a disconnect of its own url) */
	bool wake;		/* messages are due: wake the runner after the reply */
	/*
	 * its sender may not speak for that url, or a quota is used up: why, in words, until the
	 * next change; else NULL
	 */
	const char *refusal;
	enum refusal code;	/* of that, for programs */
	enum pin_level level;	/* how well whoever speaks is known, if it may speak */
	uint64_t view, state;	/* after it */
	uint64_t n_withdrawn;	/* nodes that are not shown any more */
	size_t n_nodes, n_flows;	/* taken in, for the log */
	/* nodes over a quota, beside those of the body; valid until the next change */
	const struct wire_left_out *left_out;
	size_t n_left_out;
};

/*
 * POST /connect. The service must be a registry (the caller has seen to it). Stores the provider,
 * replaces its nodes. For the answer see view_put_connect_answer.
 */
enum kodo_err registry_connect(
    struct registry *r, const struct wire_body *b, int64_t now_us, struct receipt *out) MUST_CHECK;
enum kodo_err registry_update(
    struct registry *r, const struct wire_body *b, int64_t now_us, struct receipt *out) MUST_CHECK;
/* ticket: for wait_is_tried, of the messages that it causes. */
enum kodo_err registry_disconnect(struct registry *r, const struct wire_body *b, int64_t now_us,
    struct receipt *out, uint64_t *ticket) MUST_CHECK;

/*
 * POST /reconnect: connect to that url now. known false: neither a target (or its alias) nor a
 * provider.
 */
enum kodo_err registry_reconnect(
    struct registry *r, const struct wire_body *b, int64_t now_us, struct receipt *out) MUST_CHECK;

/* DELETE /connect: leave every target. *ticket names the messages, for wait_is_tried. */
enum kodo_err registry_leave(
    struct registry *r, int64_t now_us, uint64_t *ticket, struct receipt *out) MUST_CHECK;

#endif
