#include <signal.h>
#include <unistd.h>

#include "core/base/spawn.h"

extern char **environ;

static int
set_attributes(posix_spawnattr_t *attr, short group)
{
	sigset_t all, none;
	int failed;

	sigfillset(&all);
	sigemptyset(&none);
	failed = posix_spawnattr_setsigdefault(attr, &all);
	if (failed == 0)
		failed = posix_spawnattr_setsigmask(attr, &none);
	if (failed == 0)
		failed = posix_spawnattr_setflags(
		    attr, (short)(group | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK));
	return failed;
}

int
spawn_program(const char *program, char *const argv[], posix_spawn_file_actions_t *files,
    short group, pid_t *pid)
{
	posix_spawnattr_t attr;
	int failed;

	*pid = 0;
	failed = posix_spawnattr_init(&attr);
	if (failed != 0)
		return failed;
	failed = set_attributes(&attr, group);
	if (failed == 0)
		failed = posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
	if (failed == 0)
		failed = posix_spawn(pid, program, files, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	return failed;
}
