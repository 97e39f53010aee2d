#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/path.h"
#include "core/base/renew.h"

#define MARK	"KODO_RENEWED"

bool
renew_may(unsigned format)
{
	const char *mark = getenv(MARK);

	return mark == NULL || strtoul(mark, NULL, 10) != format;
}

void
renew_mark(unsigned format, char out[RENEW_MARK_BYTES])
{
	snprintf(out, RENEW_MARK_BYTES, MARK "=%u", format);
}

void
renew_become(unsigned format, char *const argv[])
{
	static char mark[RENEW_MARK_BYTES];
	char program[PATH_BYTES];
	sigset_t none;

	if (!renew_may(format) || path_own_program(program) != KODO_OK)
		return;
	renew_mark(format, mark);
	(void)putenv(mark);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(program, argv);
}
