#include "core/base/ascii.h"
#include "core/base/limit.h"
#include "core/base/url.h"
#include "core/base/utf8.h"
#include "http/request.h"

static const char *const methods[METHOD_MAX] = {
	[METHOD_GET] = "GET",
	[METHOD_HEAD] = "HEAD",
	[METHOD_POST] = "POST",
	[METHOD_PUT] = "PUT",
	[METHOD_PATCH] = "PATCH",
	[METHOD_DELETE] = "DELETE",
	[METHOD_OPTIONS] = "OPTIONS",
	[METHOD_OTHER] = "",
};

enum method
request_method(struct str text)
{
	unsigned i;

	for (i = 0; i < METHOD_OTHER; i++)
		if (str_eq(text, str_of(methods[i])))
			return (enum method)i;
	return METHOD_OTHER;
}

const char *
request_method_name(enum method m)
{
	return (unsigned)m < METHOD_MAX ? methods[m] : "";
}

enum kodo_err
request_next_param(struct arena *a, struct str *rest, struct str *name, struct str *value)
{
	struct str pair = STR_NULL;
	const char *end;
	enum kodo_err err;

	*name = *value = STR_NULL;
	while (pair.len == 0) {
		if (rest->len == 0)
			return KODO_ENOTFOUND;
		end = memchr(rest->p, '&', rest->len);
		pair = (struct str){ rest->p, end == NULL ? rest->len : (size_t)(end - rest->p) };
		rest->p += pair.len + (end != NULL);
		rest->len -= pair.len + (end != NULL);
	}
	end = memchr(pair.p, '=', pair.len);
	if (end == NULL)
		end = pair.p + pair.len;
	err = url_decode(a, (struct str){ pair.p, (size_t)(end - pair.p) }, true, name);
	if (err != KODO_OK)
		return err;
	if (end < pair.p + pair.len)
		end++;
	return url_decode(
	    a, (struct str){ end, (size_t)(pair.p + pair.len - end) }, true, value);
}

/* The q of an item of Accept in thousandths; what cannot be read is 1. */
static unsigned
quality_of(struct str item)
{
	const char *end = item.p + item.len, *p;
	unsigned q = 0, unit = 1000;

	p = memmem(item.p, item.len, "q=", 2);
	if (p == NULL || p + 2 == end || (p[2] != '0' && p[2] != '1'))
		return 1000;
	for (p += 2; p < end && unit > 0; p++) {
		if (*p == '.')
			continue;
		if (!ascii_is_digit(*p))
			break;
		q += (unsigned)(*p - '0') * unit;
		unit /= 10;
	}
	return q;
}

/* How much a type is wanted by its name, 0 to 1000; 0: it is not named, too. */
static unsigned
quality(struct str accept, struct str type)
{
	struct str rest = accept, item;
	const char *end, *p;
	unsigned q, best = 0;

	while (rest.len > 0) {
		end = memchr(rest.p, ',', rest.len);
		item = (struct str){ rest.p, end == NULL ? rest.len : (size_t)(end - rest.p) };
		rest = end == NULL ? STR_NULL :
		    (struct str){ end + 1, rest.len - item.len - 1 };
		p = item.len == 0 ? NULL : memmem(item.p, item.len, type.p, type.len);
		if (p == NULL)
			continue;
		p += type.len;
		q = quality_of((struct str){ p, (size_t)(item.p + item.len - p) });
		best = q > best ? q : best;
	}
	return best;
}

bool
request_accepts_html(struct str accept)
{
	const unsigned html = quality(accept, STR("text/html"));

	return html > 0 && html >= quality(accept, STR("application/json"));
}

bool
request_accepts_gzip(struct str accept)
{
	const bool is_named = accept.len > 0 && memmem(accept.p, accept.len, "gzip", 4) != NULL;
	const unsigned gzip = quality(accept, is_named ? STR("gzip") : STR("*"));

	return gzip > 0 && gzip >= quality(accept, STR("identity"));
}

/*
 * Does a tag from outside stand for own? What compresses on the way marks it behind: "a-gzip",
 * "a--gzip", "a;br". No tag of ours begins with another one and such a character.
 */
static bool
is_tag(struct str given, struct str own)
{
	if (!str_starts(given, own))
		return false;
	return given.len == own.len ||
	    (!ascii_is_digit(given.p[own.len]) && !ascii_is_letter(given.p[own.len]));
}

/* RFC 9110, 8.8.3.2: weak comparison, of the text between the quotes. */
bool
request_has_etag(struct str list, struct str tag)
{
	const char *from = tag.len == 0 ? NULL : memchr(tag.p, '"', tag.len);
	struct str own, given;
	size_t pos = 0, start;

	if (str_eq(utf8_trim(list), STR("*")))
		return true;
	if (from == NULL)
		return false;
	own = (struct str){ from + 1, tag.len - (size_t)(from + 1 - tag.p) - 1 };
	while (pos < list.len) {
		if (list.p[pos++] != '"')
			continue;
		start = pos;
		while (pos < list.len && list.p[pos] != '"')
			pos++;
		given = (struct str){ list.p + start, pos - start };
		if (pos < list.len && is_tag(given, own))
			return true;
		pos++;
	}
	return false;
}

/* Cut "http://host:port" off an absolute-form target (RFC 9112, 3.2.2). */
static struct str
origin_form(struct str uri)
{
	const char *end = uri.p + uri.len, *p;

	if (uri.len == 0 || uri.p[0] == '/')
		return uri;
	p = memmem(uri.p, uri.len, "://", 3);
	if (p == NULL || memchr(uri.p, '?', (size_t)(p - uri.p)) != NULL)
		return uri;
	for (p += 3; p < end && *p != '/' && *p != '?'; p++)
		;
	return (struct str){ p, (size_t)(end - p) };
}

/* The rest of s after base, if s is base or something below it. */
static bool
cut_base(struct str s, struct str base, struct str *rest)
{
	if (!str_starts(s, base) || (s.len > base.len && base.len > 0 && s.p[base.len] != '/'))
		return false;
	*rest = (struct str){ s.p + base.len, s.len - base.len };
	return true;
}

/* path and target from the raw path of REQUEST_URI; see request_parse. */
static enum kodo_err
place_path(struct arena *a, const struct request_env *env, struct str raw, struct str base,
    struct request *out)
{
	struct str path, rest, clean_base;
	enum kodo_err err;

	err = url_clean_path(a, raw, true, &path);
	if (err == KODO_OK)
		err = url_clean_path(a, base, true, &clean_base);
	if (err != KODO_OK)
		return err;
	if (clean_base.len == 1)
		clean_base.len = 0;
	out->target = raw;
	out->path = path;
	if (env->uri.p != NULL && cut_base(path, clean_base, &rest)) {
		out->path = rest.len == 0 ? STR("/") : rest;
		if (cut_base(raw, base, &rest))
			out->target = rest.len == 0 ? STR("/") : rest;
	} else if (env->path_info.len > 0 ||
	    (env->script_name.len > 0 && str_eq(path, env->script_name))) {
		/* decoded by the server: a % stands for itself */
		out->target = env->path_info.len == 0 ? STR("/") : env->path_info;
		return url_clean_path(a, env->path_info, false, &out->path);
	}
	return KODO_OK;
}

static bool
parse_length(struct str s, uint64_t *out)
{
	size_t i;

	*out = 0;
	if (s.len == 0 || s.len > 18)
		return false;
	for (i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.p[i]))
			return false;
		*out = *out * 10 + (uint64_t)(s.p[i] - '0');
	}
	return true;
}

enum kodo_err
request_parse(struct arena *a, const struct request_env *env, struct str base, struct request *out,
    const char **reason)
{
	struct str raw = env->uri.p != NULL ? origin_form(env->uri) : env->path_info;
	const char *mark = NULL;

	*reason = "";
	memset(out, 0, sizeof(*out));
	out->method = request_method(env->method);
	out->method_text = env->method;
	out->accept = env->accept;
	out->if_none_match = env->if_none_match;
	out->query = env->query.p == NULL ? STR("") : env->query;
	if (raw.p == NULL)
		raw = STR("/");
	if (env->uri.p != NULL && raw.len > 0)
		mark = memchr(raw.p, '?', raw.len);
	if (env->uri.p != NULL) {
		out->query = mark == NULL
		    ? STR("")
		    : (struct str){ mark + 1, raw.len - (size_t)(mark + 1 - raw.p) };
		raw.len = mark == NULL ? raw.len : (size_t)(mark - raw.p);
	}
	if (raw.len > LIMIT_URL_BYTES || out->query.len > LIMIT_QUERY_BYTES) {
		*reason = "Request-URI Too Long";
		return KODO_ETOOBIG;
	}
	if (!utf8_valid(raw) || !utf8_valid(out->query) || !utf8_valid(env->method) ||
	    !utf8_valid(env->path_info)) {
		*reason = "Request target is not UTF-8";
		return KODO_EINVAL;
	}
	out->has_length = env->content_length.len > 0;
	if (out->has_length && !parse_length(env->content_length, &out->length)) {
		*reason = "Content-Length is not a number";
		return KODO_EINVAL;
	}
	out->has_body = out->length > 0 || env->transfer_encoding.len > 0;
	return place_path(a, env, raw, base, out);
}

const char *
request_variable(char *const *all, const char *name)
{
	const size_t n = strlen(name);
	const char *found = NULL;

	for (; all != NULL && *all != NULL; all++) {
		if ((*all)[0] != name[0] || strncmp(*all, name, n) != 0 || (*all)[n] != '=')
			continue;
		if (strncmp(name, "HTTP_", 5) != 0)
			return *all + n + 1;
		if (found != NULL)
			return NULL;
		found = *all + n + 1;
	}
	return found;
}
