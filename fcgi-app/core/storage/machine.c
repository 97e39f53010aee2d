#include <errno.h>
#include <unistd.h>

#include "core/storage/machine.h"

#define TEXT_BYTES	((size_t)64 << 10)

struct fill {
	struct str text;
	bool sync;
};

static enum kodo_err
fill(int fd, void *arg)
{
	const struct fill *f = arg;
	const enum kodo_err err = path_write(fd, f->text);

	return err == KODO_OK && f->sync && fsync(fd) != 0 ? path_errno(errno) : err;
}

enum kodo_err
machine_write(const struct state *s, const char *name, struct str text, bool sync)
{
	struct fill f = { text, sync };
	char path[PATH_BYTES];
	const enum kodo_err err = state_file(s, name, path);

	return err == KODO_OK ? path_replace(path, s->file_mode, fill, &f) : err;
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
