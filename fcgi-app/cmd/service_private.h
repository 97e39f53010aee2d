/*
 * Shared by the files of `kodo service`: service.c (start and loop), service_wait.c (signals,
 * deaths and messages during the loop), service_upload.c (the room for bodies), service_loader.c (a
 * loader that changes), service_end.c (end).
 */
#ifndef KODO_SERVICE_PRIVATE_H
#define KODO_SERVICE_PRIVATE_H

#include "cmd/become.h"
#include "cmd/child.h"
#include "core/base/path.h"
#include "core/config/option.h"
#include "core/storage/state.h"

struct service {
	int argc;
	char **argv;			/* what follows "service" */
	struct arena *arena;
	struct options options;
	struct become become;
	struct state state;
	int lock_fd;
	struct listen tcp;		/* lighttpd's; open here too, so that they outlive it */
	int unix_fd;			/* the workers' */
	int signal_fd;
	int errors[2];			/* lighttpd's standard error */
	char lighttpd_path[PATH_BYTES], runner_path[PATH_BYTES], conf_path[PATH_BYTES];
	char own_path[PATH_BYTES];
	const char *env_state, *env_runner, *env_pid;
	const char *env_www;		/* NULL: pages are found beside the program */
	struct child *children;		/* in the order of their start */
	unsigned n_children, n_deaths;
	struct child *runner, *lighttpd;	/* of children; runner NULL: cron starts one */
	uint64_t n_providers;		/* at the start, for the log */
	pid_t loader_pid;
	int64_t loader_due_us;		/* the files are to be looked at */
	int64_t loader_run_us;		/* a program is to run again */
	bool loader_is_busy;		/* it is being written, which was said */
	struct arena *stamp_arena, *new_arena;
	struct str stamp, new_stamp;	/* of the files as they hold; as they are being read */
	char upload_path[PATH_BYTES];
	int upload_fd;			/* tells of new files there; -1: it cannot */
	int64_t upload_due_us;		/* to be looked at; NEVER: when it tells */
	bool upload_is_closed;		/* lighttpd may not write there */
	char line[1024];		/* of lighttpd, so far */
	size_t line_len;
	char complaint[256];		/* its last one */
};

#define NEVER	INT64_MAX

/* Reap children that have ended. ending: none of them is started again. */
void service_reap(struct service *s, bool ending);
void service_read_errors(struct service *s);

/*
 * Wait until until_us (NEVER: without end), or for a child, a signal, also_fd. True: by a signal to
 * end.
 */
bool service_wait(struct service *s, int64_t until_us, int also_fd);
bool service_is_readable(int fd);

/*
 * End every child within a second, and remove socket and locks. Also after half a start.
 */
void service_end(struct service *s, const char *socket_name);

enum kodo_err service_upload_open(struct service *s, struct why *why) MUST_CHECK;
void service_upload_noticed(struct service *s);		/* upload_fd is readable */
/* See to the quota. Returns the time of the next look. */
int64_t service_upload_look(struct service *s, int64_t now_us);

/*
 * Once before the options are applied: remember the files. Then look at them now and again, which
 * starts a child that applies what they say; its end is to be told. Returns the time of the next
 * look. A faulty loader is logged with its line, and what held before goes on to hold.
 */
enum kodo_err service_loader_begin(struct service *s) MUST_CHECK;
int64_t service_loader_look(struct service *s, int64_t now_us);
void service_loader_ended(struct service *s, int status);

#endif
