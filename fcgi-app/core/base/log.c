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
#include "core/base/utf8.h"

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
	enum log_format format;
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

/* What is said when and where. */
struct saying {
	enum log_level level;
	struct log_place place;
	char now[32];		/* as now_text */
	const char *message;
};

static void
screen_line(struct line *out, const struct saying *s)
{
	char name[16];

	snprintf(name, sizeof(name), "%-8s ", log_level_name(s->level));
	line_put(out, name);
	line_put(out, s->now);
	line_put(out, " ");
	line_put(out, lg.url[0] == '\0' ? "kodo" : lg.url);
	line_put(out, ": ");
	line_put(out, s->message);
}

static void
file_line(struct line *out, const struct saying *s)
{
	line_put(out, s->now);
	line_put(out, " ");
	line_put(out, log_level_name(s->level));
	line_put(out, " kodo: ");
	line_put(out, lg.url);
	line_put(out, " - ");
	line_put(out, s->message);
}

/* A character within quotes; returns the bytes put. */
static size_t
json_char(struct str s, size_t *pos, char out[16])
{
	const size_t begin = *pos;
	const uint32_t cp = utf8_next(s, pos);

	if (cp == '"' || cp == '\\') {
		out[0] = '\\';
		out[1] = (char)cp;
		return 2;
	}
	/* U+FFFD of one byte: what stands there is not UTF-8 */
	if (!utf8_is_unseen(cp) && (*pos - begin > 1 || cp < 0x80)) {
		memcpy(out, s.p + begin, *pos - begin);
		return *pos - begin;
	}
	if (cp < 0x10000)
		return (size_t)snprintf(out, 16, "\\u%04x", (unsigned)cp);
	return (size_t)snprintf(out, 16, "\\u%04x\\u%04x",
	    (unsigned)(0xd800 + ((cp - 0x10000) >> 10)), (unsigned)(0xdc00 + (cp & 0x3ff)));
}

/* z within quotes, as much as leaves room for the end of the object. */
static void
json_put(struct line *out, const char *z)
{
	const size_t room = sizeof(out->p) - sizeof("\"}\n");
	const struct str s = str_of(z);
	size_t pos = 0, n;
	char c[16];

	while (pos < s.len) {
		n = json_char(s, &pos, c);
		if (out->n + n > room)
			return;
		memcpy(out->p + out->n, c, n);
		out->n += n;
	}
}

static void
json_line(struct line *out, const struct saying *s)
{
	const char *dot = strchr(s->place.file, '.');
	const int len = dot == NULL ? 0 : (int)(dot - s->place.file);

	/* "2026-11-24 08:16:34,656" */
	out->n = (size_t)snprintf(out->p, sizeof(out->p),
	    "{\"time\":\"%.10sT%.8s.%.3sZ\",\"level\":\"%s\",\"module\":\"%.*s\",\"line\":%d,"
	    "\"url\":\"", s->now, s->now + 11, s->now + 20, log_level_name(s->level), len,
	    s->place.file, s->place.line);
	json_put(out, lg.url);
	memcpy(out->p + out->n, "\",\"message\":\"", 13);
	out->n += 13;
	json_put(out, s->message);
	memcpy(out->p + out->n, "\"}", 2);
	out->n += 2;
}

/* The same for the screen (file false) or the file. */
static void
make_line(struct line *out, const struct saying *s, bool file)
{
	out->n = 0;
	if (lg.format == LOG_JSON)
		json_line(out, s);
	else if (file)
		file_line(out, s);
	else
		screen_line(out, s);
	out->p[out->n++] = '\n';
}

static void
write_screen(const struct saying *s)
{
	struct line l;

	make_line(&l, s, false);
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
	char message[PATH_BYTES + 128];
	struct saying s = { .level = LOG_ERROR, .place = LOG_HERE, .message = message };
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
	now_text(s.now);
	write_screen(&s);
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
write_file(const struct saying *s)
{
	struct line l;

	make_line(&l, s, true);
	check_file();
	if (lg.fd >= 0)
		write_line(lg.fd, l.p, l.n);
}

void
log_set_format(enum log_format format)
{
	lg.format = format;
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
log_from(struct log_place place, enum log_level level, const char *fmt, ...)
{
	char message[LINE_BYTES];
	struct saying s = { .level = level, .place = place, .message = message };
	int saved = errno;
	va_list ap;

	if (level >= LOG_OFF || (level < lg.screen && level < lg.file))
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	now_text(s.now);
	if (level >= lg.screen)
		write_screen(&s);
	if (level >= lg.file)
		write_file(&s);
	errno = saved;
}

void
log_complain_from(
    struct log_place place, struct why *last, const struct why *why, enum kodo_err err)
{
	const char *text = why->text[0] != '\0' ? why->text : kodo_err_text(err);

	if (strcmp(text, last->text) == 0)
		return;
	str_copy(last->text, sizeof(last->text), str_of(text));
	log_from(place, LOG_ERROR, "%s", text);
}
