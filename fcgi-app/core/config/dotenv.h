/*
 * `.env` files: KEY=value lines, as python-dotenv, Docker, systemd and shells take them.
 *
 *	# a comment
 *	export KODO_URL=http://localhost:3366	# `export` and what follows a blank and # go
 *	KODO_ORGANIZATION='in single quotes as it stands, and \' for a quote'
 *	KODO_CONNECT="in double quotes with \n \r \t \" \\ \$, and
 *	in any quotes over lines"
 *	KODO_CACHE_DATA=${NAME}/x.json		# of a line before; ${NAME:-value} where it is none
 *	kodo_feed: false			# keys in any case; a colon and a blank for =
 *
 * A later line of the same key wins. A line with a \ at its end goes on in the next one. Lines of
 * others that are no KEY=value are passed over; such ones of ours are wrong.
 */
#ifndef KODO_DOTENV_H
#define KODO_DOTENV_H

#include "core/base/arena.h"

#define ENV_FILE_BYTES	((size_t)1 << 20)	/* such a file is a page or two */

struct dotenv_entry {
	struct str key;		/* letters, digits and _ */
	struct str value;	/* of our keys valid UTF-8 */
	unsigned line;
};

struct dotenv {
	struct str text;	/* of the file */
	struct dotenv_entry *entries;
	size_t n;
	unsigned passed;	/* number of lines passed over, and the first of them: */
	unsigned passed_line;
};

/*
 * Read the file path, into a; our keys begin with ours, which is in lower case. A folder of that
 * name (of Python's venv) is no file.
 *
 * KODO_ENOTFOUND: no such file (why is not set); KODO_EINVAL with file:line in why; KODO_EIO,
 * KODO_ETOOBIG, KODO_ENOMEM.
 */
enum kodo_err dotenv_read(struct arena *a, const char *path, struct str ours, struct dotenv *out,
    struct why *why) MUST_CHECK;

#endif
