/*
 * The routes: a const table of the handler for each path and method, and of the conditions for its
 * call. From it come 404, 405 with its Allow, OPTIONS, HEAD, and the API's document.
 */
#ifndef KODO_ROUTER_H
#define KODO_ROUTER_H

#include "core/config/option.h"
#include "core/wire/wire.h"
#include "http/request.h"

struct call;

enum route_flag {
	ROUTE_BODY = 1u << 0,		/* a body of kind wire is read and validated: 400, 413 */
	ROUTE_REGISTRY = 1u << 1,	/* 404 where this is no registry, after a valid body */
	ROUTE_PEER = 1u << 2,		/* the options must allow the sender: 403 */
	ROUTE_BELOW = 1u << 3,		/* all paths below path */
	ROUTE_ALIAS = 1u << 4,		/* the same as another: not in the API's document */
	ROUTE_PAGE = 1u << 5,		/* answers with a page where one is wanted */
	ROUTE_ADMIN = 1u << 6,		/* for the admin alone: 403, see admin.h */
	ROUTE_LOCAL = 1u << 7,		/* of the same machine, too */
	/* shows nodes or flows: where the options restrict that, for that role; see access.h */
	ROUTE_ROLE_REGISTRY = 1u << 8,
	ROUTE_ROLE_FLOWS = 1u << 9,
	ROUTE_FEED = 1u << 10,		/* answers with a feed where one is wanted */
	ROUTE_ELSEWHERE = 1u << 11,	/* changes nothing here: from any site, by any method */
	ROUTE_TEXT = 1u << 12,		/* a body is read as it is: 413 */
	ROUTE_METRICS = 1u << 13,	/* for the admin, or for all: as the option metrics says */
	ROUTE_CHANGES = 1u << 14,	/* changes something, though by GET */
	/* answers whatever the state is, JSON alone, as often as it is asked; never stored */
	ROUTE_HEALTH = 1u << 15,
	ROUTE_SCANS = 1u << 16,		/* all flows are read, with some parameters or for a text */
};

/* Beside these: of a bridge, without which the route is not there, and whose errors it has. */
#define ROUTE_BRIDGE(bridge)	((unsigned)(bridge) << 24)

struct route {
	const char *path;
	enum method method;
	enum kodo_err (*handle)(struct call *c);	/* see handlers.h */
	unsigned flags;
	enum wire_kind wire;
	uint64_t params;		/* mask of PARAM_BIT */
	const char *summary;
	const char *takes, *gives;	/* records of PROTOCOL.md, see schema.c; NULL: nothing */
};

/* Is a request for it to change something here? */
bool router_changes(const struct route *r);

/* BRIDGE_NONE: of none. */
static inline enum option_bridge
route_bridge(const struct route *r)
{
	return (enum option_bridge)(r->flags >> 24);
}

/* The table; ends with a row without path. */
const struct route *router_table(void);

enum router_verdict { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD, ROUTE_IS_OPTIONS };

/* A row for the path, by whatever method. NULL: there is no such path. */
const struct route *router_any(struct str path);

/*
 * Find the row for a path and method; HEAD finds that of GET. ROUTE_NO_METHOD and ROUTE_IS_OPTIONS:
 * allow holds the methods that the path has, for an Allow header.
 */
enum router_verdict router_find(
    struct str path, enum method m, const struct route **out, char allow[64]);

#endif
