#include <fcntl.h>
#include <unistd.h>

#include "core/storage/state.h"

/* Is one of n bytes locked? */
static bool
any_locked(int fd, off_t from, unsigned n)
{
	struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = from,
		.l_len = n };

	return fcntl(fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

/* The kernel names one of them; with halves few questions find all. */
static unsigned
count_locked(int fd, off_t from, unsigned n)
{
	const unsigned half = n / 2;

	if (n == 0 || !any_locked(fd, from, n))
		return 0;
	return n == 1 ? 1 : count_locked(fd, from, half) + count_locked(fd, from + half, n - half);
}

unsigned
state_locked_bytes(const struct state *s, const char *name, off_t from, unsigned n)
{
	char path[PATH_BYTES];
	unsigned found;
	int fd;

	if (state_file(s, name, path) != KODO_OK ||
	    (fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return 0;
	found = count_locked(fd, from, n);
	close(fd);
	return found;
}
