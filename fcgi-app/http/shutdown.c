#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <time.h>

#include "http/shutdown.h"

static volatile sig_atomic_t is_wanted;
static sigset_t wait_mask;	/* during a wait */

static void
on_signal(int sig)
{
	(void)sig;
	is_wanted = 1;
}

void
shutdown_install(void)
{
	/* SIGXCPU: the processor time of this process is used up (ulimit -t) */
	static const int ends[] = { SIGTERM, SIGINT, SIGUSR1, SIGXCPU };
	struct sigaction sa = { .sa_handler = on_signal };	/* no SA_RESTART */
	sigset_t ours;
	size_t i;

	sigemptyset(&sa.sa_mask);
	sigemptyset(&ours);
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		sigaction(ends[i], &sa, NULL);
		sigaddset(&ours, ends[i]);
	}
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &ours, &wait_mask);
	/* our parent may have left them blocked */
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigdelset(&wait_mask, ends[i]);
}

bool
shutdown_wanted(void)
{
	return is_wanted != 0;
}

bool
shutdown_poll(int epoll_fd, int timeout_ms)
{
	struct epoll_event event;

	return epoll_pwait(epoll_fd, &event, 1, timeout_ms, &wait_mask) > 0;
}

void
shutdown_sleep_ms(unsigned ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };

	if (!shutdown_wanted())
		(void)ppoll(NULL, 0, &ts, &wait_mask);
}
