#include <stdarg.h>
#include <stdio.h>

#include "core/base/path.h"
#include "core/check/finding.h"

void
finding_say(void (*say)(void *arg, enum finding kind, const char *line), void *arg,
    enum finding kind, const char *fmt, ...)
{
	char line[3 * PATH_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	say(arg, kind, line);
}
