/*
 * The key of /cron and /check.
 */
#ifndef KODO_ADMIN_KEY_H
#define KODO_ADMIN_KEY_H

#include "http/call.h"

/*
 * Is the parameter key that of the state? If not, the answer is 403, with a line in the log for the
 * path name. Errors as state_key.
 */
enum kodo_err admin_key_is_right(struct call *c, const char *name, bool *out) MUST_CHECK;

#endif
