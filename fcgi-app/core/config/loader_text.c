/* Names and messages. */
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
