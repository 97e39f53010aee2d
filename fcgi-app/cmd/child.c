#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/child.h"
#include "core/base/log.h"

#define ALIVE_US	(2 * 1000000ll)	/* a child that lived this long did not fail to start */
#define RESTART_MIN_US	100000ll
#define RESTART_MAX_US	(5 * 1000000ll)
#define SOCKETS_FD	3		/* SD_LISTEN_FDS_START */
#define SPARE_FD	64		/* from here on no descriptor is in the way of those */

extern char **environ;

void
child_detach(pid_t parent)
{
	sigset_t none;

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)	/* it died before that */
		_exit(1);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Take out every KODO_*: the options are those of the state. */
static void
clean_environment(void)
{
	char **from, **to = environ;

	for (from = environ; from != NULL && *from != NULL; from++)
		if (strncmp(*from, "KODO_", 5) != 0)
			*to++ = *from;
	if (to != NULL)
		*to = NULL;
}

static bool
set_environment(const struct child_program *p)
{
	static char listen_pid[32], listen_fds[32];
	unsigned i;

	clean_environment();
	for (i = 0; i < CHILD_ENV_MAX && p->env[i] != NULL; i++) {
		char *copy = strdup(p->env[i]);

		if (copy == NULL || putenv(copy) != 0)
			return false;
	}
	if (p->sockets == NULL)
		return true;
	snprintf(listen_pid, sizeof(listen_pid), "LISTEN_PID=%ld", (long)getpid());
	snprintf(listen_fds, sizeof(listen_fds), "LISTEN_FDS=%u", p->sockets->n);
	return putenv(listen_pid) == 0 && putenv(listen_fds) == 0;
}

/*
 * Move the listening sockets to SOCKETS_FD and on. This closes descriptors of the service there, in
 * this child only.
 */
static bool
set_sockets(const struct listen *l)
{
	int spare[LISTEN_MAX];
	unsigned i;

	for (i = 0; i < l->n; i++) {
		spare[i] = fcntl(l->fd[i], F_DUPFD_CLOEXEC, SPARE_FD);
		if (spare[i] < 0)
			return false;
	}
	for (i = 0; i < l->n; i++)
		if (dup2(spare[i], SOCKETS_FD + (int)i) < 0)
			return false;
	return true;
}

static bool
set_files(const struct child_program *p)
{
	int in = p->stdin_fd;

	if (in < 0)
		in = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (in < 0 || dup2(in, STDIN_FILENO) < 0)
		return false;
	if (p->stderr_fd >= 0 && dup2(p->stderr_fd, STDERR_FILENO) < 0)
		return false;
	if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		return false;
	return p->sockets == NULL || set_sockets(p->sockets);
}

/* Never returns; an errno goes to report if the program could not be started. */
static void
exec_program(const struct child_program *p, pid_t parent, int report)
{
	int failed;

	child_detach(parent);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	report = fcntl(report, F_DUPFD_CLOEXEC, SPARE_FD);
	if (set_environment(p) && set_files(p) && (p->folder == NULL || chdir(p->folder) == 0))
		execv(p->path, p->argv);
	failed = errno;
	if (write(report, &failed, sizeof(failed)) != (ssize_t)sizeof(failed))
		_exit(126);
	_exit(127);
}

enum kodo_err
child_start(struct child *c, int64_t now_us, struct why *why)
{
	int report[2], failed = 0;
	pid_t parent = getpid(), pid;
	ssize_t n;

	if (pipe2(report, O_CLOEXEC) != 0)
		return why_set(why, KODO_EIO, "cannot start %s: %s", c->name, strerror(errno));
	pid = fork();
	if (pid == 0)
		exec_program(&c->program, parent, report[1]);
	failed = pid < 0 ? errno : 0;
	close(report[1]);
	if (pid > 0) {
		do	/* ends at once: exec closes the pipe */
			n = read(report[0], &failed, sizeof(failed));
		while (n < 0 && errno == EINTR);
		if (n == (ssize_t)sizeof(failed))
			waitpid(pid, NULL, 0);
		else
			failed = 0;
	}
	close(report[0]);
	if (failed != 0)
		return why_set(why, KODO_EIO, "cannot start %s (%s): %s", c->name, c->program.path,
		    strerror(failed));
	c->pid = pid;
	c->started_us = now_us;
	log_debug("%s runs as process %ld", c->name, (long)pid);
	return KODO_OK;
}

int64_t
child_pause_us(int64_t lived_us, int64_t pause_us)
{
	if (lived_us >= ALIVE_US)
		return 0;
	pause_us *= 2;
	if (pause_us < RESTART_MIN_US)
		pause_us = RESTART_MIN_US;
	return pause_us < RESTART_MAX_US ? pause_us : RESTART_MAX_US;
}

const char *
child_describe(int status, char out[80])
{
	if (WIFSIGNALED(status))
		snprintf(out, 80, "was killed by signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else
		snprintf(out, 80, "ended with exit status %d", WEXITSTATUS(status));
	return out;
}

void
child_ended(struct child *c, int status, int64_t now_us)
{
	char words[80];

	c->pause_us = child_pause_us(now_us - c->started_us, c->pause_us);
	c->due_us = now_us + c->pause_us;
	log_warning("%s (process %ld) %s and is started again in %d.%d s", c->name, (long)c->pid,
	    child_describe(status, words), (int)(c->pause_us / 1000000),
	    (int)(c->pause_us % 1000000 / 100000));
	c->pid = 0;
}

void
child_signal(const struct child *c, int signal_number)
{
	if (c->pid > 0)
		kill(c->pid, signal_number);
}
