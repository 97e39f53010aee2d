/*
 * The routes: a const table that says for each path and method who answers, and what has to hold
 * before he is asked. From it come 404, 405 with its Allow, OPTIONS, HEAD, and the API's document.
 */
#ifndef KODO_ROUTER_H
#define KODO_ROUTER_H

#include "core/registry/registry.h"
#include "http/param.h"
#include "http/request.h"
#include "http/response.h"

struct instance;

/* One request being answered. */
struct call {
	struct arena *a;
	struct instance *instance;
	struct registry *registry;
	struct transport *transport;
	const struct request *req;
	struct params params;
	struct wire_body body;		/* read and validated, on routes with ROUTE_BODY */
	struct response *res;
	int64_t now_us;
	/* set by a handler: messages are due, wake the runner after the reply */
	bool wake;
};

enum route_flag {
	ROUTE_BODY = 1u << 0,		/* a body of kind wire is read and validated: 400, 413 */
	/* only a registry has it: 404, after the body was found valid */
	ROUTE_REGISTRY = 1u << 1,
	ROUTE_PEER = 1u << 2,		/* the sender must be one that options allow: 403 */
	ROUTE_BELOW = 1u << 3,		/* path stands for all paths below it */
	ROUTE_ALIAS = 1u << 4,		/* the same as another: not in the API's document */
	ROUTE_PAGE = 1u << 5,		/* answers with a page where one is wanted */
};

struct route {
	const char *path;
	enum method method;
	/*
	 * Fills in call->res and returns KODO_OK, also where it refuses the request. Other results
	 * are faults of ours: they are answered and told in the log by whoever has called.
	 */
	enum kodo_err (*handle)(struct call *c);
	unsigned flags;
	enum wire_kind wire;
	unsigned params;		/* mask of PARAM_BIT */
	const char *summary;
	const char *takes, *gives;	/* records of PROTOCOL.md, see schema.c; NULL: nothing */
};

/* The table; ends with a row without path. */
const struct route *router_table(void);

enum router_verdict { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD, ROUTE_IS_OPTIONS };

/*
 * Find the row for a path and method; HEAD finds that of GET. ROUTE_NO_METHOD and ROUTE_IS_OPTIONS:
 * allow holds the methods that the path has, for an Allow header.
 */
enum router_verdict router_find(
    struct str path, enum method m, const struct route **out, char allow[64]);

#endif
