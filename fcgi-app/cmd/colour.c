#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/colour.h"

bool
colour_is_on(void)
{
	static enum { UNKNOWN, ON, OFF } is_on;
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (is_on == UNKNOWN)
		is_on = isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') && term != NULL &&
		    strcmp(term, "dumb") != 0 ? ON : OFF;
	return is_on == ON;
}

const char *
colour_begin(enum colour colour)
{
	static const char *const codes[COLOURS] = { "", "\033[32m", "\033[33m", "\033[31m",
		"\033[1m" };

	return colour_is_on() ? codes[colour] : "";
}

const char *
colour_end(enum colour colour)
{
	return colour != COLOUR_NONE && colour_is_on() ? "\033[0m" : "";
}
