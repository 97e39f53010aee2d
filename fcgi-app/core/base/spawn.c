#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/spawn.h"

#define CHILDREN_MAX	16u	/* remembered to be reaped; more stay zombies until we end */

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

static pid_t children[CHILDREN_MAX];

void
spawn_reap(void)
{
	unsigned i;

	for (i = 0; i < CHILDREN_MAX; i++)
		if (children[i] > 0 && waitpid(children[i], NULL, WNOHANG) != 0)
			children[i] = 0;	/* ended, or reaped by somebody else */
}

static void
remember(pid_t pid)
{
	unsigned i;

	for (i = 0; i < CHILDREN_MAX; i++)
		if (children[i] == 0) {
			children[i] = pid;
			return;
		}
}

/* Descriptors of the child; 0 if all went well, else an errno. */
static int
set_null_files(posix_spawn_file_actions_t *files, bool keep_stderr)
{
	int failed;

	/* closed here, descriptor 2 would be the first file that the child opens */
	if (keep_stderr && fcntl(STDERR_FILENO, F_GETFD) < 0)
		keep_stderr = false;
	failed = posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDWR, 0);
	if (failed == 0)
		failed = posix_spawn_file_actions_adddup2(files, STDIN_FILENO, STDOUT_FILENO);
	if (failed == 0)	/* onto itself: not close-on-exec */
		failed = posix_spawn_file_actions_adddup2(
		    files, keep_stderr ? STDERR_FILENO : STDIN_FILENO, STDERR_FILENO);
	return failed;
}

enum kodo_err
spawn_detached(const char *program, char *const argv[], bool keep_stderr, struct why *why)
{
	posix_spawn_file_actions_t files;
	pid_t pid = 0;
	int failed;

	spawn_reap();
	failed = posix_spawn_file_actions_init(&files);
	if (failed == 0) {
		failed = set_null_files(&files, keep_stderr);
		if (failed == 0)
			failed = spawn_program(program, argv, &files, POSIX_SPAWN_SETSID, &pid);
		posix_spawn_file_actions_destroy(&files);
	}
	if (failed != 0)
		return why_set(why, KODO_EIO, "cannot start %s: %s", program, strerror(failed));
	remember(pid);
	return KODO_OK;
}
