/*
 * The admin of the service: who has the key of the state (state_key).
 */
#ifndef KODO_ADMIN_H
#define KODO_ADMIN_H

#include "http/call.h"
#include "http/router.h"

/*
 * May who asks for a route with ROUTE_ADMIN do that? With the key, in `Authorization: Bearer KEY`
 * or, as some hosts strip that, in the parameter key. With ROUTE_LOCAL also without one, from the
 * machine itself, where that means the admin: the url is a local one, or `kodo service` listens at
 * it; and no proxy is on the way, which would make everybody local. A key that is given has to be
 * right. If not, the answer is 403, with a line in the log. Errors as state_key.
 */
enum kodo_err admin_is_asking(
    struct call *c, const struct route *r, const struct options *o, bool *out) MUST_CHECK;

#endif
