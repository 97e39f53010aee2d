/*
 * The key that /cron and /check want.
 */
#ifndef KODO_KEY_H
#define KODO_KEY_H

#include "http/router.h"

/*
 * Is the parameter key that of the state? If not, the answer is 403 and the log says that name was
 * asked with a wrong key. Errors as state_key.
 */
enum kodo_err admin_key_is_right(struct call *c, const char *name, bool *out) MUST_CHECK;

#endif
