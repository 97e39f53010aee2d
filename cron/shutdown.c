#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cron/shutdown.h"

static int signal_pipe[2] = { -1, -1 };

static void
on_signal(int signal_number)
{
	int saved = errno;

	(void)signal_number;
	if (write(signal_pipe[1], "", 1) < 0) {
		/* the pipe is full, so it is readable already */
	}
	errno = saved;
}

enum kodo_err
shutdown_open(int *fd, struct why *why)
{
	/* SIGXCPU: the processor time of this process is used up (ulimit -t) */
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGXCPU };
	struct sigaction action = { .sa_handler = on_signal };
	unsigned i;

	*fd = -1;
	if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) != 0)
		return why_set(why, KODO_EIO, "cannot make a pipe: %s", strerror(errno));
	*fd = signal_pipe[0];
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	return KODO_OK;
}

bool
shutdown_open_service(int *fd)
{
	const char *pid = getenv("KODO_SERVICE_PID");
	char *end;
	long n;

	*fd = -1;
	if (pid == NULL)
		return true;
	n = strtol(pid, &end, 10);
	if (*end != '\0' || n <= 1)
		return true;
	*fd = (int)syscall(SYS_pidfd_open, (pid_t)n, 0);
	return *fd >= 0 || errno != ESRCH;
}
