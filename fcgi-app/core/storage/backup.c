#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/isotime.h"
#include "core/base/path.h"
#include "core/config/loader.h"
#include "core/storage/archive.h"
#include "core/storage/backup.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION	"unversioned"
#endif

#define COPY_BYTES	((size_t)1 << 16)

/* --- what is in it --- */

static enum kodo_err
put_manifest(const struct backup *b, struct archive *w)
{
	struct buf text = BUF_INIT(0);
	char taken[ISOTIME_BYTES];
	enum kodo_err err;

	isotime_format(w->time_s * 1000000, false, taken);
	buf_printf(&text, BACKUP_MAGIC "\nformat %u\nversion %s\nurl %.*s\ntaken %s\n",
	    store_format(b->store), PACKAGE_VERSION, STR_ARG(b->url), taken);
	err = buf_failed(&text) ? text.err : archive_put(w, BACKUP_MANIFEST, buf_str(&text));
	buf_free(&text);
	return err;
}

/* What is gone or cannot be read is left out: the options themselves are in the state. */
static enum kodo_err
put_loader(const struct backup *b, struct archive *w, struct arena *a)
{
	char name[ARCHIVE_NAME_MAX + 1];
	struct why why;
	struct str *files, text;
	size_t n, i;
	enum kodo_err err = KODO_OK;

	if (b->loader.len == 0 || loader_files(a, b->loader, &files, &n, &why) != KODO_OK)
		return KODO_OK;
	for (i = 0; err == KODO_OK && i < n; i++) {
		const struct str base = path_name(files[i]);

		if (base.len + sizeof(BACKUP_LOADER) > sizeof(name) ||
		    path_read(a, files[i].p, LOADER_BYTES, &text) != KODO_OK)
			continue;
		snprintf(name, sizeof(name), BACKUP_LOADER "%.*s", STR_ARG(base));
		err = archive_put(w, name, text);
	}
	return err;
}

static enum kodo_err
put_keys(const struct backup *b, struct archive *w)
{
	char line[STATE_SECRET_BYTES], text[STATE_SECRET_BYTES + 1];
	size_t i;
	enum kodo_err err = KODO_OK;

	for (i = 0; b->with_keys && err == KODO_OK && i < STATE_SECRETS; i++) {
		err = state_secret_read(b->state, state_secrets[i], line, sizeof(line));
		if (err != KODO_OK && err != KODO_ENOTFOUND)
			return why_set(w->why, err, "%s/%s: %s", b->state->path, state_secrets[i],
			    path_words(errno));
		/* an empty one holds nothing to be restored */
		err = KODO_OK;
		snprintf(text, sizeof(text), "%s\n", line);
		if (line[0] != '\0')
			err = archive_put(w, state_secrets[i], str_of(text));
	}
	return err;
}

static enum kodo_err
put_data(int fd, void *arg, struct why *why)
{
	const struct backup *b = arg;

	return store_copy(b->store, fd, why);
}

static enum kodo_err
put_all(const struct backup *b, int fd, struct why *why)
{
	struct archive w = { .fd = fd, .time_s = isotime_now_us() / 1000000, .sums = BUF_INIT(0),
		.why = why };
	struct arena *a = arena_new();
	struct backup copy = *b;
	enum kodo_err err =
	    a == NULL ? why_set(why, KODO_ENOMEM, "memory ran out") : put_manifest(b, &w);

	if (err == KODO_OK)
		err = put_loader(b, &w, a);
	if (err == KODO_OK)
		err = put_keys(b, &w);
	if (err == KODO_OK)
		err = archive_put_from(&w, BACKUP_DATA, put_data, &copy);
	if (err == KODO_OK)
		err = archive_put_end(&w);
	archive_free(&w);
	arena_free(a);
	return err;
}

/* --- where it goes --- */

static enum kodo_err
exists(const char *path, struct why *why)
{
	return why_set(why, KODO_EEXIST, "%s is there already", path);
}

/* The new file takes its name, which only with replace may be that of another. */
static int
put_name(const char *from, const char *path, bool replace)
{
	if (replace)
		return rename(from, path);
	if (link(from, path) == 0) {
		unlink(from);
		return 0;
	}
	/* file systems without links */
	return errno == EEXIST ? -1 : renameat2(AT_FDCWD, from, AT_FDCWD, path, RENAME_NOREPLACE);
}

static void
sync_folder_of(const char *path)
{
	char folder[PATH_BYTES];

	str_copy(folder, sizeof(folder),
	    strchr(path, '/') == NULL ? STR(".") : path_folder(str_of(path)));
	(void)path_sync_folder(folder);		/* some file systems cannot */
}

/* A new file beside the path, of mode 0600. -1 */
static int
open_beside(const struct backup *b, const char *path, char out[PATH_BYTES])
{
	if (snprintf(out, PATH_BYTES, b->is_alone ? "%s.part" : "%s.XXXXXX", path) >=
	    (int)PATH_BYTES) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (!b->is_alone)
		return mkostemp(out, O_CLOEXEC);
	(void)unlink(out);
	return open(out, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

enum kodo_err
backup_write(const struct backup *b, const char *path, bool replace, struct why *why)
{
	char temporary[PATH_BYTES];
	enum kodo_err err;
	int fd;

	if (!replace && access(path, F_OK) == 0)
		return exists(path, why);
	fd = open_beside(b, path, temporary);
	if (fd < 0)
		return why_set(why, path_errno(errno), "%s: %s", path, path_words(errno));
	err = put_all(b, fd, why);
	close(fd);
	if (err == KODO_OK && put_name(temporary, path, replace) != 0)
		err = errno == EEXIST ? exists(path, why) :
		    why_set(why, path_errno(errno), "%s: %s", path, path_words(errno));
	if (err != KODO_OK)
		unlink(temporary);
	else
		sync_folder_of(path);
	return err;
}

static enum kodo_err
copy_file(int from, int to, struct why *why)
{
	static char bytes[COPY_BYTES];
	off_t at = 0;
	ssize_t n = 0;
	enum kodo_err err = KODO_OK;

	while (err == KODO_OK && (n = pread(from, bytes, sizeof(bytes), at)) > 0) {
		err = path_write(to, (struct str){ bytes, (size_t)n });
		at += n;
	}
	if (err == KODO_OK && n < 0)
		return why_set(why, path_errno(errno), "it cannot be read back: %s",
		    path_words(errno));
	return err == KODO_OK ? err : why_set(why, err, "cannot write: %s", strerror(errno));
}

enum kodo_err
backup_send(const struct backup *b, int fd, struct why *why)
{
	char temporary[PATH_BYTES];
	enum kodo_err err = state_file(b->state, "backup.XXXXXX", temporary);
	int file;

	if (err != KODO_OK)
		return why_set(why, err, "the path of the state is too long");
	file = mkostemp(temporary, O_CLOEXEC);
	if (file < 0)
		return why_set(why, path_errno(errno), "%s: %s", temporary, path_words(errno));
	unlink(temporary);
	err = put_all(b, file, why);
	if (err == KODO_OK)
		err = copy_file(file, fd, why);
	close(file);
	return err;
}
