/*
 * Urls of services, nodes and flows (RFC 3986, as far as http and https need it).
 *
 * A url is *shown* as its owner wrote it, less trailing slashes; it is *compared* by its key:
 * scheme and host in lower case, the default port cut, the rest byte by byte.
 */
#ifndef KODO_URL_H
#define KODO_URL_H

#include <stdint.h>

#include "core/base/arena.h"

struct url {
	struct str scheme;	/* "http" or "https" as written */
	struct str host;	/* as written; an IPv6 address without its brackets */
	struct str path;	/* "" or "/..." without a trailing slash; may hold a query */
	uint16_t port;		/* the default port of the scheme where none is written */
	bool has_port;		/* one is written */
};

/*
 * Take s apart. KODO_EINVAL: not http or https with a host, a bad port, blanks or control
 * characters, user information, a fragment; *reason (may be NULL) is then a static text, e.g.
 * "missing host". KODO_ETOOBIG: over LIMIT_URL_BYTES. The parts point into s.
 */
enum kodo_err url_parse(struct str s, struct url *out, const char **reason) MUST_CHECK;

/* The shown form: s less trailing slashes. Points into s. */
struct str url_shown(struct str s);

/* The key that urls are compared by, in a. Errors as url_parse, or KODO_ENOMEM. */
enum kodo_err url_key(struct arena *a, struct str s, struct str *out) MUST_CHECK;

/*
 * By its text, is the host localhost, a loopback, private (RFC 1918, RFC 4193), link-local or
 * unspecified address?
 */
bool url_is_private(const struct url *u);

#endif
