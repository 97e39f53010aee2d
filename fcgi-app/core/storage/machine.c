#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/storage/machine.h"

#define TEXT_BYTES	((size_t)64 << 10)

enum kodo_err
machine_write(const struct state *s, const char *name, struct str text, bool sync)
{
	char path[PATH_BYTES], temp[PATH_BYTES], temp_name[64];
	enum kodo_err err = state_file(s, name, path);
	int fd;

	snprintf(temp_name, sizeof(temp_name), "%s.XXXXXX", name);
	if (err == KODO_OK)
		err = state_file(s, temp_name, temp);
	if (err != KODO_OK)
		return err;
	fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0)
		return path_errno(errno);
	err = path_write(fd, text);
	if (err == KODO_OK && (fchmod(fd, s->file_mode) != 0 || (sync && fsync(fd) != 0) ||
	    rename(temp, path) != 0))
		err = path_errno(errno);
	close(fd);
	if (err != KODO_OK)
		unlink(temp);
	return err;
}

enum kodo_err
machine_read(const struct state *s, struct arena *a, const char *name, struct str *text)
{
	char path[PATH_BYTES];
	enum kodo_err err = state_file(s, name, path);

	*text = STR_NULL;
	return err == KODO_OK ? path_read(a, path, TEXT_BYTES, text) : err;
}

void
machine_remove(const struct state *s, const char *name)
{
	char path[PATH_BYTES];

	if (state_file(s, name, path) == KODO_OK)
		unlink(path);
}

bool
machine_is_member(const struct state *s)
{
	char path[PATH_BYTES];

	return state_file(s, MACHINE_FILE, path) == KODO_OK && access(path, F_OK) == 0;
}
