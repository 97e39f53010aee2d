/*
 * The admin of the service: who has the key of the state (state_key).
 */
#ifndef KODO_ADMIN_H
#define KODO_ADMIN_H

#include "http/call.h"
#include "http/router.h"

/* The token of `Authorization: Bearer TOKEN` (RFC 6750); null: there is none. */
struct str admin_bearer(struct transport *t);

/*
 * Is there a key, and is it right? In `Authorization: Bearer KEY` or, as some hosts strip that, in
 * the parameter key. Errors as state_key.
 */
enum kodo_err admin_has_key(struct call *c, bool *given, bool *out) MUST_CHECK;

/*
 * May who asks for a route with ROUTE_ADMIN do that? With the key; with ROUTE_LOCAL also without
 * one, from the machine itself, where that means the admin: the url is that of this machine, or
 * `kodo service` listens at it; and no proxy says that it is on the way. If not, the answer is
 * 403, with a line in the log. Errors as state_key.
 */
enum kodo_err admin_is_asking(
    struct call *c, const struct route *r, const struct options *o, bool *out) MUST_CHECK;

#endif
