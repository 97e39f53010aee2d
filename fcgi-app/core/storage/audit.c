#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/storage/audit.h"

#define FD_FIRST	3	/* below are the standard ones, even where they were closed */
/* a FIFO without a reader is a failure, and nothing to wait for */
#define OPEN_FLAGS	(O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

enum kodo_err
audit_path(const struct state *s, struct str option, char out[PATH_BYTES])
{
	if (option.len == 0)
		return state_file(s, "audit.jsonl", out);
	if (option.len >= PATH_BYTES)
		return KODO_ETOOBIG;
	str_copy(out, PATH_BYTES, option);
	return KODO_OK;
}

/* --- the file --- */

void
audit_close(struct audit_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

static void
say_failure(struct audit_file *f, const char *path, const char *words)
{
	if (!f->has_failed)
		log_error("the audit %s cannot be written: %s; nothing is refused for it", path,
		    words);
	f->has_failed = true;
}

static int
file_open(const struct audit_place *at)
{
	int fd = open(at->path, OPEN_FLAGS | O_CREAT | O_EXCL, at->mode), high;

	if (fd >= 0)
		(void)fchmod(fd, at->mode);	/* failing, it is merely more private */
	else
		fd = open(at->path, OPEN_FLAGS | O_CREAT | (at->is_own ? O_NOFOLLOW : 0), at->mode);
	if (fd < 0 || fd >= FD_FIRST)
		return fd;
	high = fcntl(fd, F_DUPFD_CLOEXEC, FD_FIRST);
	close(fd);
	return high;
}

static bool
is_at_path(int fd, const char *path, struct stat *st)
{
	struct stat at;

	return fstat(fd, st) == 0 && stat(path, &at) == 0 && st->st_dev == at.st_dev &&
	    st->st_ino == at.st_ino;
}

static bool
is_full(const struct stat *st, const struct audit_place *at, size_t more)
{
	return S_ISREG(st->st_mode) && st->st_size > 0 &&
	    (uint64_t)st->st_size + more > at->max_bytes;
}

/* The file of that number, 0 for the present one. false: its name is too long. */
static bool
name_of(const struct audit_place *at, unsigned number, char out[PATH_BYTES])
{
	const int n = number == 0 ? snprintf(out, PATH_BYTES, "%s", at->path)
				  : snprintf(out, PATH_BYTES, "%s.%u", at->path, number);

	return n > 0 && n < (int)PATH_BYTES;
}

/* Each goes one up, and those over keep go; a gap does no harm. */
static void
files_shift(const struct audit_place *at)
{
	char from[PATH_BYTES], to[PATH_BYTES];
	unsigned i;

	for (i = at->keep + 1; name_of(at, i, to) && unlink(to) == 0; i++)
		;
	for (i = at->keep; i > 0; i--)
		if (name_of(at, i - 1, from) && name_of(at, i, to))
			(void)rename(from, to);	/* failing, the file just grows on */
}

/*
 * The lock is on the full file itself, through a descriptor of its own: who comes second finds
 * another file at the path, and leaves it. It is not waited for, as its holder may be stopped.
 */
static void
rotate(const struct audit_place *at, size_t more)
{
	struct stat st;
	int fd = open(at->path, OPEN_FLAGS);

	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && is_at_path(fd, at->path, &st) &&
	    is_full(&st, at, more))
		files_shift(at);
	close(fd);
}

/* See that the file at the path is open. false: it is not. */
static bool
file_find(struct audit_file *f, const struct audit_place *at, struct stat *st)
{
	if (f->fd >= 0 && is_at_path(f->fd, at->path, st))
		return true;
	audit_close(f);
	f->fd = file_open(at);
	return f->fd >= 0 && fstat(f->fd, st) == 0;
}

/* The same, and that it has room for so many bytes. */
static bool
file_ready(struct audit_file *f, const struct audit_place *at, size_t more)
{
	struct stat st;

	if (!file_find(f, at, &st))
		return false;
	if (!is_full(&st, at, more))
		return true;
	rotate(at, more);
	return file_find(f, at, &st);
}

static void
file_append(struct audit_file *f, const struct audit_place *at, struct str line)
{
	ssize_t done;

	if (!file_ready(f, at, line.len)) {
		say_failure(f, at->path, strerror(errno));
		return;
	}
	do
		done = write(f->fd, line.p, line.len);
	while (done < 0 && errno == EINTR);
	if (done == (ssize_t)line.len) {
		f->has_failed = false;
		return;
	}
	say_failure(f, at->path, done < 0 ? strerror(errno) : "the disk is full");
	/* the next line must not go on with half of this one */
	if (done > 0 && write(f->fd, "\n", 1) != 1)
		log_debug("the audit ends with half a line");
}

static bool
is_open(const int *fds, unsigned n, int fd)
{
	struct stat st, other;
	unsigned i;

	if (fstat(fd, &st) != 0)
		return true;
	for (i = 0; i < n; i++)
		if (fstat(fds[i], &other) == 0 && other.st_ino == st.st_ino &&
		    other.st_dev == st.st_dev)
			return true;
	return false;
}

void
audit_open_all(const char *path, int fds[AUDIT_KEEP_MAX + 1], unsigned *n)
{
	struct audit_place at = { .keep = AUDIT_KEEP_MAX };
	char name[PATH_BYTES];
	unsigned number, i;
	int fd;

	*n = 0;
	str_copy(at.path, sizeof(at.path), str_of(path));
	/* from the newest on: what is renamed meanwhile comes again, and is known then */
	for (number = 0; number <= AUDIT_KEEP_MAX && name_of(&at, number, name); number++) {
		fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd >= 0 && !is_open(fds, *n, fd))
			fds[(*n)++] = fd;
		else if (fd >= 0)
			close(fd);
	}
	for (i = 0; i < *n / 2; i++) {
		fd = fds[i];
		fds[i] = fds[*n - 1 - i];
		fds[*n - 1 - i] = fd;
	}
}

/* --- a line --- */

static void
put_text(struct buf *b, const char *name, struct str text)
{
	if (text.len == 0)
		return;
	buf_putc(b, ',');
	json_put_key(b, name);
	json_put_str(b, text);
}

static void
put_number(struct buf *b, const char *name, uint64_t v)
{
	if (v == 0)
		return;
	buf_putc(b, ',');
	json_put_key(b, name);
	json_put_u64(b, v);
}

static void
put_nodes(struct buf *b, const struct audit_line *l)
{
	const size_t n = l->n_nodes < AUDIT_NODES ? l->n_nodes : AUDIT_NODES;
	size_t i;

	if (n == 0)
		return;
	buf_puts(b, ",\"nodes\":[");
	for (i = 0; i < n; i++) {
		buf_puts(b, i > 0 ? ",{\"url\":" : "{\"url\":");
		json_put_str(b, l->nodes[i].url);
		put_number(b, "version", l->nodes[i].version);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
	put_number(b, "more", l->n_nodes - n);
}

static void
put_line(struct buf *b, const struct audit_line *l)
{
	buf_puts(b, "{\"time\":");
	json_put_time(b, l->at_us, false);
	put_text(b, "by", str_of(l->by));
	put_text(b, "url", l->url);
	put_text(b, "key", l->key);
	put_text(b, "known", str_of(l->known));
	put_text(b, "address", str_of(l->address));
	put_text(b, "method", l->method);
	put_text(b, "route", str_of(l->route));
	put_text(b, "subject", l->subject);
	put_nodes(b, l);
	put_number(b, "withdrawn", l->n_withdrawn);
	put_number(b, "view", l->view);
	put_number(b, "state", l->state);
	put_number(b, "status", l->status);
	put_text(b, "outcome", str_of(l->outcome));
	put_text(b, "reason", str_of(l->reason));
	buf_puts(b, "}\n");
}

void
audit_write(struct audit_file *f, const struct audit_place *at, const struct audit_line *line)
{
	struct buf b = BUF_INIT(0);

	put_line(&b, line);
	if (buf_failed(&b))
		say_failure(f, at->path, kodo_err_text(b.err));
	else
		file_append(f, at, buf_str(&b));
	buf_free(&b);
}
