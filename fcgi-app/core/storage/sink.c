#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/limit.h"
#include "core/base/path.h"
#include "core/storage/sink.h"

/* An unlinked file in a folder; -1: errno tells. */
static int
open_unlinked(const char *folder)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	/* a file system without O_TMPFILE */
	if (fd == -1 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		char path[PATH_MAX];

		if (snprintf(path, sizeof(path), "%s/page.XXXXXX", folder) >= (int)sizeof(path))
			return -1;
		fd = mkostemp(path, O_CLOEXEC);
		if (fd != -1)
			unlink(path);
	}
	return fd;
}

/* In the state folder, or in /tmp where that can only be read; gone with its last descriptor. */
static enum kodo_err
spill_open(struct sink *s)
{
	s->fd = open_unlinked(s->state->path);
	if (s->fd == -1 && (errno == EROFS || errno == EACCES))
		s->fd = open_unlinked("/tmp");
	return s->fd != -1 ? KODO_OK : path_errno(errno);
}

/* MiB that are begun with so many bytes. */
static uint64_t
mib_of(uint64_t bytes)
{
	return (bytes + (1u << 20) - 1) >> 20;
}

static void
drop_file(struct sink *s)
{
	spool_end(&s->spool);
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
	s->len = 0;
}

static enum kodo_err
spill(struct sink *s)
{
	uint64_t mib;
	enum kodo_err err = KODO_OK;

	if (s->fd == -1)
		err = spool_begin(s->state, &s->limits, &s->spool);
	for (mib = mib_of(s->len); err == KODO_OK && mib < mib_of(s->len + s->buf.len); mib++)
		err = spool_grow(&s->limits, &s->spool);
	if (err == KODO_OK && s->fd == -1)
		err = spill_open(s);
	if (err == KODO_OK)
		err = path_write(s->fd, buf_str(&s->buf));
	if (err != KODO_OK) {
		if (s->len == 0)
			drop_file(s);
		return err;
	}
	s->len += s->buf.len;
	buf_reset(&s->buf);
	return KODO_OK;
}

enum kodo_err
sink_step(struct sink *s)
{
	const bool is_shared =
	    s->limits.max_mib > 0 && !s->limits.holds_process && !s->is_disk_full;
	enum kodo_err err;

	if (buf_failed(&s->buf))
		return s->buf.err;
	if (s->state == NULL ||
	    s->buf.len <= (is_shared ? LIMIT_SHARED_SPILL_BYTES : LIMIT_SPILL_BYTES))
		return KODO_OK;
	err = spill(s);
	/* then what memory has room for is still served */
	s->is_disk_full = err == KODO_EFULL && s->fd == -1 && s->buf.len <= LIMIT_SPILL_BYTES;
	return s->is_disk_full ? KODO_OK : err;
}

enum kodo_err
sink_end(struct sink *s)
{
	enum kodo_err err = sink_step(s);

	if (err != KODO_OK)
		return err;
	return s->fd != -1 && s->buf.len > 0 ? spill(s) : KODO_OK;
}

enum kodo_err
sink_open(struct sink *s)
{
	enum kodo_err err = spool_begin(s->state, &s->limits, &s->spool);

	return err == KODO_OK ? spill_open(s) : err;
}

void
sink_free(struct sink *s)
{
	buf_free(&s->buf);
	drop_file(s);
}
