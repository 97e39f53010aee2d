/*
 * Starting another program: what each of them must not inherit from us.
 */
#ifndef KODO_SPAWN_H
#define KODO_SPAWN_H

#include <spawn.h>
#include <sys/types.h>

/*
 * posix_spawn with no signal blocked or ignored. group: POSIX_SPAWN_SETSID for a session of its
 * own, POSIX_SPAWN_SETPGROUP for a process group. Every descriptor over 2 is closed after what
 * files says. Returns 0 and *pid, or an errno.
 */
int spawn_program(const char *program, char *const argv[], posix_spawn_file_actions_t *files,
    short group, pid_t *pid);

#endif
