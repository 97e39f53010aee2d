#include <fcntl.h>
#include <unistd.h>

#include "core/storage/derived.h"

struct derived_mark
derived_mark(const struct state *s)
{
	struct derived_mark mark = { 0 };
	char path[PATH_BYTES];
	int fd;

	if (state_file(s, WORD_INDEX_FILE, path) != KODO_OK ||
	    (fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) == -1)
		return mark;
	if (read(fd, &mark, sizeof(mark)) != (ssize_t)sizeof(mark))
		mark = (struct derived_mark){ 0 };
	close(fd);
	return mark;
}

void
derived_drop(const struct state *s)
{
	static const char *const names[] = { WORD_INDEX_FILE, COUNTS_FILE, OVERVIEW_FILE };
	char path[PATH_BYTES];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (state_file(s, names[i], path) == KODO_OK)
			unlink(path);
}
