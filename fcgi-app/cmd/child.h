/*
 * One process that `kodo service` keeps running: started, started again when it dies, ended.
 *
 * A child is in a process group of its own, so that Ctrl-C reaches only the service, and dies when
 * the service dies, even by SIGKILL.
 */
#ifndef KODO_CHILD_H
#define KODO_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include "cmd/listen.h"

#define CHILD_ENV_MAX	4u

/* A program and its surroundings, all borrowed. */
struct child_program {
	const char *path;
	char *const *argv;
	const char *folder;		/* to start in; NULL: where the service is */
	int stdin_fd;			/* -1: /dev/null */
	int stderr_fd;			/* for standard output too; -1: the service's */
	const struct listen *sockets;	/* given as systemd does, sd_listen_fds(3); NULL: none */
	const char *env[CHILD_ENV_MAX];	/* NAME=VALUE; every other KODO_* is taken out */
};

struct child {
	char name[32];			/* for people: "worker 1" */
	struct child_program program;
	pid_t pid;			/* 0: not running */
	int64_t started_us;		/* monotonic */
	int64_t due_us;			/* not running: the time of its next start */
	int64_t pause_us;		/* before its last start */
};

/* KODO_EIO with why: fork or exec failed. */
enum kodo_err child_start(struct child *c, int64_t now_us, struct why *why) MUST_CHECK;

/*
 * Log its end with this status of waitpid, and set due_us: at once if it lived long enough, else
 * after a pause that grows from 0.1 to 5 s.
 */
void child_ended(struct child *c, int status, int64_t now_us);

/* The pause before the next start of a child that lived so long after a pause of pause_us. */
int64_t child_pause_us(int64_t lived_us, int64_t pause_us);

/* "was killed by signal 9 (Killed)", "ended with exit status 1" */
const char *child_describe(int status, char out[80]);

void child_signal(const struct child *c, int signal_number);	/* nothing if it does not run */

/* In a child of the service, after fork: die with it, ignore its Ctrl-C. */
void child_detach(pid_t parent);

#endif
