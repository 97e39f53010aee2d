#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/log.h"
#include "http/cgi.h"
#include "http/request.h"
#include "http/serve.h"
#include "http/shutdown.h"

struct process {
	bool has_length;
	uint64_t left;	/* of CONTENT_LENGTH: a server may leave its end open (RFC 3875, 4.2) */
};

bool
cgi_is_wanted(void)
{
	return getenv("GATEWAY_INTERFACE") != NULL || getenv("REQUEST_METHOD") != NULL;
}

static const char *
process_env(struct transport *t, const char *name)
{
	(void)t;
	return request_variable(environ, name);
}

static char **
process_environment(struct transport *t)
{
	(void)t;
	return environ;
}

/* KODO_EIO: nothing in time. */
static enum kodo_err
wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n;

	do
		n = poll(&p, 1, TRANSPORT_STALL_S * 1000);
	while (n == -1 && errno == EINTR);
	return n > 0 ? KODO_OK : n == 0 ? KODO_EIO : KODO_EBUSY;
}

static enum kodo_err
process_read(struct transport *t, char *p, size_t max, size_t *n)
{
	struct process *in = t->arg;
	enum kodo_err err;
	ssize_t got;

	*n = 0;
	if (in->has_length && max > in->left)
		max = (size_t)in->left;
	if (max == 0)
		return KODO_OK;
	err = wait_for(STDIN_FILENO, POLLIN);
	if (err != KODO_OK)
		return err;
	do
		got = read(STDIN_FILENO, p, max);
	while (got == -1 && errno == EINTR);
	if (got == -1)
		return errno == ECONNRESET ? KODO_EIO : KODO_EBUSY;
	*n = (size_t)got;
	in->left -= in->has_length ? (uint64_t)got : 0;
	return KODO_OK;
}

static enum kodo_err
process_write(struct transport *t, const char *p, size_t n)
{
	ssize_t put;

	(void)t;
	while (n > 0) {
		/*
		 * a write to a pipe waits for its reader: the alarm ends us, with nothing to lose
		 */
		(void)alarm(TRANSPORT_STALL_S);
		put = write(STDOUT_FILENO, p, n > 65536 ? 65536 : n);
		if (put == -1 && errno == EINTR)
			continue;
		if (put == -1)
			return KODO_EIO;
		p += put;
		n -= (size_t)put;
	}
	(void)alarm(0);
	return KODO_OK;
}

/*
 * The end of our stdout is the end of the answer for the server, so it comes before all work after
 * the reply.
 */
static void
finish(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd == -1)
		return;
	(void)dup2(fd, STDIN_FILENO);
	(void)dup2(fd, STDOUT_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* Wait here for what the request waits for: there is no other one. */
static void
wait_until_due(struct server *server, struct follower *f)
{
	struct pollfd client = { .fd = STDOUT_FILENO };

	while (!f->is_due) {
		shutdown_sleep_ms(FOLLOW_LOOK_MS);
		serve_look(server, f);
		/* the client has gone */
		f->is_due = f->is_due || poll(&client, 1, 0) > 0;
		f->is_over = f->is_over || client.revents != 0;
	}
}

int
cgi_serve(void)
{
	const char *length = getenv("CONTENT_LENGTH");
	struct process in = { .has_length = length != NULL && length[0] != '\0' };
	struct transport t = { .env = process_env, .environment = process_environment,
		.read = process_read, .write = process_write, .arg = &in, .is_alone = true,
		.is_process = true };
	struct follower *f = NULL;
	struct server *server = server_new(NULL);

	if (server == NULL) {
		log_error("memory ran out");
		return 1;
	}
	/* a length that is no number is refused later, before the first read */
	if (in.has_length)
		in.left = strtoull(length, NULL, 10);
	shutdown_install();
	while ((f = serve_request(server, &t, f)) != NULL)
		wait_until_due(server, f);
	finish();
	serve_after(server);
	server_free(server);
	return 0;
}
