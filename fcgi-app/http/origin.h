/*
 * Browsers: a page of any site may make its visitors' browsers send requests, also to services that
 * only they reach. What programs send has neither of the two headers.
 */
#ifndef KODO_ORIGIN_H
#define KODO_ORIGIN_H

#include "http/transport.h"

struct options;

/*
 * Was the request made by a page that is not of this service? By Sec-Fetch-Site (W3C Fetch Metadata
 * Request Headers) or Origin (RFC 6454), which has to be that of url: a name that was bound to our
 * address is another origin. KODO_ENOMEM.
 */
enum kodo_err origin_is_foreign(
    struct arena *a, struct transport *t, const struct options *o, bool *out) MUST_CHECK;

#endif
