#include "core/base/hash.h"
#include "core/base/limit.h"
#include "core/base/url.h"
#include "core/import/import_private.h"
#include "core/import/place.h"

/* Ends of paths that say how a source is read, not which it is; the longer one first. */
static const char *const ends[] = {
	"/v0.1/servers", "/v0/servers", "/v0.1", "/v0", "/.well-known/ard.json",
	"/.well-known/ai-catalog.json", "/.well-known/agent-card.json", "/.well-known/agent.json",
	"/openapi.json", "/flow", "/sumi",
};

enum kodo_err
place_of_source(struct arena *a, struct str url, struct str *slug)
{
	struct url u;
	struct str authority, path, query;
	const char *text;
	char *c;
	size_t i;

	*slug = STR_NULL;
	if (url_parse(url, &u, NULL) != KODO_OK)
		return import_slug(a, url, slug);
	query = u.path;
	path = str_cut(&query, '?');
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (str_ends(path, str_of(ends[i]))) {
			path.len -= strlen(ends[i]);
			break;
		}
	/* with its port, if one is written */
	authority = (struct str){ u.host.p,
		(u.path.len > 0 ? (size_t)(u.path.p - url.p) : url.len) -
		    (size_t)(u.host.p - url.p) };
	text = arena_printf(a, "%.*s%.*s", STR_ARG(authority), STR_ARG(path));
	c = text == NULL ? NULL : arena_strz(a, str_of(text));
	if (c == NULL)
		return KODO_ENOMEM;
	*slug = str_of(c);
	for (; *c != '\0'; c++)
		*c = *c == ':' ? '-' : *c == '/' ? '.' : *c;
	/* not its text: it may be long, and hold a key */
	if (query.len > 0)
		*slug = str_of(arena_printf(a, "%.*s-%08x", STR_ARG(*slug),
		    (unsigned)(hash_text(HASH_STORED, query) & 0xffffffffu)));
	return slug->p == NULL ? KODO_ENOMEM : import_slug(a, *slug, slug);
}

enum kodo_err
place_node(struct arena *a, struct str own_url, struct str slug, struct str space, struct str *out)
{
	*out = str_of(arena_printf(a, "%.*s" PLACE_PATH "%.*s/%.*s", STR_ARG(own_url),
	    STR_ARG(slug), STR_ARG(space)));
	if (out->p == NULL)
		return KODO_ENOMEM;
	return out->len > LIMIT_URL_BYTES ? KODO_ETOOBIG : KODO_OK;
}

bool
place_read(struct str url, struct place_parts *out)
{
	const size_t n = sizeof(PLACE_PATH) - 1;
	const char *at = url.len == 0 ? NULL : memmem(url.p, url.len, PLACE_PATH, n);
	struct str rest;

	*out = (struct place_parts){ STR_NULL, STR_NULL, STR_NULL };
	if (at == NULL)
		return false;
	out->before = (struct str){ url.p, (size_t)(at - url.p) };
	rest = str_skip(url, out->before.len + n);
	out->slug = str_cut(&rest, '/');
	out->space = rest;
	return import_is_slug(out->slug) && import_is_slug(out->space);
}
