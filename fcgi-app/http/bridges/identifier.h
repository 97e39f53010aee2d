/*
 * Names of flows in other families: a host and a slug, from the urls of items and back.
 *
 *	https://example.org/flows/travel/planner	example.org, travel.planner
 *	http://example.org:81/a/flows/b_c		example.org, 81.a.b_c-1f2e3d4c
 *
 * The slug is the flow's own url, with dots for slashes; before it stand a port and the path of the
 * node. Where the way back is not plain from that (another scheme than https, a port, a path, other
 * characters, too many of them) `-` and 8 digits of a hash of both urls follow: of two
 * items of a host that differ in that alone which is lost, one in 2^32 shares a name. A host that
 * cannot be one here (an address of IPv6, a `_`, over 95 bytes) is `x--` and a hash of it.
 */
#ifndef KODO_IDENTIFIER_H
#define KODO_IDENTIFIER_H

#include "core/base/arena.h"

#define IDENTIFIER_HOST_BYTES	95u
#define IDENTIFIER_SLUG_BYTES	99u	/* both, a slash and x--1.: 200, as MCP wants */

struct identifier {
	struct str host;	/* in lower case */
	struct str slug;
};

/* Of an item by the urls of its node and its own, in a. KODO_ENOMEM. */
enum kodo_err identifier_of(
    struct arena *a, struct str node, struct str item, struct identifier *out) MUST_CHECK;

/* Of a node itself; never that of an item. */
enum kodo_err identifier_of_node(
    struct arena *a, struct str node, struct identifier *out) MUST_CHECK;

/* The host of a url as identifiers have it. */
enum kodo_err identifier_host(struct arena *a, struct str url, struct str *out) MUST_CHECK;

/*
 * `org.example/travel.planner`, and back. A host of a single label, as localhost, is
 * `x--1.localhost` there, as names want two. KODO_EINVAL: it is none.
 */
enum kodo_err identifier_reversed(struct arena *a, struct str host, struct str *out) MUST_CHECK;
enum kodo_err identifier_name(
    struct arena *a, const struct identifier *id, struct str *out) MUST_CHECK;
enum kodo_err identifier_read_name(
    struct arena *a, struct str name, struct identifier *out) MUST_CHECK;

/* `urn:air:example.org:flow:travel.planner`, and back. KODO_EINVAL: it is none. */
enum kodo_err identifier_urn(
    struct arena *a, const struct identifier *id, struct str *out) MUST_CHECK;
enum kodo_err identifier_read_urn(struct str urn, struct identifier *out) MUST_CHECK;

/*
 * Where to look for its item. The node's url key, if it follows from the identifier, in a; else
 * null: any of the host. *item: the item's url behind that of its node, if that follows; else null.
 */
enum kodo_err identifier_place(
    struct arena *a, const struct identifier *id, struct str *key, struct str *item) MUST_CHECK;

/* Can that item of the node have it? By its hash, where there is one. */
bool identifier_may_be(const struct identifier *id, struct str node, struct str item);

/* Is that the key of a node whose host is that of the identifier? *out; KODO_ENOMEM. */
enum kodo_err identifier_is_at(
    struct arena *a, const struct identifier *id, struct str key, bool *out) MUST_CHECK;

#endif
