/*
 * One request being answered, as the handlers see it.
 */
#ifndef KODO_CALL_H
#define KODO_CALL_H

#include "core/registry/registry.h"
#include "core/trust/pin.h"
#include "http/client.h"
#include "http/param.h"
#include "http/request.h"
#include "http/response.h"

/* For the audit, of a request that is to change something: set by handlers. */
struct call_audit {
	enum pin_level level;	/* how well the sender is known */
	struct str subject;	/* what it is about, if no nodes; null: nothing more */
	uint64_t view, state;	/* after it; 0: it changes none */
	uint64_t n_withdrawn;
};

struct instance;
struct route;
struct follower;

struct call {
	struct arena *a;
	struct instance *instance;
	struct registry *registry;
	struct transport *transport;
	struct client client;
	const struct request *req;
	const struct route *route;	/* of OPTIONS that of GET; NULL: none is found */
	struct params params;
	struct wire_body body;		/* read and validated, on routes with ROUTE_BODY */
	struct str text;		/* as it came, on routes with ROUTE_TEXT */
	struct response *res;
	struct call_audit audit;
	int64_t now_us;
	struct follower *follower;	/* the request has waited; NULL: not yet */
	bool is_admin;		/* on routes with ROUTE_ADMIN: it was found to be the admin */
	bool is_unaudited;	/* it is one of many, of which the audit has the first */
	bool is_early;		/* the answer is a refusal, and the body was not read */
	/* set by a handler: no answer yet, the request waits as follower */
	bool waits;
	/* set by a handler: messages are due, wake the runner after the reply */
	bool wake;
	/* set by a handler: what is to be done after the reply; NULL: nothing */
	void (*after)(struct registry *r);
};

/* Answer from a view of the registry, which ends with put. Errors as view_begin and put. */
enum kodo_err call_with_view(
    struct call *c, enum kodo_err (*put)(struct call *c, struct view *v)) MUST_CHECK;

/* The rest of the path after base ("/flows/"), with which it begins. */
struct str call_path_below(const struct call *c, struct str base);

#endif
