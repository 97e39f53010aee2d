#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/storage/archive.h"
#include "core/storage/restore.h"
#include "core/storage/store.h"

#define TEXT_MAX	((size_t)128 << 20)	/* of a loader, see LOADER_BYTES */
#define WAIT_TRIES	20
#define WAIT_US		100000u

enum { LOCK_SERVICE, LOCK_RUNNER, LOCK_DATA };

#define HOW_TO_END \
	"end it first: `kodo service` by Ctrl-C or systemctl stop; under a web server stop " \
	"that or its processes of kodo; a runner (kodo-reconnect) ends by SIGTERM, and cron " \
	"must not start another"

/* --- what is there --- */

/* The name of a process, for people. */
static void
read_comm(long pid, char out[32])
{
	char path[64];
	ssize_t n = -1;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, out, 31);
		close(fd);
	}
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

/*
 * The lock that each process holds that has LMDB's environment open, for ourselves: others wait for
 * it in mdb_env_open. Its file must be closed by nobody here before the end.
 */
static enum kodo_err
lock_data(struct restore *r, const struct state *s, struct why *why)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	char comm[32];
	int fd = state_open_file(s, "lock.mdb", O_RDWR), tries;

	if (fd < 0)
		return why_set(why, KODO_EIO, "%s/lock.mdb: %s", s->path, path_words(errno));
	r->locks[LOCK_DATA] = fd;
	for (tries = 0; fcntl(fd, F_SETLK, &lock) != 0; tries++) {
		if (tries < WAIT_TRIES) {
			usleep(WAIT_US);
			continue;
		}
		if (fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK)
			return why_set(why, KODO_EIO, "%s/lock.mdb cannot be locked", s->path);
		read_comm((long)lock.l_pid, comm);
		return why_set(why, KODO_EBUSY, "%s is in use by process %ld (%s); " HOW_TO_END,
		    s->path, (long)lock.l_pid, comm);
	}
	return KODO_OK;
}

static enum kodo_err
lock_all(struct restore *r, const struct state *s, struct why *why)
{
	static const struct {
		const char *name, *who;
	} rows[] = {
		[LOCK_SERVICE] = { "service.lock", "`kodo service`" },
		[LOCK_RUNNER] = { "runner.lock", "its runner, process" },
	};
	char owner[STATE_OWNER_BYTES];
	enum kodo_err err;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		err = state_lock(s, rows[i].name, NULL, &r->locks[i], owner);
		if (err == KODO_EBUSY)
			return why_set(why, err, "%s is in use by %s %s; " HOW_TO_END, s->path,
			    rows[i].who, owner);
		if (err != KODO_OK)
			return why_set(why, err, "%s/%s: %s", s->path, rows[i].name,
			    path_words(errno));
	}
	return lock_data(r, s, why);
}

/* It holds LMDB's files, or nothing at all: another folder is not moved away. */
static enum kodo_err
check_state(const struct state *s, struct why *why)
{
	DIR *d = opendir(s->path);
	const struct dirent *e;
	bool is_state = false, is_empty = true;

	if (d == NULL)
		return why_set(why, KODO_EIO, "%s: %s", s->path, path_words(errno));
	while ((e = readdir(d)) != NULL) {
		is_state |= strcmp(e->d_name, BACKUP_DATA) == 0 ||
		    strcmp(e->d_name, "lock.mdb") == 0;
		is_empty &= strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
	}
	closedir(d);
	return is_state || is_empty ? KODO_OK : why_set(why, KODO_ECONFLICT,
	    "%s is not the state of a service: it has other files, and no " BACKUP_DATA, s->path);
}

enum kodo_err
restore_begin(struct restore *r, struct str place, struct why *why)
{
	struct state s;
	enum kodo_err err;

	*r = (struct restore){ .locks = { -1, -1, -1 } };
	err = state_open(&s, place, false, why);
	str_copy(r->place, sizeof(r->place), str_of(s.path));
	if (err == KODO_ENOTFOUND)
		return state_may_make(&s, why);
	if (err == KODO_OK && s.is_read_only)
		return KODO_EIO;
	if (err == KODO_OK)
		err = check_state(&s, why);
	return err == KODO_OK ? lock_all(r, &s, why) : err;
}

static bool
has_former(const struct restore *r)
{
	return r->locks[LOCK_DATA] != -1;
}

/* --- unpacking --- */

/* A folder beside the place, of the mode and group of the one that is there. */
static enum kodo_err
make_folder(struct restore *r, struct why *why)
{
	char parent[PATH_BYTES];
	struct stat st;
	mode_t mode = 0700;
	enum kodo_err err = KODO_OK;
	int fd;

	str_copy(parent, sizeof(parent), path_folder(str_of(r->place)));
	if (path_make_folder(parent) != KODO_OK)
		return why_set(why, KODO_EIO, "%s: %s", parent, path_words(errno));
	if (stat(r->place, &st) == 0 || stat(parent, &st) == 0)
		mode = (st.st_mode & S_IWGRP) != 0 && (st.st_mode & S_ISGID) != 0 ? 02770 : 0700;
	if (snprintf(r->folder, sizeof(r->folder), "%s.restore.XXXXXX", r->place) >=
	    (int)sizeof(r->folder)) {
		r->folder[0] = '\0';
		return why_set(why, KODO_ETOOBIG, "the path of the state is too long");
	}
	if (mkdtemp(r->folder) == NULL) {
		r->folder[0] = '\0';
		return why_set(why, path_errno(errno), "%s: %s", parent, path_words(errno));
	}
	r->file_mode = path_file_mode(mode);
	fd = open(r->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || (mode != 0700 && fchown(fd, (uid_t)-1, st.st_gid) != 0) ||
	    fchmod(fd, mode) != 0)
		err = why_set(why, KODO_EIO, "%s: %s", r->folder, path_words(errno));
	if (fd >= 0)
		close(fd);
	return err;
}

/* The value of a line `name value`, or "". */
static void
read_line_of(struct str text, const char *name, char *out, size_t size)
{
	const size_t n = strlen(name);

	out[0] = '\0';
	while (text.len > 0) {
		struct str line = str_cut(&text, '\n');

		if (line.len <= n || line.p[n] != ' ' || memcmp(line.p, name, n) != 0)
			continue;
		str_copy(out, size, str_skip(line, n + 1));
		return;
	}
}

static enum kodo_err
read_manifest(struct restore *r, struct str text, struct why *why)
{
	struct str magic = str_cut(&text, '\n');
	char format[16];
	unsigned long n;

	read_line_of(text, "version", r->version, sizeof(r->version));
	read_line_of(text, "url", r->url, sizeof(r->url));
	read_line_of(text, "taken", r->taken, sizeof(r->taken));
	read_line_of(text, "format", format, sizeof(format));
	n = strtoul(format, NULL, 10);
	r->format = (uint32_t)n;
	if (str_eq(magic, STR(BACKUP_MAGIC)) && n > 0 && n <= store_format_own)
		return KODO_OK;
	if (str_starts(magic, STR("kodo backup ")))
		return why_set(why, KODO_EVERSION, "it was made by kodo %s, which is newer than "
		    "this program: install that version, and restore it there", r->version);
	return why_set(why, KODO_ECORRUPT, "it is no backup of kodo's");
}

static bool
is_secret(const char *name)
{
	size_t i;

	for (i = 0; i < STATE_SECRETS; i++)
		if (strcmp(name, state_secrets[i]) == 0)
			return true;
	return false;
}

static enum kodo_err
take_file(struct restore *r, struct archive *in, const struct archive_file *f, struct arena *a)
{
	char path[PATH_BYTES];
	struct str text;
	enum kodo_err err;

	if (strncmp(f->name, BACKUP_LOADER, sizeof(BACKUP_LOADER) - 1) == 0) {
		if (r->loader[0] == '\0')
			snprintf(r->loader, sizeof(r->loader), "%s", f->name);
		err = archive_take(in, f, a, TEXT_MAX, &text);
		arena_reset(a);
		return err;
	}
	if (strcmp(f->name, BACKUP_DATA) != 0 && !is_secret(f->name))
		return why_set(in->why, KODO_ECORRUPT, "it is damaged, or was made by another "
		    "program: it has a file %s", f->name);
	r->has_keys |= is_secret(f->name);
	if (snprintf(path, sizeof(path), "%s/%s", r->folder, f->name) >= (int)sizeof(path))
		return why_set(in->why, KODO_ETOOBIG, "the path of the state is too long");
	/* as in state.c: the group reads a secret, and does not write it */
	return archive_take_to(in, f, path,
	    is_secret(f->name) ? r->file_mode & (mode_t)~020 : r->file_mode);
}

static enum kodo_err
unpack(struct restore *r, struct archive *in, struct arena *a)
{
	struct archive_file f;
	struct str text;
	bool has_data = false;
	enum kodo_err err = archive_next(in, &f);

	if (err == KODO_OK && strcmp(f.name, BACKUP_MANIFEST) != 0)
		err = why_set(in->why, KODO_ECORRUPT, "it is no backup of kodo's");
	if (err == KODO_OK)
		err = archive_take(in, &f, a, 65536, &text);
	if (err == KODO_OK)
		err = read_manifest(r, text, in->why);
	while (err == KODO_OK) {
		err = archive_next(in, &f);
		if (err == KODO_OK && strcmp(f.name, ARCHIVE_SUMS) == 0)
			break;
		has_data |= strcmp(f.name, BACKUP_DATA) == 0;
		if (err == KODO_OK)
			err = take_file(r, in, &f, a);
	}
	if (err == KODO_OK)
		err = archive_take_end(in, &f);
	if (err == KODO_OK && !has_data)
		err = why_set(in->why, KODO_ECORRUPT, "it is damaged: there is no data in it");
	return err;
}

enum kodo_err
restore_unpack(struct restore *r, int fd, struct why *why)
{
	struct archive in = { .fd = fd, .sums = BUF_INIT(0), .why = why };
	struct arena *a = arena_new();
	enum kodo_err err =
	    a == NULL ? why_set(why, KODO_ENOMEM, "memory ran out") : make_folder(r, why);

	if (err == KODO_OK)
		err = unpack(r, &in, a);
	archive_free(&in);
	arena_free(a);
	return err;
}

/* --- the end --- */

/* Keys that are in use count: peers know them, and one may have been replaced since the backup. */
static enum kodo_err
keep_secret(struct restore *r, const char *name)
{
	struct state from, to;
	struct why why;
	char line[STATE_SECRET_BYTES];
	enum kodo_err err = state_open(&from, str_of(r->place), false, &why);

	if (err == KODO_OK)
		err = state_open(&to, str_of(r->folder), false, &why);
	if (err == KODO_OK)
		err = state_secret_read(&from, name, line, sizeof(line));
	if (err == KODO_OK && line[0] != '\0')
		err = state_secret_write(&to, name, line, true);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/* Where the former state shall lie. */
static enum kodo_err
name_aside(struct restore *r)
{
	const time_t now = time(NULL);
	struct tm tm;
	char when[32];
	unsigned n;

	gmtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	for (n = 0; n < 100; n++) {
		if (snprintf(r->aside, sizeof(r->aside), "%s.before-restore.%s.%u", r->place, when,
		    n) >= (int)sizeof(r->aside))
			return KODO_ETOOBIG;
		if (access(r->aside, F_OK) != 0)
			return KODO_OK;
	}
	return KODO_EEXIST;
}

/* For file systems and kernels that exchange nothing. A kill in between leaves the former aside. */
static int
swap_in_steps(struct restore *r)
{
	int failed;

	if (!has_former(r))
		return rename(r->folder, r->place);
	if (name_aside(r) != KODO_OK || rename(r->place, r->aside) != 0)
		return -1;
	if (rename(r->folder, r->place) == 0)
		return 0;
	failed = errno;
	if (rename(r->aside, r->place) == 0)
		r->aside[0] = '\0';
	errno = failed;
	return -1;
}

static enum kodo_err
swap(struct restore *r, struct why *why)
{
	const unsigned flags = has_former(r) ? RENAME_EXCHANGE : RENAME_NOREPLACE;
	int failed = renameat2(AT_FDCWD, r->folder, AT_FDCWD, r->place, flags);
	const bool is_exchanged = failed == 0 && has_former(r);

	if (failed != 0 && (errno == EINVAL || errno == ENOSYS))
		failed = swap_in_steps(r);
	if (failed != 0)
		return why_set(why, KODO_EIO, errno == EEXIST || errno == ENOTEMPTY ?
		    "%s was made meanwhile: end what made it%s%s%s" :
		    "cannot put the state to %s%s%s: %s", r->place,
		    r->aside[0] != '\0' ? "; what was there is in " : "", r->aside,
		    errno == EEXIST || errno == ENOTEMPTY ? "" : path_words(errno));
	if (is_exchanged && (name_aside(r) != KODO_OK || rename(r->folder, r->aside) != 0))
		memcpy(r->aside, r->folder, sizeof(r->aside));
	r->folder[0] = '\0';
	return KODO_OK;
}

enum kodo_err
restore_end(struct restore *r, struct why *why)
{
	char parent[PATH_BYTES];
	enum kodo_err err = KODO_OK;
	size_t i;

	for (i = 0; has_former(r) && err == KODO_OK && i < STATE_SECRETS; i++)
		err = keep_secret(r, state_secrets[i]);
	if (err == KODO_OK)
		err = path_sync_folder(r->folder);
	if (err != KODO_OK)
		return why_set(why, err, "cannot write %s: %s", r->folder, path_words(errno));
	err = swap(r, why);
	if (err != KODO_OK)
		return err;
	str_copy(parent, sizeof(parent), path_folder(str_of(r->place)));
	(void)path_sync_folder(parent);
	return KODO_OK;
}

static void
remove_folder(const char *path)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL)
		(void)unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
	else if (fd >= 0)
		close(fd);
	(void)rmdir(path);
}

void
restore_free(struct restore *r)
{
	size_t i;

	if (r->folder[0] != '\0')
		remove_folder(r->folder);
	r->folder[0] = '\0';
	for (i = 0; i < sizeof(r->locks) / sizeof(r->locks[0]); i++)
		if (r->locks[i] != -1)
			close(r->locks[i]);
}
