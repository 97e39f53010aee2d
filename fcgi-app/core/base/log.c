#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/limit.h"
#include "core/base/log.h"
#include "core/base/path.h"
#include "core/base/screen.h"

#define LINE_BYTES	((size_t)4096)	/* of a line, with its newline */
#define CHECK_PARTS	16	/* check the file after this fraction of max_bytes */
#define OPEN_TRIES	3	/* another process may make or rename it meanwhile */
#define FD_FIRST	3	/* below are the standard ones, even where they were closed */

static struct {
	char url[LIMIT_URL_BYTES + 1];
	char path[PATH_BYTES];
	enum log_level screen, file;
	uint64_t max_bytes;
	uint64_t new_bytes;	/* written by us since the last check */
	int64_t checked_s;	/* monotonic */
	int fd;
	bool reported;		/* that the file cannot be opened */
} lg = { .screen = LOG_WARNING, .file = LOG_OFF, .fd = -1 };

static const char *const names[] = {
	[LOG_DEBUG] = "DEBUG",
	[LOG_INFO] = "INFO",
	[LOG_WARNING] = "WARNING",
	[LOG_ERROR] = "ERROR",
	[LOG_CRITICAL] = "CRITICAL",
	[LOG_OFF] = "OFF",
};

enum kodo_err
log_level_parse(struct str s, enum log_level *out)
{
	static const struct {
		const char *name;
		enum log_level level;
	} also[] = {
		{ "warn", LOG_WARNING },
		{ "fatal", LOG_CRITICAL },
		{ "notset", LOG_DEBUG },
	};
	unsigned i;

	*out = LOG_INFO;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (s.len == strlen(names[i]) && strncasecmp(s.p, names[i], s.len) == 0) {
			*out = (enum log_level)i;
			return KODO_OK;
		}
	for (i = 0; i < sizeof(also) / sizeof(also[0]); i++)
		if (s.len == strlen(also[i].name) && strncasecmp(s.p, also[i].name, s.len) == 0) {
			*out = also[i].level;
			return KODO_OK;
		}
	return KODO_EINVAL;
}

const char *
log_level_name(enum log_level level)
{
	return (unsigned)level < sizeof(names) / sizeof(names[0]) ? names[level] : "OFF";
}

#define NOW_SECONDS	(sizeof("2026-11-24 08:16:34,") - 1)

/* "2026-11-24 08:16:34,656"; all but its end is the same for a second. */
static void
now_text(char out[32])
{
	static char text[32];
	static time_t text_s = -1;
	unsigned ms;
	struct timespec ts;
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (ts.tv_sec != text_s && gmtime_r(&ts.tv_sec, &tm) != NULL) {
		strftime(text, 24, "%Y-%m-%d %H:%M:%S,", &tm);
		text_s = ts.tv_sec;
	}
	ms = (unsigned)(ts.tv_nsec / 1000000);
	memcpy(out, text, NOW_SECONDS);
	out += NOW_SECONDS;
	out[0] = (char)('0' + ms / 100 % 10);
	out[1] = (char)('0' + ms / 10 % 10);
	out[2] = (char)('0' + ms % 10);
	out[3] = '\0';
}

/* Copy z into a line, as screen_put_char shows it; at most room bytes, cut between characters. */
static size_t
put_plain(char *to, size_t room, const char *z)
{
	char c[SCREEN_CHAR_BYTES];
	size_t n = 0, bytes, pos = 0;
	struct str rest;

	for (; n < room && *z >= 0x20 && *z < 0x7f; z++)	/* which most are to their end */
		to[n++] = *z;
	rest = str_of(z);
	while (pos < rest.len) {
		bytes = screen_put_char(rest, &pos, c);
		if (n + bytes > room)
			break;
		memcpy(to + n, c, bytes);
		n += bytes;
	}
	return n;
}

struct line {
	char p[LINE_BYTES];
	size_t n;
};

static void
line_put(struct line *l, const char *z)
{
	l->n += put_plain(l->p + l->n, sizeof(l->p) - 1 - l->n, z);
}

/*
 * One write, so that lines of several processes never mix; there is nowhere to report its failure.
 */
static void
write_line(int fd, const char *p, size_t n)
{
	ssize_t done;

	do
		done = write(fd, p, n);
	while (done < 0 && errno == EINTR);
	if (fd == lg.fd)
		lg.new_bytes += n;
}

static void
write_screen(enum log_level level, const char *now, const char *message)
{
	struct line l = { .n = 0 };
	char name[16];

	snprintf(name, sizeof(name), "%-8s ", log_level_name(level));
	line_put(&l, name);
	line_put(&l, now);
	line_put(&l, " ");
	line_put(&l, lg.url[0] == '\0' ? "kodo" : lg.url);
	line_put(&l, ": ");
	line_put(&l, message);
	l.p[l.n++] = '\n';
	write_line(STDERR_FILENO, l.p, l.n);
}

static mode_t
file_mode(void)
{
	char folder[PATH_BYTES];
	struct str f = path_folder(str_of(lg.path));
	struct stat st;

	snprintf(folder, sizeof(folder), "%.*s", STR_ARG(f));
	if (path_make_folder(folder) != KODO_OK || stat(folder, &st) != 0)
		return 0600;
	return path_file_mode(st.st_mode);
}

static int
open_file(void)
{
	const int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY;
	mode_t mode;
	int fd, high, tries;

	fd = open(lg.path, flags);
	for (tries = 0; fd < 0 && errno == ENOENT && tries < OPEN_TRIES; tries++) {
		mode = file_mode();
		fd = open(lg.path, flags | O_CREAT | O_EXCL, mode);
		if (fd >= 0)
			(void)fchmod(fd, mode);	/* failing, it is merely more private */
		else if (errno == EEXIST)
			fd = open(lg.path, flags);
	}
	if (fd < 0 || fd >= FD_FIRST)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, FD_FIRST);
	close(fd);
	return high;
}

static void
reopen(void)
{
	char now[32], message[PATH_BYTES + 128];
	int fd = open_file();

	if (lg.fd >= 0)
		close(lg.fd);
	lg.fd = fd;
	lg.new_bytes = 0;
	lg.checked_s = clock_mono_ms() / 1000;
	if (fd >= 0 || lg.reported)
		return;
	lg.reported = true;
	snprintf(message, sizeof(message),
	    "cannot write log file %s: %s; set log_file to a path that can be written", lg.path,
	    strerror(errno));
	now_text(now);
	write_screen(LOG_ERROR, now, message);
}

static bool
is_at_path(int fd, struct stat *st)
{
	struct stat at;

	return fstat(fd, st) == 0 && stat(lg.path, &at) == 0 && st->st_dev == at.st_dev &&
	    st->st_ino == at.st_ino;
}

/*
 * Rename the full file, unless another process was faster. The lock is on the file itself through a
 * descriptor of our own: an inherited one would share its lock with all relatives. The second
 * process finds another file at the path, and leaves it.
 */
static void
rotate(void)
{
	char old[PATH_BYTES + 2];
	struct stat st;
	int fd = open(lg.path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX) == 0 && is_at_path(fd, &st) &&
	    (uint64_t)st.st_size >= lg.max_bytes) {
		snprintf(old, sizeof(old), "%s.1", lg.path);
		(void)rename(lg.path, old);	/* failing, the file just grows on */
	}
	close(fd);
}

/* Reopen the file if it was renamed, rotate it if it is full. */
static void
check_file(void)
{
	struct stat st;
	int64_t now_s = clock_mono_ms() / 1000;

	if (now_s == lg.checked_s &&
	    (lg.max_bytes == 0 || lg.new_bytes < lg.max_bytes / CHECK_PARTS))
		return;
	lg.checked_s = now_s;
	lg.new_bytes = 0;
	if (lg.fd >= 0 && is_at_path(lg.fd, &st)) {
		/* a device or a pipe is never renamed */
		if (lg.max_bytes == 0 || !S_ISREG(st.st_mode) ||
		    (uint64_t)st.st_size < lg.max_bytes)
			return;
		rotate();
	}
	reopen();
}

static void
write_file(enum log_level level, const char *now, const char *message)
{
	struct line l = { .n = 0 };

	line_put(&l, now);
	line_put(&l, " ");
	line_put(&l, log_level_name(level));
	line_put(&l, " kodo: ");
	line_put(&l, lg.url);
	line_put(&l, " - ");
	line_put(&l, message);
	l.p[l.n++] = '\n';
	check_file();
	if (lg.fd >= 0)
		write_line(lg.fd, l.p, l.n);
}

void
log_setup(
    struct str url, enum log_level screen, struct str path, enum log_level file, uint64_t max_bytes)
{
	log_close();
	snprintf(lg.url, sizeof(lg.url), "%.*s", STR_ARG(url));
	snprintf(lg.path, sizeof(lg.path), "%.*s", STR_ARG(path));
	lg.screen = screen;
	lg.file = path.len == 0 ? LOG_OFF : file;
	lg.max_bytes = max_bytes;
	lg.reported = false;
	if (lg.file != LOG_OFF)
		reopen();
}

void
log_close(void)
{
	if (lg.fd >= 0)
		close(lg.fd);
	lg.fd = -1;
	lg.file = LOG_OFF;
}

void
log_at(enum log_level level, const char *fmt, ...)
{
	char now[32], message[LINE_BYTES];
	int saved = errno;
	va_list ap;

	if (level >= LOG_OFF || (level < lg.screen && level < lg.file))
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	now_text(now);
	if (level >= lg.screen)
		write_screen(level, now, message);
	if (level >= lg.file)
		write_file(level, now, message);
	errno = saved;
}

void
log_complain(struct why *last, const struct why *why, enum kodo_err err)
{
	const char *text = why->text[0] != '\0' ? why->text : kodo_err_text(err);

	if (strcmp(text, last->text) == 0)
		return;
	str_copy(last->text, sizeof(last->text), str_of(text));
	log_error("%s", text);
}
