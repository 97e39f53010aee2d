#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/storage/shared_file.h"

#define AGAIN_MS	10000	/* until a file that could not be opened is tried again */

/* One that another process has put there meanwhile stays: it may be in use. */
static enum kodo_err
file_make(const struct shared_file_kind *kind, const char *path, mode_t mode)
{
	char *content = calloc(1, kind->bytes);
	char made[PATH_BYTES + 32];
	int saved;
	enum kodo_err err;

	if (content == NULL)
		return KODO_ENOMEM;
	if (kind->fill != NULL)
		kind->fill(content);
	memcpy(content, &kind->magic, sizeof(kind->magic));
	/* written whole, so that no page of it is missing on the disk later */
	snprintf(made, sizeof(made), "%s.%ld", path, (long)getpid());
	err = path_replace_text(made, mode, (struct str){ content, kind->bytes });
	free(content);
	if (err != KODO_OK)
		return err;
	if (link(made, path) != 0 && errno != EEXIST)
		err = path_errno(errno);
	saved = errno;
	unlink(made);
	errno = saved;
	return err;
}

/* Is the file still in its folder, and whole? Reading beyond its end would be SIGBUS. */
static bool
is_whole(int fd, const struct shared_file_kind *kind)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink > 0 &&
	    st.st_size == (off_t)kind->bytes;
}

static enum kodo_err
file_open(const char *path, int flags, const struct shared_file_kind *kind, int *fd)
{
	uint64_t magic = 0;

	*fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*fd == -1)
		return errno == ENOENT ? KODO_ENOTFOUND : errno == ELOOP ? KODO_ECORRUPT : KODO_EIO;
	if (is_whole(*fd, kind) && pread(*fd, &magic, sizeof(magic), 0) == sizeof(magic) &&
	    magic == kind->magic)
		return KODO_OK;
	close(*fd);
	*fd = -1;
	return KODO_ECORRUPT;
}

void
shared_file_close(struct shared_file *f, const struct shared_file_kind *kind)
{
	if (f->map != NULL)
		munmap(f->map, kind->bytes);
	if (f->fd != -1)
		close(f->fd);
	f->map = NULL;
	f->fd = -1;
}

static enum kodo_err
file_map(struct shared_file *f, const struct state *s, const struct shared_file_kind *kind)
{
	char path[PATH_BYTES];
	void *map;
	enum kodo_err err = state_file(s, kind->name, path);

	if (err != KODO_OK)
		return err;
	err = file_open(path, O_RDWR, kind, &f->fd);
	if (err == KODO_ECORRUPT)
		unlink(path);
	if (err == KODO_ENOTFOUND || err == KODO_ECORRUPT) {
		err = file_make(kind, path, s->file_mode);
		if (err == KODO_OK)
			err = file_open(path, O_RDWR, kind, &f->fd);
	}
	if (err != KODO_OK)
		return err;
	map = mmap(NULL, kind->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	if (map == MAP_FAILED)
		return KODO_ENOMEM;
	f->map = map;
	return KODO_OK;
}

bool
shared_file_is_ready(
    struct shared_file *f, const struct state *s, const struct shared_file_kind *kind)
{
	struct why why = { "" };
	enum kodo_err err;

	if (f->map != NULL && is_whole(f->fd, kind) &&
	    *(const uint64_t *)f->map == kind->magic)
		return true;
	shared_file_close(f, kind);
	if (f->tried_ms != 0 && clock_mono_ms() - f->tried_ms < AGAIN_MS)
		return false;
	errno = 0;
	err = file_map(f, s, kind);
	if (err == KODO_OK) {
		f->tried_ms = 0;
		f->complaint.text[0] = '\0';
		return true;
	}
	why_set(&why, err, "%s/%s cannot be used (%s), %s: remove it, or see `kodo check`",
	    s->path, kind->name, errno != 0 ? strerror(errno) : kodo_err_text(err), kind->without);
	log_complain(&f->complaint, &why, err);
	shared_file_close(f, kind);
	f->tried_ms = clock_mono_ms();
	return false;
}

enum kodo_err
shared_file_read(const struct state *s, const struct shared_file_kind *kind, void *out,
    size_t bytes)
{
	char path[PATH_BYTES];
	ssize_t n;
	int fd;
	enum kodo_err err = state_file(s, kind->name, path);

	if (err == KODO_OK)
		err = file_open(path, O_RDONLY, kind, &fd);
	if (err != KODO_OK)
		return err;
	n = pread(fd, out, bytes, 0);
	close(fd);
	return n == (ssize_t)bytes ? KODO_OK : KODO_EIO;
}
