/* Starting other programs, which must inherit neither signals nor descriptors. */
#ifndef KODO_SPAWN_H
#define KODO_SPAWN_H

#include <spawn.h>
#include <stdbool.h>
#include <sys/types.h>

#include "core/base/err.h"

/*
 * posix_spawn with no signal blocked or ignored. group: POSIX_SPAWN_SETSID for a session of its
 * own, POSIX_SPAWN_SETPGROUP for a process group. Every descriptor over 2 is closed after what
 * files says. Returns 0 and *pid, or an errno.
 */
int spawn_program(const char *program, char *const argv[], posix_spawn_file_actions_t *files,
    short group, pid_t *pid);

/*
 * Start program in a session of its own, standard descriptors on /dev/null; keep_stderr leaves
 * descriptor 2. Does not wait: a child that has ended is reaped at the next call, or by spawn_reap.
 * KODO_EIO with why.
 */
enum kodo_err spawn_detached(
    const char *program, char *const argv[], bool keep_stderr, struct why *why) MUST_CHECK;
void spawn_reap(void);

#endif
