#include <stdarg.h>
#include <stdio.h>

#include "core/base/err.h"

/* whoever collects faults */
static struct {
	void (*each)(void *arg, const char *line);
	void *arg;
	unsigned n;
} collector;

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
		[KODO_ELATER] = "taken, to be done later",
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

void
why_collect(void (*each)(void *arg, const char *line), void *arg)
{
	collector.each = each;
	collector.arg = arg;
	collector.n = 0;
}

enum kodo_err
why_take(struct why *w, enum kodo_err e)
{
	if (w == NULL || collector.each == NULL || e == KODO_OK || e == KODO_ENOMEM ||
	    e == KODO_EBUSY)
		return e;
	collector.each(collector.arg, w->text[0] != '\0' ? w->text : kodo_err_text(e));
	w->text[0] = '\0';
	collector.n++;
	return KODO_OK;
}

enum kodo_err
why_end(struct why *w, enum kodo_err e)
{
	e = why_take(w, e);
	if (e == KODO_OK && collector.n > 0)
		return why_set(w, KODO_EINVAL, "faults: %u", collector.n);
	return e;
}
