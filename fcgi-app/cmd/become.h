/*
 * `kodo service` started by root becomes another user. Its files are made by that user, its port,
 * which may be below 1024, is opened by root.
 */
#ifndef KODO_BECOME_H
#define KODO_BECOME_H

#include <sys/types.h>

#include "core/base/arena.h"

struct become {
	bool is_root;		/* the process was started by root */
	uid_t uid;		/* 0: it stays what it is */
};

/*
 * From here on act as user, where one is named and this is root. KODO_EINVAL, KODO_EIO, KODO_ENOMEM
 * with why.
 */
enum kodo_err become_begin(
    struct arena *a, struct str user, struct become *out, struct why *why) MUST_CHECK;

/* Act as root again, for a moment: KODO_EIO with why. */
enum kodo_err become_root(const struct become *b, struct why *why) MUST_CHECK;

/* Be that user, for good. KODO_EIO with why. */
enum kodo_err become_end(const struct become *b, struct why *why) MUST_CHECK;

#endif
