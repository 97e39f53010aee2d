#include <json-c/json.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/wire/jread.h"

#define NUMBER_BYTES 512u	/* jread_check lets none pass that is longer */

struct jread {
	struct json_tokener *tokener;
};

struct jread *
jread_new(void)
{
	struct jread *j = malloc(sizeof(*j));

	if (j == NULL)
		return NULL;
	j->tokener = json_tokener_new();
	if (j->tokener == NULL) {
		free(j);
		return NULL;
	}
	return j;
}

void
jread_free(struct jread *j)
{
	if (j == NULL)
		return;
	json_tokener_free(j->tokener);
	free(j);
}

enum jread_kind
jread_kind(struct str value)
{
	if (value.p == NULL)
		return JREAD_ABSENT;
	switch (value.p[0]) {
	case 'n':
		return JREAD_NULL;
	case 't':
	case 'f':
		return JREAD_BOOL;
	case '"':
		return JREAD_TEXT;
	case '[':
		return JREAD_LIST;
	case '{':
		return JREAD_OBJECT;
	default:
		return JREAD_NUMBER;
	}
}

/* The text is checked from here on: strings, lists and objects have their ends. */

static const char *
skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')
		p++;
	return p;
}

/* From the first quote to behind the last one. end: of the text, for reads of eight bytes. */
static const char *
skip_string(const char *p, const char *end)
{
	for (p++;; p++) {
		p += json_plain(p, (size_t)(end - p), false);
		if (*p == '"')
			return p + 1;
		if (*p == '\\')
			p++;
	}
}

static const char *
skip_container(const char *p, const char *end)
{
	unsigned depth = 0;

	do {
		switch (*p) {
		case '"':
			p = skip_string(p, end);
			continue;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			depth--;
			break;
		default:
			break;
		}
		p++;
	} while (depth > 0);
	return p;
}

/* A number or word inside a container, so that a blank, comma or bracket follows. */
static const char *
skip_scalar(const char *p)
{
	while (*p != ',' && *p != ']' && *p != '}' && (unsigned char)*p > ' ')
		p++;
	return p;
}

static const char *
skip_value(const char *p, const char *end)
{
	if (*p == '"')
		return skip_string(p, end);
	return *p == '{' || *p == '[' ? skip_container(p, end) : skip_scalar(p);
}

void
jread_begin(struct jread_walk *w, struct str container)
{
	w->at = container.p + 1;
	w->end = container.p + container.len;
	w->is_object = container.p[0] == '{';
}

bool
jread_next(struct jread_walk *w, struct str *key, struct str *value)
{
	const char *p = skip_blanks(w->at);

	*key = *value = STR_NULL;
	if (*p == ',')
		p = skip_blanks(p + 1);
	if (*p == ']' || *p == '}') {
		w->at = p;
		return false;
	}
	if (w->is_object) {
		key->p = p;
		p = skip_string(p, w->end);
		key->len = (size_t)(p - key->p);
		p = skip_blanks(skip_blanks(p) + 1);
	}
	value->p = p;
	w->at = skip_value(p, w->end);
	value->len = (size_t)(w->at - p);
	return true;
}

/* The value of n bytes of checked text; NULL: memory ran out. */
static struct json_object *
parse(struct jread *j, const char *p, size_t n)
{
	json_tokener_reset(j->tokener);
	return n > INT32_MAX ? NULL : json_tokener_parse_ex(j->tokener, p, (int)n);
}

static struct str
text_of(struct json_object *o)
{
	return (struct str){ json_object_get_string(o), (size_t)json_object_get_string_len(o) };
}

/* The index of the member name inside among names, n if it is none of them. */
static size_t
index_of(struct str inside, const char *const names[], size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (str_eq(inside, str_of(names[i])))
			break;
	}
	return i;
}

/* The same for a raw name with its quotes, which may have escapes. */
static enum kodo_err
index_of_raw(struct jread *j, struct str key, const char *const names[], size_t n, size_t *index)
{
	const struct str inside = { key.p + 1, key.len - 2 };
	struct json_object *o;

	*index = n;
	if (memchr(inside.p, '\\', inside.len) == NULL) {
		*index = index_of(inside, names, n);
		return KODO_OK;
	}
	o = parse(j, key.p, key.len);
	if (o == NULL)
		return KODO_ENOMEM;
	*index = index_of(text_of(o), names, n);
	json_object_put(o);
	return KODO_OK;
}

enum kodo_err
jread_fields(struct jread *j, struct str object, const char *const names[], size_t n,
    struct str values[])
{
	struct jread_walk w;
	struct str key, value;
	enum kodo_err err = KODO_OK;
	size_t i;

	for (i = 0; i < n; i++)
		values[i] = STR_NULL;
	jread_begin(&w, object);
	while (err == KODO_OK && jread_next(&w, &key, &value)) {
		err = index_of_raw(j, key, names, n, &i);
		if (i < n)
			values[i] = value;
	}
	return err;
}

enum kodo_err
jread_text(struct jread *j, struct arena *a, struct str value, struct str *out)
{
	const struct str inside = { value.p + 1, value.len - 2 };
	struct json_object *o;
	enum kodo_err err;

	*out = inside;
	if (memchr(inside.p, '\\', inside.len) == NULL)
		return KODO_OK;
	o = parse(j, value.p, value.len);
	if (o == NULL) {
		*out = STR_NULL;
		return KODO_ENOMEM;
	}
	err = arena_str(a, text_of(o), out);
	json_object_put(o);
	return err;
}

/* The tokener reads on behind a number, so it gets a terminated copy. */
static struct json_object *
parse_number(struct jread *j, struct str value)
{
	char text[NUMBER_BYTES];

	if (value.len >= sizeof(text))
		return NULL;
	memcpy(text, value.p, value.len);
	text[value.len] = '\0';
	return parse(j, text, value.len + 1);
}

enum kodo_err
jread_number(struct jread *j, struct str value, double *out)
{
	struct json_object *o = parse_number(j, value);

	*out = 0;
	if (o == NULL)
		return KODO_ENOMEM;
	*out = json_object_get_double(o);
	json_object_put(o);
	return KODO_OK;
}

enum kodo_err
jread_integer(struct jread *j, struct str value, uint64_t *out, bool *negative)
{
	struct json_object *o;
	size_t i;

	*out = 0;
	*negative = value.p[0] == '-';
	for (i = 0; i < value.len; i++) {
		if (value.p[i] == '.' || (value.p[i] | 0x20) == 'e')
			return KODO_EINVAL;
	}
	o = parse_number(j, value);
	if (o == NULL)
		return KODO_ENOMEM;
	if (!*negative)
		*out = json_object_get_uint64(o);
	json_object_put(o);
	return KODO_OK;
}
