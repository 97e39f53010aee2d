#include <signal.h>
#include <unistd.h>

#include "cmd/service_private.h"
#include "core/base/clock.h"

/* From the signal to end on: */
#define WORKERS_US	50000	/* requests in the queue of the socket still get a worker */
#define KILL_US		700000	/* then the others are killed */
/* From the end of the last worker on: lighttpd sends the last answers */
#define LAST_BYTES_US	30000
/* Then a signal is sent again: between a program's test and its wait it would be lost. */
#define AGAIN_US	100000

static bool
is_worker(const struct service *s, const struct child *c)
{
	return c != s->runner && c != s->lighttpd;
}

static unsigned
count_running(const struct service *s, bool workers)
{
	unsigned n = 0, i;

	for (i = 0; i < s->n_children; i++)
		n += s->children[i].pid > 0 && (!workers || is_worker(s, &s->children[i]));
	return n;
}

static void
signal_workers(const struct service *s, int signal_number)
{
	unsigned i;

	for (i = 0; i < s->n_children; i++)
		if (is_worker(s, &s->children[i]))
			child_signal(&s->children[i], signal_number);
}

/*
 * lighttpd takes no more connections and finishes its requests (SIGINT), the runner ends at once.
 * Then the workers; each finishes its request. After the last of them there is nothing to wait for,
 * but lighttpd checks idle connections only once a second, so SIGTERM ends it.
 */
static void
end_children(struct service *s)
{
	int64_t begun_us = clock_mono_us(), gone_us = 0, signalled_us = 0;

	if (s->lighttpd != NULL)
		child_signal(s->lighttpd, SIGINT);
	if (s->runner != NULL)
		child_signal(s->runner, SIGTERM);
	while (count_running(s, false) > 0) {
		int64_t now_us = clock_mono_us();
		bool hurry = now_us - begun_us > KILL_US;
		unsigned i;

		if (count_running(s, true) == 0 && gone_us == 0)
			gone_us = now_us;
		if ((s->lighttpd->pid == 0 || now_us - begun_us > WORKERS_US) &&
		    now_us - signalled_us > AGAIN_US) {
			signal_workers(s, SIGTERM);
			signalled_us = now_us;
		}
		if (gone_us > 0 && now_us - gone_us > LAST_BYTES_US)
			child_signal(s->lighttpd, SIGTERM);
		for (i = 0; hurry && i < s->n_children; i++)
			child_signal(&s->children[i], SIGKILL);
		/* a second signal to end: without waiting */
		if (service_wait(s, now_us + (hurry ? 50000 : 10000), -1))
			begun_us = now_us - KILL_US;
		service_reap(s, true);
	}
}

void
service_end(struct service *s, const char *socket_name)
{
	char path[PATH_BYTES];

	listen_close(&s->tcp);
	if (s->n_children > 0) {
		end_children(s);
		service_read_errors(s);
	}
	if (s->loader_pid > 0)
		kill(s->loader_pid, SIGKILL);
	if (s->unix_fd >= 0) {
		close(s->unix_fd);
		if (state_file(&s->state, socket_name, path) == KODO_OK)
			unlink(path);
	}
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	if (s->upload_fd >= 0)
		close(s->upload_fd);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	if (s->errors[0] >= 0) {
		close(s->errors[0]);
		close(s->errors[1]);
	}
}
