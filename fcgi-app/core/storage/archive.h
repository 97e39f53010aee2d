/*
 * A tar archive (ustar, POSIX.1-1988), of files with their contents alone: what tar(1) shows and
 * unpacks. Its last file is ARCHIVE_SUMS, a line for each of the others as sha256sum(1) writes and
 * checks them, in their order. An archive that another program made is refused.
 */
#ifndef KODO_ARCHIVE_H
#define KODO_ARCHIVE_H

#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"

#define ARCHIVE_BLOCK	512u
#define ARCHIVE_NAME_MAX	99u
#define ARCHIVE_SUMS	"SHA256SUMS"

struct archive {
	int fd;			/* of a file when it is written; of anything when it is read */
	int64_t time_s;		/* of all files in it */
	uint64_t at;		/* bytes so far */
	struct buf sums;	/* contents of ARCHIVE_SUMS */
	struct why *why;
};

void archive_free(struct archive *w);

/*
 * Errors of all, with why: KODO_EFULL, KODO_EIO; KODO_ENOMEM, perhaps without; of reading
 * KODO_ECORRUPT: damaged, cut off, or of another program.
 */

/* Write a file of these contents. */
enum kodo_err archive_put(struct archive *w, const char *name, struct str contents) MUST_CHECK;
/* Write a file whose contents fill writes at the position of fd. Errors of fill as well. */
enum kodo_err archive_put_from(struct archive *w, const char *name,
    enum kodo_err (*fill)(int fd, void *arg, struct why *why), void *arg) MUST_CHECK;
/* Write the sums and the end, all of it to the disk. */
enum kodo_err archive_put_end(struct archive *w) MUST_CHECK;

struct archive_file {
	char name[ARCHIVE_NAME_MAX + 1];
	uint64_t size;
};

/* Read what is next. */
enum kodo_err archive_next(struct archive *r, struct archive_file *out) MUST_CHECK;
/* Read the contents of that file, of at most max bytes, into a; or to a file of the path, anew. */
enum kodo_err archive_take(struct archive *r, const struct archive_file *f, struct arena *a,
    size_t max, struct str *out) MUST_CHECK;
enum kodo_err archive_take_to(struct archive *r, const struct archive_file *f, const char *path,
    mode_t mode) MUST_CHECK;
/* f is ARCHIVE_SUMS: do the sums hold, and is it the end? */
enum kodo_err archive_take_end(struct archive *r, const struct archive_file *f) MUST_CHECK;

#endif
