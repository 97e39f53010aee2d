/* Names, escapes and messages. */
#include <stdio.h>

#include "core/base/ascii.h"
#include "core/config/loader.h"
#include "core/config/loader_private.h"

static char
name_fold(char c)
{
	return c == '-' ? '_' : ascii_lower(c);
}

bool
loader_same_name(struct str a, struct str b)
{
	size_t i;

	for (i = 0; i < a.len && i < b.len && name_fold(a.p[i]) == name_fold(b.p[i]); i++)
		;
	return i == a.len && i == b.len;
}

const char *
loader_shown(struct str s, char out[LOADER_SHOWN_BYTES])
{
	size_t n = 0, i;

	out[n++] = '"';
	for (i = 0; i < s.len && n < LOADER_SHOWN_BYTES - 5; i++) {
		unsigned char c = (unsigned char)s.p[i];

		out[n++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	memcpy(out + n, i < s.len ? "..\"" : "\"", i < s.len ? 4 : 2);
	return out;
}

/* The 16 bits of \uXXXX at the begin of s; 0: it is none. */
static unsigned
unit_of(struct str s)
{
	unsigned unit = 0, i;

	if (s.len < 6 || s.p[0] != '\\' || s.p[1] != 'u')
		return 0;
	for (i = 2; i < 6; i++) {
		int digit = ascii_hex_value(s.p[i]);

		if (digit < 0)
			return 0;
		unit = unit << 4 | (unsigned)digit;
	}
	return unit;
}

enum kodo_err
loader_join_surrogates(struct arena *a, struct str *yaml)
{
	char *to = arena_alloc(a, yaml->len + 1);
	struct str s = *yaml;
	size_t n = 0, taken;
	bool found = false;

	if (to == NULL)
		return KODO_ENOMEM;
	for (; s.len > 0; s = str_skip(s, taken)) {
		unsigned high = unit_of(s), low = high == 0 ? 0 : unit_of(str_skip(s, 6));

		if (high >> 10 == 0x36 && low >> 10 == 0x37) {
			n += (size_t)snprintf(to + n, 11, "\\U%08x",
			    0x10000 + ((high & 0x3ff) << 10 | (low & 0x3ff)));
			taken = 12;
			found = true;
			continue;
		}
		/* a backslash and what it stands before go together */
		taken = s.p[0] == '\\' && s.len > 1 ? 2 : 1;
		memcpy(to + n, s.p, taken);
		n += taken;
	}
	*yaml = (struct str){ to, n };
	return found ? KODO_OK : KODO_ENOTFOUND;
}

const char *
loader_remedy(const char *problem)
{
	static const struct {
		const char *begin, *text;
	} rows[] = {
		{ "found character that cannot start",
		    "; indent by blanks, and put quotes around a value that begins with @ or `" },
		{ "found a tab", "; indent by blanks" },
		{ "mapping values are not allowed",
		    "; put quotes around a value that holds a colon and a blank, or indent the "
		    "lines of one map alike" },
		{ "could not find expected ':'",
		    "; write `name: value`, with a blank after the colon" },
		{ "did not find expected", "; begin the lines of one list or map in one column, "
		    "and close what was opened" },
		{ "found unexpected end of stream",
		    "; close the quote, or write the file anew: it may be cut off" },
		{ "found unknown escape",
		    "; in double quotes a backslash is \\\\, in single quotes it is itself" },
		{ "found invalid Unicode", "; write the character itself, as UTF-8" },
		{ "invalid ", "; save it as UTF-8" },
		{ "control characters", "; take them out: it may be damaged, or no text" },
	};
	unsigned i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strncmp(problem, rows[i].begin, strlen(rows[i].begin)) == 0)
			return rows[i].text;
	return "";
}
