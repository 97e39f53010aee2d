#include "core/base/url.h"
#include "core/config/option.h"
#include "http/origin.h"

/* The key of a url without its path, which an origin is. */
static enum kodo_err
key_of(struct arena *a, struct str url, struct str *out)
{
	struct url u;
	enum kodo_err err = url_parse(url, &u, NULL);

	if (err != KODO_OK)
		return err;
	return url_key(a, (struct str){ url.p, url.len - u.path.len }, out);
}

enum kodo_err
origin_is_foreign(struct arena *a, struct transport *t, const struct options *o, bool *out)
{
	const struct str origin = str_of(t->env(t, "HTTP_ORIGIN"));
	struct str own, theirs;
	enum kodo_err err;

	*out = str_eq(str_of(t->env(t, "HTTP_SEC_FETCH_SITE")), STR("cross-site"));
	if (*out || origin.len == 0)
		return KODO_OK;
	err = key_of(a, o->url_key, &own);
	if (err == KODO_OK)
		err = key_of(a, origin, &theirs);
	/* "null" is no url */
	*out = err == KODO_EINVAL || err == KODO_ETOOBIG ||
	    (err == KODO_OK && !str_eq(own, theirs));
	return *out ? KODO_OK : err;
}
