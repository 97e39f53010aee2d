#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/storage/state.h"

#define NAME_BYTES	64u	/* room for the longest name of a file in the folder */
#define KEY_DIGITS	(STATE_KEY_BYTES - 1)
#define KEY_FILE	"key"

const char *const state_secrets[STATE_SECRETS] = { KEY_FILE, "identity" };

const char *
state_network_fs(unsigned long f_type)
{
	static const struct {
		unsigned long type;
		const char *name;
	} fs[] = {
		{ NFS_SUPER_MAGIC, "NFS" },
		{ SMB_SUPER_MAGIC, "SMB" },
		{ SMB2_SUPER_MAGIC, "SMB2" },
		{ CIFS_SUPER_MAGIC, "CIFS" },
		{ V9FS_MAGIC, "9p" },
		{ FUSE_SUPER_MAGIC, "FUSE" },
		{ AFS_SUPER_MAGIC, "AFS" },
		{ AFS_FS_MAGIC, "AFS" },
		{ CEPH_SUPER_MAGIC, "Ceph" },
		{ CODA_SUPER_MAGIC, "Coda" },
		{ NCP_SUPER_MAGIC, "NCP" },
		{ OCFS2_SUPER_MAGIC, "OCFS2" },
		{ 0x01161970, "GFS2" },
		{ 0x0bd00bd0, "Lustre" },
		{ 0x47504653, "GPFS" },
		{ 0x19830326, "BeeGFS" },
		{ 0xaad7aaea, "PanFS" },
		{ 0x786f4256, "VirtualBox shared folder" },
		{ 0xbacbacbc, "VMware shared folder" },
	};
	unsigned i;

	for (i = 0; i < sizeof(fs) / sizeof(fs[0]); i++)
		if (fs[i].type == (f_type & 0xffffffffu))
			return fs[i].name;
	return NULL;
}

/*
 * Root in the folder of somebody else: what it made there the owner could not write, and links that
 * the owner planted would lead it to files of its own. So it makes nothing, and otherwise acts as
 * the owner. A folder for a group is made to be shared.
 */
static enum kodo_err
check_owner(const char *folder, const struct stat *st, bool create, struct why *why)
{
	const struct passwd *pw;

	if (geteuid() != 0 || st->st_uid == 0)
		return KODO_OK;
	if (!create) {
		(void)setfsgid(st->st_gid);
		(void)setfsuid(st->st_uid);
		return KODO_OK;
	}
	pw = getpwuid(st->st_uid);
	return why_set(why, KODO_ECONFLICT,
	    "%s belongs to %s (uid %lu), and this is root: start it as that user (runuser -u %s "
	    "-- ...), or give it to root", folder, pw == NULL ? "a user" : pw->pw_name,
	    (unsigned long)st->st_uid, pw == NULL ? "USER" : pw->pw_name);
}

#define LINKS_MAX	40u	/* as the kernel follows */

static enum kodo_err check_owner_links(
    const char *path, unsigned depth, bool create, struct why *why);

/* Where the link leads, and the rest of the path behind it. */
static enum kodo_err
check_owner_behind(
    const char *link, const char *rest, unsigned depth, bool create, struct why *why)
{
	char target[PATH_BYTES] = "", path[3 * PATH_BYTES];
	const struct str folder = path_folder(str_of(link));

	if (depth == LINKS_MAX || readlink(link, target, sizeof(target) - 1) <= 0)
		return why_set(why, KODO_EIO, "%s leads nowhere", link);
	snprintf(path, sizeof(path), "%.*s%s%s%s", target[0] == '/' ? 0 : (int)folder.len, folder.p,
	    target[0] == '/' ? "" : "/", target, rest);
	if (strlen(path) >= PATH_BYTES)
		return why_set(why, KODO_ETOOBIG, "the path behind %s is too long", link);
	return check_owner_links(path, depth + 1, create, why);
}

/* The links on the way count as what they are, whomever the folder behind them belongs to. */
static enum kodo_err
check_owner_links(const char *path, unsigned depth, bool create, struct why *why)
{
	char link[PATH_BYTES];
	struct stat st;
	size_t i;
	enum kodo_err err;

	for (i = 1; path[i - 1] != '\0'; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		snprintf(link, sizeof(link), "%.*s", (int)i, path);
		if (lstat(link, &st) != 0 || !S_ISLNK(st.st_mode))
			continue;
		err = check_owner(link, &st, create, why);
		return err != KODO_OK ? err
		    : check_owner_behind(link, path + i, depth, create, why);
	}
	return KODO_OK;
}

/* The folder itself, or what is there of the folders above it; one for a group may be shared. */
static enum kodo_err
check_owner_above(const char *path, bool create, struct why *why)
{
	enum kodo_err err = check_owner_links(path, 0, create, why);
	char folder[PATH_BYTES];
	struct stat st;
	bool is_there;

	if (err != KODO_OK)
		return err;
	snprintf(folder, sizeof(folder), "%s", path);
	while (!(is_there = stat(folder, &st) == 0) && errno == ENOENT && folder[1] != '\0')
		folder[path_folder(str_of(folder)).len] = '\0';
	if (!is_there || (st.st_mode & (S_ISGID | S_IWGRP)) == (S_ISGID | S_IWGRP))
		return KODO_OK;
	return check_owner(folder, &st, create, why);
}

enum kodo_err
state_may_make(const struct state *s, struct why *why)
{
	return check_owner_above(s->path, true, why);
}

static bool
holds_store(const struct state *s)
{
	char path[PATH_BYTES];

	return state_file(s, "data.mdb", path) == KODO_OK &&
	    faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0;
}

static enum kodo_err
check_folder(struct state *s, struct why *why)
{
	struct statfs fs;
	struct stat st;
	const char *net;

	if (stat(s->path, &st) != 0)
		return why_set(
		    why, KODO_EIO, "cannot examine state folder %s: %s", s->path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return why_set(why, KODO_EIO,
		    "state folder %s is not a folder: move it away, or set cache_data to "
		    "another path",
		    s->path);
	if (faccessat(AT_FDCWD, s->path, R_OK | W_OK | X_OK, AT_EACCESS) != 0) {
		why_set(why, KODO_EIO,
		    "state folder %s cannot be written by uid %u: %s; %s, or set cache_data to "
		    "another path", s->path, (unsigned)geteuid(), strerror(errno),
		    errno == EROFS ? "mount its disk for writing" : "change its owner");
		s->is_read_only = holds_store(s);
		if (!s->is_read_only)
			return KODO_EIO;
	}
	if (statfs(s->path, &fs) != 0)
		return why_set(why, KODO_EIO, "cannot examine the file system of %s: %s", s->path,
		    strerror(errno));
	net = state_network_fs((unsigned long)fs.f_type);
	if (net != NULL)
		return why_set(why, KODO_EIO,
		    "state folder %s is on a network file system (%s), where locks and shared "
		    "memory cannot be trusted: set cache_data to a path on a local disk",
		    s->path, net);
	s->file_mode = path_file_mode(st.st_mode);
	return KODO_OK;
}

enum kodo_err
state_open(struct state *s, struct str path, bool create, struct why *why)
{
	enum kodo_err err;
	struct stat st;

	*s = (struct state){ .file_mode = 0600 };
	while (path.len > 1 && path.p[path.len - 1] == '/')
		path.len--;
	if (path.len == 0 || path.p[0] != '/')
		return why_set(
		    why, KODO_EINVAL, "state folder %.*s is not an absolute path", STR_ARG(path));
	if (path.len + NAME_BYTES > sizeof(s->path))
		return why_set(why, KODO_ETOOBIG,
		    "path of the state folder is over %zu bytes: set cache_data to a "
		    "shorter one",
		    sizeof(s->path) - NAME_BYTES);
	memcpy(s->path, path.p, path.len);
	s->path[path.len] = '\0';
	if (!create && stat(s->path, &st) != 0 && errno == ENOENT)
		return why_set(why, KODO_ENOTFOUND, "there is no state folder %s", s->path);
	err = check_owner_above(s->path, create, why);
	if (err != KODO_OK)
		return err;
	if (create && path_make_folder(s->path) != KODO_OK)
		return why_set(why, path_errno(errno),
		    "cannot make state folder %s: %s; make it, or set cache_data to another path",
		    s->path, path_words(errno));
	return check_folder(s, why);
}

enum kodo_err
state_file(const struct state *s, const char *name, char out[PATH_BYTES])
{
	int n = snprintf(out, sizeof(s->path), "%s/%s", s->path, name);

	return n < 0 || (size_t)n >= sizeof(s->path) ? KODO_ETOOBIG : KODO_OK;
}

int
state_open_file(const struct state *s, const char *name, int flags)
{
	char path[sizeof(s->path)];
	int fd;

	if (state_file(s, name, path) != KODO_OK) {
		errno = ENAMETOOLONG;
		return -1;
	}
	flags |= O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
	fd = open(path, flags | O_CREAT | O_EXCL, s->file_mode);
	if (fd < 0)
		return errno == EEXIST ? open(path, flags) : -1;
	if (fchmod(fd, s->file_mode) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static enum kodo_err
open_to_read(const struct state *s, const char *name, int *fd)
{
	char path[sizeof(s->path)];
	enum kodo_err err = state_file(s, name, path);

	if (err != KODO_OK)
		return err;
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	return *fd >= 0 ? KODO_OK : errno == ENOENT ? KODO_ENOTFOUND : KODO_EIO;
}

/* The first line of the file, cut off at the size. */
static void
read_line(int fd, char *out, size_t size)
{
	ssize_t n = pread(fd, out, size - 1, 0);

	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

static enum kodo_err
write_note(int fd, const char *note)
{
	struct str text = str_of(note);

	if (ftruncate(fd, 0) == 0 && pwrite(fd, text.p, text.len, 0) == (ssize_t)text.len &&
	    pwrite(fd, "\n", 1, (off_t)text.len) == 1)
		return KODO_OK;
	/* the lock holds without it; it is for messages only */
	return path_errno(errno) == KODO_EFULL ? KODO_OK : KODO_EIO;
}

enum kodo_err
state_lock(const struct state *s, const char *name, const char *note, int *fd,
    char owner[STATE_OWNER_BYTES])
{
	const struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int lock, busy;

	*fd = -1;
	if (owner != NULL)
		owner[0] = '\0';
	lock = state_open_file(s, name, O_RDWR);
	if (lock < 0)
		return path_errno(errno);
	if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
		busy = errno == EWOULDBLOCK;
		if (busy && owner != NULL)
			read_line(lock, owner, STATE_OWNER_BYTES);
		close(lock);
		return busy ? KODO_EBUSY : KODO_EIO;
	}
	if (note != NULL && write_note(lock, note) != KODO_OK) {
		close(lock);
		return KODO_EIO;
	}
	/* flock tells no owner; this one beside it does: see state_lock_owner */
	(void)fcntl(lock, F_SETLK, &whole);
	*fd = lock;
	return KODO_OK;
}

enum kodo_err
state_lock_owner(const struct state *s, const char *name, char owner[STATE_OWNER_BYTES])
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd;
	enum kodo_err err = open_to_read(s, name, &fd);

	owner[0] = '\0';
	if (err != KODO_OK)
		return err;
	if (fcntl(fd, F_GETLK, &lock) != 0)
		err = KODO_EIO;
	else if (lock.l_type == F_UNLCK)
		err = KODO_ENOTFOUND;
	else
		read_line(fd, owner, STATE_OWNER_BYTES);
	close(fd);
	return err;
}

/*
 * Write one byte without SIGPIPE: the reader may have closed since the FIFO was opened, and the
 * program may not ignore the signal.
 */
static enum kodo_err
poke(int fd)
{
	const struct timespec none = { 0, 0 };
	sigset_t pipe_set, old, pending;
	bool was_pending;
	int failed;

	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE) == 1;
	sigprocmask(SIG_BLOCK, &pipe_set, &old);
	failed = write(fd, "w", 1) == 1 ? 0 : errno;
	if (failed == EPIPE && !was_pending)
		(void)sigtimedwait(&pipe_set, NULL, &none);
	sigprocmask(SIG_SETMASK, &old, NULL);
	if (failed == 0 || failed == EAGAIN)	/* a full pipe wakes as well */
		return KODO_OK;
	return failed == EPIPE ? KODO_ENOTFOUND : KODO_EIO;
}

/* Open the FIFO. KODO_ENOTFOUND: it has no reader. */
static enum kodo_err
wake_open_write(const struct state *s, int *out)
{
	char path[sizeof(s->path)];
	enum kodo_err err;
	struct stat st;
	int fd;

	err = state_file(s, "wake", path);
	if (err != KODO_OK)
		return err;
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENXIO || errno == ENOENT ? KODO_ENOTFOUND : KODO_EIO;
	if (fstat(fd, &st) != 0 || !S_ISFIFO(st.st_mode)) {
		close(fd);
		return KODO_EIO;
	}
	*out = fd;
	return KODO_OK;
}

enum kodo_err
state_wake(const struct state *s)
{
	int fd;
	enum kodo_err err = wake_open_write(s, &fd);

	if (err != KODO_OK)
		return err;
	err = poke(fd);
	close(fd);
	return err;
}

bool
state_has_runner(const struct state *s)
{
	int fd;

	if (wake_open_write(s, &fd) != KODO_OK)
		return false;
	close(fd);
	return true;
}

enum kodo_err
state_wake_open(const struct state *s, int *fd)
{
	char path[sizeof(s->path)];
	enum kodo_err err;
	struct stat st;
	bool made;
	int fifo;

	*fd = -1;
	err = state_file(s, "wake", path);
	if (err != KODO_OK)
		return err;
	made = mkfifo(path, s->file_mode) == 0;
	if (!made && errno != EEXIST)
		return path_errno(errno);
	fifo = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (fifo < 0)
		return KODO_EIO;
	if (fstat(fifo, &st) != 0 || !S_ISFIFO(st.st_mode) ||
	    (made && fchmod(fifo, s->file_mode) != 0)) {
		close(fifo);
		return KODO_EIO;
	}
	*fd = fifo;
	return KODO_OK;
}

void
state_wake_drain(int fd)
{
	char bytes[512];
	ssize_t n;

	do
		n = read(fd, bytes, sizeof(bytes));
	while (n > 0 || (n < 0 && errno == EINTR));
}

enum kodo_err
state_secret_read(const struct state *s, const char *name, char *out, size_t size)
{
	int fd;
	enum kodo_err err = open_to_read(s, name, &fd);

	out[0] = '\0';
	if (err == KODO_OK) {
		read_line(fd, out, size);
		close(fd);
	}
	return err;
}

enum kodo_err
state_secret_write(const struct state *s, const char *name, const char *line, bool replace)
{
	char path[sizeof(s->path)], temp[sizeof(s->path)], temp_name[64];
	enum kodo_err err = state_file(s, name, path);
	int fd;

	snprintf(temp_name, sizeof(temp_name), "%s.XXXXXX", name);
	if (err == KODO_OK)
		err = state_file(s, temp_name, temp);
	if (err != KODO_OK)
		return err;
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return path_errno(errno);
	/* the group reads it and does not write it */
	if (fchmod(fd, s->file_mode & (mode_t)~020) != 0 ||
	    dprintf(fd, "%s\n", line) != (int)strlen(line) + 1 || fsync(fd) != 0 ||
	    (replace ? rename(temp, path) != 0 : link(temp, path) != 0 && errno != EEXIST))
		err = KODO_EIO;
	close(fd);
	unlink(temp);
	return err;
}

struct state_secret_stamp
state_secret_stamp(const struct state *s, const char *name)
{
	struct state_secret_stamp stamp = { 0 };
	char path[sizeof(s->path)];
	struct stat st;

	if (state_file(s, name, path) != KODO_OK || stat(path, &st) != 0)
		return stamp;
	stamp.device = st.st_dev;
	stamp.inode = st.st_ino;
	stamp.size = st.st_size;
	stamp.changed_ns = st.st_ctim.tv_sec * 1000000000ll + st.st_ctim.tv_nsec;
	return stamp;
}

void
state_hex(char *out, const unsigned char *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

static bool
is_key(const char *text)
{
	return strlen(text) == KEY_DIGITS && strspn(text, "0123456789abcdef") == KEY_DIGITS;
}

static enum kodo_err
make_key(const struct state *s, bool replace)
{
	unsigned char random[KEY_DIGITS / 2];
	char text[KEY_DIGITS + 1];

	arc4random_buf(random, sizeof(random));
	state_hex(text, random, sizeof(random));
	return state_secret_write(s, KEY_FILE, text, replace);
}

enum kodo_err
state_key_rotate(const struct state *s, char out[STATE_KEY_BYTES])
{
	enum kodo_err err = make_key(s, true);

	memset(out, 0, STATE_KEY_BYTES);
	return err == KODO_OK ? state_key(s, out) : err;
}

enum kodo_err
state_key(const struct state *s, char out[STATE_KEY_BYTES])
{
	char text[KEY_DIGITS + 2];
	enum kodo_err err;

	memset(out, 0, STATE_KEY_BYTES);
	err = state_secret_read(s, KEY_FILE, text, sizeof(text));
	if (err == KODO_ENOTFOUND) {
		err = make_key(s, false);
		if (err == KODO_OK)
			err = state_secret_read(s, KEY_FILE, text, sizeof(text));
	}
	if (err == KODO_OK && !is_key(text))
		err = KODO_ECORRUPT;
	if (err == KODO_OK)
		memcpy(out, text, KEY_DIGITS);
	return err;
}

enum kodo_err
state_key_take(const struct state *s, struct str text)
{
	char line[KEY_DIGITS + 2];

	str_copy(line, sizeof(line), text);
	return is_key(line) ? state_secret_write(s, KEY_FILE, line, true) : KODO_ECORRUPT;
}

void
state_boot_id(char out[STATE_BOOT_BYTES])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	out[0] = '\0';
	if (fd < 0)
		return;
	read_line(fd, out, STATE_BOOT_BYTES);
	close(fd);
}

bool
state_boot_is_seen(struct str seen, const char *id)
{
	return id[0] == '\0' ||
	    (seen.len > 0 && memmem(seen.p, seen.len, id, strlen(id)) != NULL);
}

struct str
state_boot_note(struct str seen, const char *id, char out[STATE_BOOTS_BYTES])
{
	int n;

	if (state_boot_is_seen(seen, id))
		return seen;
	n = snprintf(out, STATE_BOOTS_BYTES, "%s %.*s", id, STR_ARG(seen));
	return (struct str){ out,
		n < (int)STATE_BOOTS_BYTES ? (size_t)n : STATE_BOOTS_BYTES - 1 };
}
