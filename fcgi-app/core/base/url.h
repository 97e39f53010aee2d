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
#include "core/base/buf.h"
#include "core/base/limit.h"

struct url {
	struct str scheme;	/* "http" or "https" as written */
	struct str host;	/* as written; an IPv6 address without its brackets */
	struct str path;	/* "" or "/..." without a trailing slash; may hold a query */
	uint16_t port;		/* where none is written, that of the scheme: 80 or 443 */
};

/*
 * Take s apart. KODO_EINVAL: not http or https with a host, a bad port, blanks or control
 * characters, user information, a fragment; *reason (may be NULL) is then a static text, e.g.
 * "missing host". KODO_ETOOBIG: over LIMIT_URL_BYTES. The parts point into s.
 */
enum kodo_err url_parse(struct str s, struct url *out, const char **reason) MUST_CHECK;

/* The shown form: s less trailing slashes. Points into s. */
struct str url_shown(struct str s);

/* s less its query, which may hold a key: for whoever reads it here. Points into s. */
struct str url_less_query(struct str s);

/* The key that urls are compared by, in a. Errors as url_parse, or KODO_ENOMEM. */
enum kodo_err url_key(struct arena *a, struct str s, struct str *out) MUST_CHECK;

/*
 * The form in which patterns are held against urls: what differs in it leads elsewhere. Beside what
 * url_key does: no dot at the end of the host, addresses in their usual form however they are
 * written, no needless percent-encoding, dot segments and doubled slashes of the path taken out
 * (RFC 3986, 6.2.2). Two urls with one such form may be two peers all the same: it is for
 * forbidding and allowing, never a key of what is stored. A text that is no url stays as it is, cut
 * off at the end of the room. Returns the bytes used.
 */
#define URL_CANONICAL_BYTES	(3 * LIMIT_URL_BYTES + 64)
size_t url_canonical(struct str s, char to[URL_CANONICAL_BYTES]);

/* Is one of these forms that prefix, or below it: what follows is a path or a query? */
bool url_is_below(struct str canonical, struct str prefix);

/* By its text, is the host localhost, or an address that is not public (address.h)? */
bool url_is_private(const struct url *u);

/* By its text, is the host this machine? */
bool url_is_loopback(const struct url *u);

/*
 * Percent-decode s into a. A `%` without two hex digits stands for itself. plus: `+` is a blank
 * (queries).
 */
enum kodo_err url_decode(struct arena *a, struct str s, bool plus, struct str *out) MUST_CHECK;

/*
 * A path with slashes collapsed and none at the end, "/" for the root; decode: percent-decoded.
 * `//a%62/` becomes `/ab`. to: room for raw.len + 1 bytes; returns those used.
 */
size_t url_collapse(struct str raw, bool decode, char *to);
enum kodo_err url_clean_path(
    struct arena *a, struct str raw, bool decode, struct str *out) MUST_CHECK;

/*
 * Append a url for a link: what may not stand in a url, or would be read as something else there
 * (a backslash, a tab), is percent-encoded. The rest, `%` included, stays as its owner wrote it.
 */
void url_put_link(struct buf *out, struct str url);

/* Does s begin as a url of http or https? */
bool url_is_web(struct str s);

#endif
