#include "core/base/ascii.h"
#include "core/flow/packed_private.h"

/*
 * Undo one escape as json_put_str writes them; s starts at the backslash. Returns how many bytes
 * were read, 0: not such an escape.
 */
static size_t
unescape(struct str s, char *to)
{
	static const char from[] = "\"\\bfnrt", meaning[] = "\"\\\b\f\n\r\t";
	const char *at;

	if (s.len < 2)
		return 0;
	at = s.p[1] == '\0' ? NULL : strchr(from, s.p[1]);
	if (at != NULL) {
		*to = meaning[at - from];
		return 2;
	}
	if (s.len < 6 || memcmp(s.p, "\\u00", 4) != 0 || (s.p[4] != '0' && s.p[4] != '1')
	    || ascii_hex_value(s.p[5]) < 0)
		return 0;
	*to = (char)(ascii_hex_value(s.p[4]) << 4 | ascii_hex_value(s.p[5]));
	return 6;
}

enum kodo_err
packed_raw(struct arena *a, struct str json, struct str *out)
{
	struct str inside;
	size_t i, n;
	char *to;

	*out = STR_NULL;
	if (json.len < 2 || json.p[0] != '"' || json.p[json.len - 1] != '"')
		return str_eq(json, STR("null")) ? KODO_OK : KODO_ECORRUPT;
	inside = (struct str){ json.p + 1, json.len - 2 };
	if (memchr(inside.p, '\\', inside.len) == NULL) {
		*out = inside;
		return KODO_OK;
	}
	to = arena_alloc(a, inside.len + 1);
	if (to == NULL)
		return KODO_ENOMEM;
	*out = (struct str){ to, 0 };
	for (i = 0; i < inside.len; i += n) {
		n = 1;
		if (inside.p[i] != '\\')
			*to = inside.p[i];
		else
			n = unescape((struct str){ inside.p + i, inside.len - i }, to);
		if (n == 0) {
			*out = STR_NULL;
			return KODO_ECORRUPT;
		}
		to++;
	}
	out->len = (size_t)(to - out->p);
	return KODO_OK;
}

/* The JSON string at the start of s with its quotes; empty where there is none. */
static struct str
string_at(struct str s)
{
	size_t i;

	if (s.len == 0 || s.p[0] != '"')
		return (struct str){ s.p, 0 };
	for (i = 1; i < s.len && s.p[i] != '"'; i++)
		i += s.p[i] == '\\';
	return (struct str){ s.p, i < s.len ? i + 1 : 0 };
}

bool
packed_next_tag(struct str *rest, struct str *json)
{
	*json = STR_NULL;
	if (rest->len < 2 || (rest->p[0] != '[' && rest->p[0] != ','))
		return false;
	*json = string_at((struct str){ rest->p + 1, rest->len - 1 });
	if (json->len == 0)
		return false;
	rest->p += 1 + json->len;
	rest->len -= 1 + json->len;
	return true;
}

enum kodo_err
packed_tags(struct arena *a, struct str json, const struct str **tags, size_t *n)
{
	struct str rest = json, tag, *list;
	enum kodo_err err = KODO_OK;
	size_t count = 0;

	*tags = NULL;
	*n = 0;
	list = arena_alloc(a, (json.len / 3 + 1) * sizeof(*list));	/* `"",` */
	if (list == NULL)
		return KODO_ENOMEM;
	while (err == KODO_OK && packed_next_tag(&rest, &tag))
		err = packed_raw(a, tag, &list[count++]);
	if (err == KODO_OK && (count == 0 ? !str_eq(json, STR("[]")) : !str_eq(rest, STR("]"))))
		err = KODO_ECORRUPT;
	if (err != KODO_OK)
		return err;
	*tags = list;
	*n = count;
	return KODO_OK;
}
