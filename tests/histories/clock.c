/*
 * Preloaded: the wall clock of kodo's programs differs by the seconds (int64_t) in the file that
 * TEST_CLOCK names. Tests change them while the programs run.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset_s;

/* Not the shells and web servers around: theirs may be right. */
__attribute__((constructor)) static void
clock_open(void)
{
	const char *path = getenv("TEST_CLOCK");
	void *map;
	int fd;

	if (path == NULL || strncmp(program_invocation_short_name, "kodo", 4) != 0)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		abort();
	map = mmap(NULL, sizeof(*offset_s), PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		abort();
	close(fd);
	offset_s = map;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	if (syscall(SYS_clock_gettime, id, ts) != 0)
		return -1;
	if (id == CLOCK_REALTIME && offset_s != NULL)
		ts->tv_sec += *offset_s;
	return 0;
}
