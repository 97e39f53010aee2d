#include <arpa/inet.h>
#include <netinet/in.h>

#include "core/base/address.h"
#include "core/base/ascii.h"
#include "core/base/url.h"

#define HOST_BYTES 256u	/* longer is neither an address nor a name of DNS */

static bool
is_host_char(char c)
{
	return ascii_is_digit(c) || ascii_is_letter(c) || c == '-' || c == '.'
	    || c == '_' || c == '~';
}

/* Does s start with prefix (in lower case), whatever its own case? */
static bool
starts_fold(struct str s, const char *prefix)
{
	size_t i;

	for (i = 0; prefix[i] != '\0'; i++) {
		if (i == s.len || ascii_lower(s.p[i]) != prefix[i])
			return false;
	}
	return true;
}

static bool
eq_fold(struct str s, const char *z)
{
	return s.len == strlen(z) && starts_fold(s, z);
}

/*
 * s as a terminated text in to, less one trailing dot; false where it is too long to be an address.
 */
static bool
host_copy(struct str s, char to[HOST_BYTES])
{
	if (s.len > 1 && s.p[s.len - 1] == '.')
		s.len--;
	if (s.len >= HOST_BYTES)
		return false;
	memcpy(to, s.p, s.len);
	to[s.len] = '\0';
	return true;
}

/* No blanks, control characters, fragment or backslash: peers and curl read them differently. */
static const char *
bytes_reason(struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= ' ' || c == 0x7f)
			return "blank or control character";
		if (c == '#')
			return "fragment";
		if (c == '\\')
			return "backslash";
	}
	return NULL;
}

static const char *
scheme_take(struct str s, struct url *out, size_t *at)
{
	if (starts_fold(s, "http://"))
		out->scheme = (struct str){ s.p, 4 };
	else if (starts_fold(s, "https://"))
		out->scheme = (struct str){ s.p, 5 };
	else
		return "scheme must be http or https";
	*at = out->scheme.len + 3;
	return NULL;
}

/*
 * The host is ASCII without percent signs: a connection would map other spellings of an address
 * onto it.
 */
static const char *
host_take(struct str authority, struct url *out, size_t *at)
{
	char text[HOST_BYTES];
	struct in6_addr address;
	size_t end = 0;

	if (authority.len > 0 && authority.p[0] == '[') {
		const char *close = memchr(authority.p, ']', authority.len);

		if (close == NULL)
			return "missing ]";
		out->host = (struct str){ authority.p + 1, (size_t)(close - authority.p) - 1 };
		*at = out->host.len + 2;
		if (!host_copy(out->host, text) || inet_pton(AF_INET6, text, &address) != 1)
			return "invalid IPv6 address";
		return NULL;
	}
	while (end < authority.len && is_host_char(authority.p[end]))
		end++;
	if (end < authority.len && authority.p[end] != ':')
		return authority.p[end] == '@' ? "user information" : "invalid character in host";
	if (end == 0)
		return "missing host";
	out->host = (struct str){ authority.p, end };
	*at = end;
	return NULL;
}

/* rest: what follows the host up to the path, "" or ":1234". */
static const char *
port_take(struct str rest, struct url *out)
{
	uint32_t port = 0;
	size_t i;

	out->port = out->scheme.len == 4 ? 80 : 443;
	if (rest.len == 0)
		return NULL;
	if (rest.p[0] != ':' || rest.len == 1)
		return "invalid port";
	for (i = 1; i < rest.len; i++) {
		if (!ascii_is_digit(rest.p[i]))
			return "invalid port";
		port = port * 10 + (uint32_t)(rest.p[i] - '0');
		if (port > UINT16_MAX)
			return "port over 65535";
	}
	if (port == 0)
		return "invalid port";
	out->port = (uint16_t)port;
	return NULL;
}

struct str
url_less_query(struct str s)
{
	return str_cut(&s, '?');
}

struct str
url_shown(struct str s)
{
	while (s.len > 0 && s.p[s.len - 1] == '/')
		s.len--;
	return s;
}

static const char *
parts_take(struct str s, struct url *out)
{
	struct str authority;
	const char *reason;
	size_t start, at = 0;

	reason = scheme_take(s, out, &start);
	if (reason == NULL)
		reason = bytes_reason(s);
	if (reason != NULL)
		return reason;
	authority = (struct str){ s.p + start, s.len - start };
	for (authority.len = 0; start + authority.len < s.len; authority.len++) {
		if (authority.p[authority.len] == '/' || authority.p[authority.len] == '?')
			break;
	}
	if (memchr(authority.p, '@', authority.len) != NULL)
		return "user information";
	reason = host_take(authority, out, &at);
	if (reason == NULL)
		reason = port_take((struct str){ authority.p + at, authority.len - at }, out);
	out->path = url_shown((struct str){ authority.p + authority.len,
	    s.len - start - authority.len });
	return reason;
}

enum kodo_err
url_parse(struct str s, struct url *out, const char **reason)
{
	const char *why;
	enum kodo_err err = KODO_EINVAL;

	memset(out, 0, sizeof(*out));
	if (s.p == NULL || s.len == 0) {
		why = "empty";
	} else if (s.len > LIMIT_URL_BYTES) {
		why = "over 2048 bytes";
		err = KODO_ETOOBIG;
	} else {
		why = parts_take(s, out);
	}
	if (reason != NULL)
		*reason = why;
	if (why == NULL)
		return KODO_OK;
	memset(out, 0, sizeof(*out));
	return err;
}

static char *
put_lower(char *to, struct str s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		*to++ = ascii_lower(s.p[i]);
	return to;
}

static char *
put_port(char *to, uint16_t port)
{
	char digits[5];
	size_t n = 0;

	do {
		digits[n++] = (char)('0' + port % 10);
		port = (uint16_t)(port / 10);
	} while (port > 0);
	*to++ = ':';
	while (n > 0)
		*to++ = digits[--n];
	return to;
}

enum kodo_err
url_key(struct arena *a, struct str s, struct str *out)
{
	struct url u;
	enum kodo_err err;
	char *p, *to;

	*out = STR_NULL;
	err = url_parse(s, &u, NULL);
	if (err != KODO_OK)
		return err;
	/* the key is never longer than the url: a written port takes at least as much */
	p = to = arena_alloc(a, s.len + 1);
	if (p == NULL)
		return KODO_ENOMEM;
	to = put_lower(to, u.scheme);
	to = put_lower(to, STR("://"));
	if (u.host.p[-1] == '[')
		*to++ = '[';
	to = put_lower(to, u.host);
	if (u.host.p[-1] == '[')
		*to++ = ']';
	if (u.port != (u.scheme.len == 4 ? 80 : 443))
		to = put_port(to, u.port);
	if (u.path.len > 0)
		memcpy(to, u.path.p, u.path.len);
	to += u.path.len;
	*to = '\0';
	*out = (struct str){ p, (size_t)(to - p) };
	return KODO_OK;
}

/* The names of this machine (RFC 6761). */
static bool
is_localhost(struct str h)
{
	static const char *const names[] = { "localhost", "localhost.localdomain", "ip6-localhost",
		"ip6-loopback" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (eq_fold(h, names[i]))
			return true;
	}
	return h.len > 10 && eq_fold((struct str){ h.p + h.len - 10, 10 }, ".localhost");
}

/* The host as an address; in the short, hexadecimal and octal forms too, as connect takes them. */
static bool
host_address(const char *host, struct in6_addr *out)
{
	struct in_addr v4;

	if (inet_pton(AF_INET6, host, out) == 1)
		return true;
	if (inet_aton(host, &v4) == 0)
		return false;
	*out = address_of_v4(v4);
	return true;
}

/* --- the canonical form --- */

/* One character of s at *pos, decoded; *pos goes past it. */
static char
decode_next(struct str s, size_t *pos, bool plus)
{
	char c = s.p[*pos];
	int hi, lo;

	*pos += 1;
	if (c == '+' && plus)
		return ' ';
	if (c != '%' || s.len - *pos < 2)
		return c;
	hi = ascii_hex_value(s.p[*pos]);
	lo = ascii_hex_value(s.p[*pos + 1]);
	if (hi < 0 || lo < 0)
		return c;
	*pos += 2;
	return (char)(hi << 4 | lo);
}

/* As the connection would take it: IPv4 in IPv6 too is IPv4. */
static char *
put_host(char *to, struct str host)
{
	char text[HOST_BYTES], shown[INET6_ADDRSTRLEN];
	struct in6_addr a;

	while (host.len > 1 && host.p[host.len - 1] == '.')
		host.len--;
	if (!host_copy(host, text) || !host_address(text, &a))
		return put_lower(to, host);
	(void)address_text(&a, shown);
	if (strchr(shown, ':') == NULL)
		return put_lower(to, str_of(shown));
	return put_lower(put_lower(put_lower(to, STR("[")), str_of(shown)), STR("]"));
}

/* c, encoded where it must be: what may stand in a path or query by RFC 3986 stays. */
static char *
put_encoded(char *to, unsigned char c, bool was_encoded)
{
	static const char hex[] = "0123456789ABCDEF";
	const bool is_plain = ascii_is_digit((char)c) || ascii_is_letter((char)c) ||
	    (c != '\0' && strchr("-._~", c) != NULL);
	const bool is_reserved = c != '\0' && strchr("!$&'()*+,;=:@/?[]", c) != NULL;

	if (is_plain || (is_reserved && !was_encoded)) {
		*to++ = (char)c;
		return to;
	}
	*to++ = '%';
	*to++ = hex[c >> 4];
	*to++ = hex[c & 15];
	return to;
}

static char *
put_text(char *to, struct str s)
{
	size_t pos = 0;

	while (pos < s.len) {
		const size_t before = pos;
		const unsigned char c = (unsigned char)decode_next(s, &pos, false);

		to = put_encoded(to, c, pos - before > 1);
	}
	return to;
}

/* Takes the segment that ends at `to` back to its slash, if it is a dot segment. */
static char *
dots_end(char *path, char *to)
{
	char *slash = to;

	while (slash > path && slash[-1] != '/')
		slash--;
	if (to - slash == 1 && slash[0] == '.')
		return slash;
	if (to - slash != 2 || memcmp(slash, "..", 2) != 0)
		return to;
	if (slash - path > 1)
		slash--;
	while (slash > path + 1 && slash[-1] != '/')
		slash--;
	return slash;
}

/* path: canonical but for its segments; without a slash at its end. Returns the new end. */
static char *
path_clean(char *path, const char *end)
{
	char *to = path;
	const char *from;

	for (from = path; from < end; from++) {
		if (*from == '/' && to > path) {
			to = dots_end(path, to);
			if (to[-1] == '/')
				continue;
		}
		*to++ = *from;
	}
	if (to > path)
		to = dots_end(path, to);
	while (to > path && to[-1] == '/')
		to--;
	return to;
}

size_t
url_canonical(struct str s, char to[URL_CANONICAL_BYTES])
{
	struct str path, query;
	struct url u;
	char *at, *start;

	if (url_parse(s, &u, NULL) != KODO_OK) {
		s.len = s.len < URL_CANONICAL_BYTES ? s.len : URL_CANONICAL_BYTES;
		memcpy(to, s.len == 0 ? "" : s.p, s.len);
		return s.len;
	}
	at = put_lower(put_lower(to, u.scheme), STR("://"));
	at = put_host(at, u.host);
	if (u.port != (u.scheme.len == 4 ? 80 : 443))
		at = put_port(at, u.port);
	query = u.path;
	path = str_cut(&query, '?');
	start = at;
	at = path_clean(start, put_text(start, path));
	if (path.len < u.path.len)
		at = put_text(at, str_skip(u.path, path.len));
	return (size_t)(at - to);
}

bool
url_is_below(struct str canonical, struct str prefix)
{
	const size_t n = prefix.len;

	return str_starts(canonical, prefix) &&
	    (canonical.len == n || canonical.p[n] == '/' || canonical.p[n] == '?');
}

bool
url_is_private(const struct url *u)
{
	char host[HOST_BYTES];
	struct in6_addr a;

	if (!host_copy(u->host, host))
		return false;
	return host_address(host, &a) ? !address_is_public(&a) : is_localhost(str_of(host));
}

bool
url_is_loopback(const struct url *u)
{
	char host[HOST_BYTES];
	struct in6_addr a;

	if (!host_copy(u->host, host))
		return false;
	return host_address(host, &a) ? address_is_loopback(&a) : is_localhost(str_of(host));
}

enum kodo_err
url_decode(struct arena *a, struct str s, bool plus, struct str *out)
{
	size_t pos = 0, n = 0;
	char *p;

	*out = STR_NULL;
	if (s.len == 0) {
		*out = STR("");
		return KODO_OK;
	}
	p = arena_alloc(a, s.len);
	if (p == NULL)
		return KODO_ENOMEM;
	while (pos < s.len)
		p[n++] = decode_next(s, &pos, plus);
	*out = (struct str){ p, n };
	return KODO_OK;
}

size_t
url_collapse(struct str raw, bool decode, char *to)
{
	size_t pos = 0, n = 0;

	to[n++] = '/';
	while (pos < raw.len) {
		char c = decode ? decode_next(raw, &pos, false) : raw.p[pos++];

		if (c != '/' || to[n - 1] != '/')
			to[n++] = c;
	}
	while (n > 1 && to[n - 1] == '/')
		n--;
	return n;
}

enum kodo_err
url_clean_path(struct arena *a, struct str raw, bool decode, struct str *out)
{
	char *p = arena_alloc(a, raw.len + 1);

	*out = p == NULL ? STR_NULL : (struct str){ p, url_collapse(raw, decode, p) };
	return p == NULL ? KODO_ENOMEM : KODO_OK;
}

void
url_put_link(struct buf *out, struct str url)
{
	size_t i;

	for (i = 0; i < url.len; i++)
		if (url.p[i] > ' ' && url.p[i] < 0x7f && strchr("<>\"\\^`{|}", url.p[i]) == NULL)
			buf_putc(out, url.p[i]);
		else
			buf_printf(out, "%%%02X", (unsigned char)url.p[i]);
}

bool
url_is_web(struct str s)
{
	return starts_fold(s, "http://") || starts_fold(s, "https://");
}
