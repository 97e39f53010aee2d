/*
 * `.env` files: KEY=value lines.
 *
 *	# a comment
 *	export KODO_URL=http://localhost:3366	# `export` and what follows a blank and # go
 *	KODO_ORGANIZATION='in single quotes as it stands'
 *	KODO_CONNECT="in double quotes with \n \r \t \" \\ \$"
 *
 * A value ends with its line, nothing is expanded, a later line of the same key wins.
 */
#ifndef KODO_DOTENV_H
#define KODO_DOTENV_H

#include "core/base/arena.h"

#define ENV_FILE_BYTES	((size_t)1 << 20)	/* such a file is a page or two */

struct dotenv_entry {
	struct str key;
	struct str value;	/* valid UTF-8 */
	unsigned line;
};

/*
 * Read the file path. *entries live in a, in the file's order.
 *
 * KODO_ENOTFOUND: no such file (why is not set); KODO_EINVAL with file:line in why; KODO_EIO,
 * KODO_ETOOBIG, KODO_ENOMEM.
 */
enum kodo_err dotenv_read(struct arena *a, const char *path, struct dotenv_entry **entries,
    size_t *n, struct why *why) MUST_CHECK;

#endif
