/*
 * Who may see what a route shows, where the options restrict that (core/auth): who has a token with
 * the role of the route, whom the web server knows, the admin, and a peer that has signed.
 */
#ifndef KODO_ACCESS_H
#define KODO_ACCESS_H

#include "core/auth/auth.h"
#include "http/call.h"
#include "http/router.h"

/* Does the route need a role now? */
bool access_is_restricted(const struct route *r, const struct options *o);

/*
 * May who asks see it? If not, the answer is made: 401 without a good token, 403 without the role,
 * 503 where the issuer's keys are not known yet; a page where one is wanted. What is wrong with a
 * token is in the log, nothing of the token. Errors as auth_ask, state_key and call_with_view.
 */
enum kodo_err access_is_granted(struct call *c, struct auth *auth, const struct route *r,
    const struct options *o, bool *out) MUST_CHECK;

#endif
