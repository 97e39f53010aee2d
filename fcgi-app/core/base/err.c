#include <stdarg.h>
#include <stdio.h>

#include "core/base/err.h"

const char *
kodo_err_text(enum kodo_err e)
{
	static const char *const text[KODO_ERR_MAX] = {
		[KODO_OK] = "ok",
		[KODO_ENOMEM] = "out of memory",
		[KODO_EINVAL] = "not valid",
		[KODO_ENOTFOUND] = "not found",
		[KODO_EEXIST] = "exists already",
		[KODO_ETOOBIG] = "over a limit",
		[KODO_EFULL] = "map or disk full",
		[KODO_EBUSY] = "busy, try again later",
		[KODO_EIO] = "input/output error",
		[KODO_ECORRUPT] = "stored record damaged",
		[KODO_EVERSION] = "state of another format version",
		[KODO_ECONFLICT] = "in use by another program",
	};

	return (unsigned)e < KODO_ERR_MAX ? text[e] : "unknown error";
}

enum kodo_err
why_set(struct why *w, enum kodo_err e, const char *fmt, ...)
{
	va_list ap;

	if (w == NULL)
		return e;
	va_start(ap, fmt);
	vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
	return e;
}
