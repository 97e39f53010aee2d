#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/limit.h"
#include "core/base/path.h"
#include "core/storage/sink.h"

/* An unlinked file in the state folder: gone with its last descriptor, whatever happens to us. */
static enum kodo_err
spill_open(struct sink *s)
{
	s->fd = open(s->state->path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	/* a file system without O_TMPFILE */
	if (s->fd == -1 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		char path[PATH_MAX];

		if (snprintf(path, sizeof(path), "%s/page.XXXXXX", s->state->path) >=
		    (int)sizeof(path))
			return KODO_EIO;
		s->fd = mkostemp(path, O_CLOEXEC);
		if (s->fd != -1)
			unlink(path);
	}
	return s->fd != -1 ? KODO_OK : errno == ENOSPC ? KODO_EFULL : KODO_EIO;
}

static enum kodo_err
spill(struct sink *s)
{
	enum kodo_err err = KODO_OK;

	if (s->fd == -1)
		err = spill_open(s);
	if (err == KODO_OK)
		err = path_write(s->fd, buf_str(&s->buf));
	if (err != KODO_OK)
		return err;
	s->len += s->buf.len;
	buf_reset(&s->buf);
	return KODO_OK;
}

enum kodo_err
sink_step(struct sink *s)
{
	if (buf_failed(&s->buf))
		return s->buf.err;
	return s->state != NULL && s->buf.len > LIMIT_SPILL_BYTES ? spill(s) : KODO_OK;
}

enum kodo_err
sink_end(struct sink *s)
{
	if (buf_failed(&s->buf))
		return s->buf.err;
	return s->fd != -1 && s->buf.len > 0 ? spill(s) : KODO_OK;
}

void
sink_free(struct sink *s)
{
	buf_free(&s->buf);
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
	s->len = 0;
}
