#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/isotime.h"
#include "core/base/path.h"

#define FOLDER_MODE		((mode_t)0700)
#define FOLDER_GROUP_MODE	((mode_t)02770)

/* Append the parts of path to out, a slash before each, without empty ones and ".". */
static size_t
put_parts(char *out, size_t len, struct str path)
{
	size_t i = 0, from;

	while (i < path.len) {
		while (i < path.len && path.p[i] == '/')
			i++;
		from = i;
		while (i < path.len && path.p[i] != '/')
			i++;
		if (i == from || (i - from == 1 && path.p[from] == '.'))
			continue;
		out[len++] = '/';
		memcpy(out + len, path.p + from, i - from);
		len += i - from;
	}
	return len;
}

enum kodo_err
path_absolute(struct arena *a, struct str base, struct str path, struct str *out)
{
	char *to;
	size_t len = 0;

	*out = STR_NULL;
	if (path.len == 0 || memchr(path.p, '\0', path.len) != NULL)
		return KODO_EINVAL;
	if (path.len + base.len + 2 > PATH_BYTES)
		return KODO_ETOOBIG;
	to = arena_alloc(a, path.len + base.len + 3);
	if (to == NULL)
		return KODO_ENOMEM;
	if (path.p[0] != '/')
		len = put_parts(to, len, base);
	len = put_parts(to, len, path);
	if (len == 0)
		to[len++] = '/';
	to[len] = '\0';
	*out = (struct str){ to, len };
	return KODO_OK;
}

struct str
path_folder(struct str path)
{
	size_t len = path.len;

	while (len > 0 && path.p[len - 1] != '/')
		len--;
	return (struct str){ path.p, len > 1 ? len - 1 : len };
}

struct str
path_name(struct str path)
{
	size_t from = path.len;

	while (from > 0 && path.p[from - 1] != '/')
		from--;
	return (struct str){ path.p + from, path.len - from };
}

/* *parent: the mode of the folder above; then of this one. */
static enum kodo_err
make_one(const char *path, mode_t *parent)
{
	const mode_t group = S_ISGID | S_IWGRP;
	mode_t mode = (*parent & group) == group ? FOLDER_GROUP_MODE : FOLDER_MODE;
	struct stat st;

	if (stat(path, &st) != 0) {
		if (errno != ENOENT)
			return KODO_EIO;
		/* chmod because of the umask; a folder of another process has its mode */
		if (mkdir(path, FOLDER_MODE) == 0 ? chmod(path, mode) != 0 : errno != EEXIST)
			return KODO_EIO;
		if (stat(path, &st) != 0)
			return KODO_EIO;
	}
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return KODO_EIO;
	}
	*parent = st.st_mode;
	return KODO_OK;
}

enum kodo_err
path_make_folder(const char *path)
{
	char part[PATH_BYTES];
	size_t i, len = strlen(path);
	mode_t parent = 0;
	enum kodo_err err = KODO_OK;

	if (len >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return KODO_EIO;
	}
	memcpy(part, path, len + 1);
	for (i = 1; i <= len && err == KODO_OK; i++) {
		if (part[i] != '/' && part[i] != '\0')
			continue;
		part[i] = '\0';
		err = make_one(part, &parent);
		part[i] = path[i];
	}
	return err;
}

/* Read to the end of the file, whose size may have changed, at most room bytes. -1: errno tells. */
static ssize_t
read_all(int fd, char *to, size_t room)
{
	size_t len = 0;

	while (len < room) {
		ssize_t n = read(fd, to + len, room - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* cut: take the first max_bytes of a longer file. */
static enum kodo_err
read_file(struct arena *a, const char *path, size_t max_bytes, bool cut, struct str *out)
{
	enum kodo_err err = KODO_OK;
	size_t room = 0;
	struct stat st;
	char *p = NULL;
	ssize_t n;
	int fd;

	*out = STR("");
	/* non-blocking, so that a FIFO of that name does not stop us */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? KODO_ENOTFOUND : KODO_EIO;
	if (fstat(fd, &st) != 0) {
		err = KODO_EIO;
	} else if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		err = KODO_EIO;
	} else if (!cut && (uint64_t)st.st_size > max_bytes) {
		err = KODO_ETOOBIG;
	} else {
		room = (uint64_t)st.st_size > max_bytes ? max_bytes : (size_t)st.st_size;
		p = arena_alloc(a, room + 1);
		err = p == NULL ? KODO_ENOMEM : KODO_OK;
	}
	if (err == KODO_OK) {
		n = read_all(fd, p, room);
		if (n < 0)
			err = KODO_EIO;
		else
			*out = (struct str){ p, (size_t)n };
	}
	close(fd);
	return err;
}

enum kodo_err
path_read(struct arena *a, const char *path, size_t max_bytes, struct str *out)
{
	return read_file(a, path, max_bytes, false, out);
}

enum kodo_err
path_read_head(struct arena *a, const char *path, size_t max_bytes, struct str *out)
{
	return read_file(a, path, max_bytes, true, out);
}

bool
path_is_utf16(struct str text)
{
	return str_starts(text, STR("\xff\xfe")) || str_starts(text, STR("\xfe\xff"));
}

/* May we have a lease for reading, which needs that nobody writes? 0, or an errno. */
static int
try_lease(int fd)
{
	/* a writer that comes meanwhile breaks the lease; SIGIO, the default, would end us */
	if (fcntl(fd, F_SETSIG, SIGURG) != 0 || fcntl(fd, F_SETLEASE, F_RDLCK) != 0)
		return errno;
	(void)fcntl(fd, F_SETLEASE, F_UNLCK);
	return 0;
}

bool
path_is_being_written(const char *path, size_t size)
{
	const int64_t now_s = isotime_now_us() / 1000000;
	bool is_written = false;
	int64_t quiet_s;
	struct stat st;
	int fd, refused;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		quiet_s = now_s - st.st_mtime;
		refused = try_lease(fd);
		is_written = (uint64_t)st.st_size != size ||
		    (refused != 0 && quiet_s >= 0 && quiet_s < (refused == EAGAIN ? 10 : 2));
	}
	close(fd);
	return is_written;
}

enum kodo_err
path_errno(int failed)
{
	if (failed == ENOMEM)
		return KODO_ENOMEM;
	return failed == ENOSPC || failed == EDQUOT || failed == EFBIG ? KODO_EFULL : KODO_EIO;
}

const char *
path_words(int failed)
{
	static const struct {
		int failed;
		const char *remedy;
	} rows[] = {
		{ ENOSPC, "the disk is full: free some space there (or inodes, see df -i)" },
		{ EDQUOT, "the quota of the disk is used up: free some space, or raise it" },
		{ EFBIG, "the limit of file sizes is reached: raise it (ulimit -f)" },
		{ ENOMEM, "memory or address space ran out: raise the limit (ulimit -v)" },
		{ EMFILE, "too many files are open: raise the limit (ulimit -n)" },
		{ ENFILE, "the system has too many open files: raise fs.file-max" },
		{ EACCES, "see who owns the folder and its files" },
		{ EROFS, "the disk is mounted read-only: see the system's log" },
		{ EIO, "see the system's log, and whether the disk fails" },
	};
	static char words[256];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].failed == failed) {
			snprintf(words, sizeof(words), "%s; %s", strerror(failed), rows[i].remedy);
			return words;
		}
	return strerror(failed);
}

enum kodo_err
path_write(int fd, struct str s)
{
	while (s.len > 0) {
		ssize_t n = write(fd, s.p, s.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return path_errno(errno);
		s.p += n;
		s.len -= (size_t)n;
	}
	return KODO_OK;
}

enum kodo_err
path_replace(const char *path, mode_t mode, enum kodo_err (*fill)(int fd, void *arg), void *arg)
{
	char temporary[PATH_BYTES + sizeof(".XXXXXX")];
	int fd, saved;
	enum kodo_err err;

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
		return KODO_ETOOBIG;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return path_errno(errno);
	err = fchmod(fd, mode) == 0 ? fill(fd, arg) : KODO_EIO;
	if (close(fd) != 0 && err == KODO_OK)
		err = path_errno(errno);
	if (err == KODO_OK && rename(temporary, path) != 0)
		err = path_errno(errno);
	if (err != KODO_OK) {
		saved = errno;
		unlink(temporary);
		errno = saved;
	}
	return err;
}

static enum kodo_err
fill_text(int fd, void *text)
{
	return path_write(fd, *(const struct str *)text);
}

enum kodo_err
path_replace_text(const char *path, mode_t mode, struct str text)
{
	return path_replace(path, mode, fill_text, &text);
}

/* .../lib/ld.so; the ld.so of a system has no launcher beside it. */
static bool
is_own_loader(struct str exe)
{
	return str_eq(path_name(exe), STR("ld.so")) &&
	    str_eq(path_name(path_folder(exe)), STR("lib"));
}

enum kodo_err
path_own_program(char out[PATH_BYTES])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_BYTES - 1);
	struct str folder, name = str_of(program_invocation_short_name);

	out[n > 0 ? n : 0] = '\0';
	if (n <= 0)
		return KODO_EIO;
	/* the file was replaced: by a newer program, as a rule */
	if (str_ends(str_of(out), STR(" (deleted)")) && access(out, F_OK) != 0)
		out[n - (ssize_t)strlen(" (deleted)")] = '\0';
	if (!is_own_loader(str_of(out)))
		return KODO_OK;
	folder = path_folder(path_folder(str_of(out)));
	if (folder.len + 1 + name.len >= PATH_BYTES) {
		out[0] = '\0';
		return KODO_ETOOBIG;
	}
	out[folder.len] = '/';
	memcpy(out + folder.len + 1, name.p, name.len + 1);
	return KODO_OK;
}

mode_t
path_file_mode(mode_t folder)
{
	return (folder & S_IWGRP) != 0 ? 0660 : 0600;
}

enum kodo_err
path_sync_folder(const char *path)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum kodo_err err = fd >= 0 && fsync(fd) == 0 ? KODO_OK : KODO_EIO;

	if (fd >= 0)
		close(fd);
	return err;
}
