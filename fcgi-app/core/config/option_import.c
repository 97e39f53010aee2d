#include <stddef.h>

#include "core/base/ascii.h"
#include "core/base/url.h"
#include "core/base/utf8.h"
#include "core/config/option_import.h"
#include "core/config/option_private.h"

/* Numbers of a source, with their ceilings. */
static const struct number {
	const char *name;
	size_t at;
	unsigned preset, max;
} numbers[] = {
	{ "hours", offsetof(struct option_import, hours), 1, 8760 },
	{ "items", offsetof(struct option_import, items), 100000, 1000000 },
	{ "mib", offsetof(struct option_import, mib), 512, 65536 },
	{ "minutes", offsetof(struct option_import, minutes), 60, 1440 },
};
#define N_NUMBERS	(sizeof(numbers) / sizeof(numbers[0]))

#define WORDS	"hours, items, mib and minutes from 1 on, kind one of mcp, ard, a2a, openapi, " \
		"kodosumi or any"

const char *
import_kind_name(enum import_kind kind)
{
	static const char *const names[IMPORT_KINDS] = {
		[IMPORT_ANY] = "any", [IMPORT_MCP] = "mcp", [IMPORT_ARD] = "ard",
		[IMPORT_A2A] = "a2a", [IMPORT_OPENAPI] = "openapi", [IMPORT_KODOSUMI] = "kodosumi",
	};

	return names[kind];
}

static bool
read_number(struct str s, unsigned max, unsigned *out)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.p[i]) || n > max)
			return false;
		n = n * 10 + (uint64_t)(s.p[i] - '0');
	}
	*out = (unsigned)n;
	return n >= 1 && n <= max;
}

/* name=value. false: it is none. */
static bool
read_part(struct str part, struct option_import *out)
{
	const struct str name = str_cut(&part, '=');
	unsigned i;

	for (i = 0; i < N_NUMBERS; i++)
		if (str_eq(name, str_of(numbers[i].name)))
			return read_number(part, numbers[i].max,
			    (unsigned *)(void *)((char *)out + numbers[i].at));
	if (!str_eq(name, STR("kind")))
		return false;
	for (i = 0; i < IMPORT_KINDS; i++)
		if (str_eq(part, str_of(import_kind_name((enum import_kind)i)))) {
			out->kind = (enum import_kind)i;
			return true;
		}
	return false;
}

enum kodo_err
option_import_read(struct str text, struct option_import *out, const char **reason)
{
	struct str rest = text;
	const char *why = "not UTF-8";
	struct url u;
	size_t i;
	enum kodo_err err = KODO_OK;

	*out = (struct option_import){ .url = url_shown(str_cut(&rest, '#')) };
	for (i = 0; i < N_NUMBERS; i++)
		*(unsigned *)(void *)((char *)out + numbers[i].at) = numbers[i].preset;
	if (!utf8_valid(text) || url_parse(out->url, &u, &why) != KODO_OK)
		err = KODO_EINVAL;
	while (err == KODO_OK && rest.len > 0)
		if (!read_part(str_cut(&rest, '&'), out)) {
			why = "behind its # stand " WORDS;
			err = KODO_EINVAL;
		}
	if (reason != NULL)
		*reason = why;
	return err;
}

/* --- of a loader --- */

/* A mapping as the text that means the same. */
static enum kodo_err
map_text(const struct option_place *p, const struct loader_value *item, struct str *out)
{
	struct buf b = BUF_INIT(0);
	const struct loader_entry *e;
	struct str url = STR_NULL;
	char mark = '#';
	enum kodo_err err = KODO_OK;

	for (e = item->first; e != NULL && err == KODO_OK; e = e->next)
		if (e->value->kind == LOADER_TEXT && loader_same_name(e->key, STR("url")))
			url = e->value->text;
		else if (e->value->kind == LOADER_TEXT) {
			buf_printf(&b, "%c%.*s=%.*s", mark, STR_ARG(e->key),
			    STR_ARG(e->value->text));
			mark = '&';
		} else if (e->value->kind != LOADER_NULL)
			err = option_fail(p->in, e->value, "%s: expected a text or a number",
			    p->row->name);
	if (err == KODO_OK && url.p == NULL)
		err = option_fail(p->in, item, "%s: a source without url", p->row->name);
	if (err == KODO_OK && memchr(url.p, '#', url.len) != NULL)
		err = option_fail(p->in, item, "%s: a url with #", p->row->name);
	if (err == KODO_OK) {
		*out = str_of(arena_printf(p->in->a, "%.*s%.*s", STR_ARG(url),
		    STR_ARG(buf_str(&b))));
		if (buf_failed(&b) || out->p == NULL)
			err = option_no_memory(p->in);
	}
	buf_free(&b);
	return err;
}

enum kodo_err
option_to_import(const struct option_place *p, const struct loader_value *item, struct str *out)
{
	char shown[LOADER_SHOWN_BYTES];
	struct option_import read;
	const char *reason;
	enum kodo_err err = KODO_OK;

	if (item->kind == LOADER_MAP)
		err = map_text(p, item, out);
	else if (item->kind == LOADER_TEXT)
		*out = item->text;
	else
		err = option_fail(p->in, item, "%s: expected a url, or a mapping with url",
		    p->row->name);
	if (err == KODO_OK && option_import_read(*out, &read, &reason) != KODO_OK)
		err = option_fail(p->in, item, "%s: no source, %s: %s", p->row->name, reason,
		    loader_shown(*out, shown));
	return err;
}
