/*
 * A request as the handlers see it, made from the CGI variables. Its texts live in an arena.
 */
#ifndef KODO_REQUEST_H
#define KODO_REQUEST_H

#include <stdint.h>

#include "core/base/arena.h"

enum method {
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_PATCH,
	METHOD_DELETE,
	METHOD_OPTIONS,
	METHOD_OTHER,
	METHOD_MAX
};

/* The variables of a request, raw; null where not set. */
struct request_env {
	struct str method;
	struct str uri;			/* REQUEST_URI */
	struct str path_info;
	struct str script_name;
	struct str query;		/* QUERY_STRING */
	struct str accept;
	struct str if_none_match;
	struct str content_length;
	struct str transfer_encoding;
};

struct request {
	enum method method;
	struct str method_text;		/* for messages */
	/* the path as it came, less the path of the service's url: for messages */
	struct str target;
	/* decoded, slashes collapsed, none at the end; "/" for the root */
	struct str path;
	struct str query;		/* raw, without its `?` */
	struct str accept;
	struct str if_none_match;
	bool has_body;			/* one is announced */
	bool has_length;
	uint64_t length;		/* CONTENT_LENGTH, if has_length */
};

/*
 * base: the path of the service's url, "" or "/a/b".
 *
 * The path is that of REQUEST_URI less base. Where that does not begin with base, it is PATH_INFO
 * (a server's rewriting, or a script's own name), and without one REQUEST_URI as it is (a proxy
 * that has cut base).
 *
 * KODO_EINVAL: the target is not UTF-8, or Content-Length is no number; KODO_ETOOBIG: over
 * LIMIT_URL_BYTES or LIMIT_QUERY_BYTES, each with *reason, a static text for the client.
 * KODO_ENOMEM.
 */
enum kodo_err request_parse(struct arena *a, const struct request_env *env, struct str base,
    struct request *out, const char **reason) MUST_CHECK;

enum method request_method(struct str text);
const char *request_method_name(enum method m);		/* "" for METHOD_OTHER */

/*
 * Take the next `name=value` from *rest (a raw query), both decoded; a parameter without `=` has an
 * empty value. KODO_ENOTFOUND: there is no more.
 */
enum kodo_err request_next_param(
    struct arena *a, struct str *rest, struct str *name, struct str *value) MUST_CHECK;

/*
 * Does Accept ask for a page? As in the original system: text/html stands anywhere in it, in lower
 * case; but with a q over 0, and not under that of application/json.
 */
bool request_accepts_html(struct str accept);

/* Does Accept-Encoding take gzip, and want nothing more? RFC 9110, 12.5.3. */
bool request_accepts_gzip(struct str accept);

/*
 * Is the tag (weak, with W/ and quotes) one of If-None-Match, marked as compressed or not? `*` is
 * any.
 */
bool request_has_etag(struct str if_none_match, struct str tag);

/*
 * A variable of CGI. NULL: it is not there, or it is a field of the head under two spellings:
 * X_Forwarded_For and X-Forwarded-For are one variable, and the client may have written either.
 */
const char *request_variable(char *const *all, const char *name);

#endif
