#include <poll.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/lighttpd.h"
#include "cmd/service_private.h"
#include "core/base/clock.h"

bool
service_is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

void
service_reap(struct service *s, bool ending)
{
	int status;
	pid_t pid;
	unsigned i;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == s->loader_pid)
			service_loader_ended(s, status);
		for (i = 0; i < s->n_children; i++) {
			if (s->children[i].pid != pid)
				continue;
			if (ending)
				s->children[i].pid = 0;
			else
				child_ended(&s->children[i], status, clock_mono_us());
			s->n_deaths++;
		}
	}
}

/* True: a signal to end has come. */
static bool
read_signals(struct service *s)
{
	struct signalfd_siginfo info;
	bool stop = false;

	while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		stop = stop || info.ssi_signo != SIGCHLD;
	return stop;
}

static void
take_line(struct service *s, char *end)
{
	size_t used = (size_t)(end - s->line) + 1;
	enum log_level level;
	const char *text;

	*end = '\0';
	text = lighttpd_read_line(s->line, &level);
	if (text[0] != '\0')
		log_at(level, "lighttpd: %s", text);
	if (level >= LOG_WARNING)
		snprintf(s->complaint, sizeof(s->complaint), "%.200s", text);
	s->line_len -= used;
	memmove(s->line, s->line + used, s->line_len + 1);
}

void
service_read_errors(struct service *s)
{
	size_t size = sizeof(s->line) - 1;
	char *end;
	ssize_t n;

	do {
		n = read(s->errors[0], s->line + s->line_len, size - s->line_len);
		s->line_len += n > 0 ? (size_t)n : 0;
		s->line[s->line_len] = '\0';
		while ((end = strchr(s->line, '\n')) != NULL || s->line_len == size)
			take_line(s, end == NULL ? s->line + s->line_len - 1 : end);
	} while (n > 0);
}

bool
service_wait(struct service *s, int64_t until_us, int also_fd)
{
	struct pollfd fds[] = {
		{ .fd = s->signal_fd, .events = POLLIN },
		{ .fd = s->errors[0], .events = POLLIN },
		{ .fd = also_fd, .events = POLLIN },	/* a negative one is left out */
		{ .fd = s->upload_fd, .events = POLLIN },
	};
	int64_t wait_ms = -1;

	if (until_us != NEVER) {
		wait_ms = (until_us - clock_mono_us() + 999) / 1000;
		wait_ms = wait_ms < 0 ? 0 : wait_ms > 3600000 ? 3600000 : wait_ms;
	}
	if (poll(fds, sizeof(fds) / sizeof(fds[0]), (int)wait_ms) <= 0)
		return false;
	if (fds[3].revents != 0)
		service_upload_noticed(s);
	if (fds[1].revents != 0)
		service_read_errors(s);
	return fds[0].revents != 0 && read_signals(s);
}
