#include <stddef.h>

#include "core/base/ascii.h"
#include "core/base/url.h"
#include "core/base/utf8.h"
#include "core/config/option_import.h"

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
