#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include "random.h"

enum kodo_err
random_bytes(void *out, size_t n)
{
	ssize_t got = getrandom(out, n, 0);
	int fd;

	if (got != (ssize_t)n) {	/* Linux before 3.17 */
		fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return KODO_EIO;
		got = read(fd, out, n);
		close(fd);
	}
	return got == (ssize_t)n ? KODO_OK : KODO_EIO;
}
