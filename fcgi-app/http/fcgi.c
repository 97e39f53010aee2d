#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/log.h"
#include "http/fcgi.h"
#include "http/serve.h"
#include "http/shutdown.h"

#define LISTENER	0
/* a socket's buffer takes these at once; only longer answers can wait for the client */
#define CALM_BYTES	((size_t)65536)
#define QUEUED_MAX	128u		/* requests taken after a signal to end */
#define PAUSE_MS	50u		/* after a failed accept, as for want of descriptors */

struct worker {
	FCGX_Request req;
	int epoll_fd;		/* watches the listener */
	size_t written;		/* of the answer */
	bool reads_in_time;	/* the connection has a timeout */
	bool writes_in_time;
};

bool
fcgi_is_wanted(void)
{
	int listening = 0;
	socklen_t len = sizeof(listening);

	return getsockopt(LISTENER, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 &&
	    listening != 0;
}

/* From here on reading or writing fails after TRANSPORT_STALL_S without a byte. */
static void
set_timeout(struct worker *w, bool *is_set, int option)
{
	struct timeval tv = { .tv_sec = TRANSPORT_STALL_S };

	if (*is_set)
		return;
	*is_set = true;
	(void)setsockopt(w->req.ipcFd, SOL_SOCKET, option, &tv, sizeof(tv));
}

static void
limit_reading(struct worker *w)
{
	set_timeout(w, &w->reads_in_time, SO_RCVTIMEO);
}

static void
limit_writing(struct worker *w)
{
	set_timeout(w, &w->writes_in_time, SO_SNDTIMEO);
}

static const char *
worker_env(struct transport *t, const char *name)
{
	const struct worker *w = t->arg;
	const size_t n = strlen(name);
	char **e;

	/* as FCGX_GetParam, which compares more of each one */
	for (e = w->req.envp; e != NULL && *e != NULL; e++)
		if ((*e)[0] == name[0] && strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			return *e + n + 1;
	return NULL;
}

static enum kodo_err
worker_read(struct transport *t, char *p, size_t max, size_t *n)
{
	struct worker *w = t->arg;
	int got;

	limit_reading(w);
	*n = 0;
	got = FCGX_GetStr(p, max > (1u << 20) ? 1 << 20 : (int)max, w->req.in);
	if (got < 0 || FCGX_GetError(w->req.in) != 0)
		return KODO_EIO;
	*n = (size_t)got;
	return KODO_OK;
}

static enum kodo_err
worker_write(struct transport *t, const char *p, size_t n)
{
	struct worker *w = t->arg;

	while (n > 0) {
		int part = n > (1u << 20) ? 1 << 20 : (int)n;

		w->written += (size_t)part;
		if (w->written > CALM_BYTES)
			limit_writing(w);
		if (FCGX_PutStr(p, part, w->req.out) != part || FCGX_GetError(w->req.out) != 0) {
			/* else the end of the request would wait for the client once more */
			(void)shutdown(w->req.ipcFd, SHUT_RDWR);
			return KODO_EIO;
		}
		p += part;
		n -= (size_t)part;
	}
	return KODO_OK;
}

/*
 * Several workers share the listener. Each wakes alone, and must not block in accept after another
 * was faster. The flag belongs to the open file, so to all workers.
 */
static bool
watch_listener(struct worker *w)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	int flags = fcntl(LISTENER, F_GETFL);

	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return w->epoll_fd != -1 && flags != -1 &&
	    fcntl(LISTENER, F_SETFL, flags | O_NONBLOCK) == 0 &&
	    epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, LISTENER, &event) == 0;
}

/*
 * Wait for a request: on a connection that the web server keeps, or on a new one.
 */
static bool
wait_for_request(struct worker *w)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP };
	int fd;
	bool ready;

	if (w->req.ipcFd < 0)
		return shutdown_poll(w->epoll_fd);
	fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd == -1)
		return false;
	ready = epoll_ctl(fd, EPOLL_CTL_ADD, w->req.ipcFd, &event) == 0 && shutdown_poll(fd);
	close(fd);
	return ready;
}

/*
 * Read the end of the request's body. On a kept connection libfcgi would see it as the begin of the
 * next request, and hang up; a connection closed with unread bytes is reset, and the answer may be
 * lost. false: there is too much more, or it does not come.
 */
static bool
drain(struct worker *w)
{
	char scrap[4096];

	limit_reading(w);
	return FCGX_GetStr(scrap, sizeof(scrap), w->req.in) < (int)sizeof(scrap) &&
	    FCGX_GetError(w->req.in) == 0;
}

/* libfcgi would wait for the server to close its end, up to 2 s */
static void
hang_up(struct worker *w)
{
	if (w->req.ipcFd >= 0)
		close(w->req.ipcFd);
	w->req.ipcFd = -1;
}

/*
 * Send the rest of the answer. A connection that is not kept is closed without the wait for the
 * server, which was a third of the system calls of a request.
 */
static void
finish(struct worker *w)
{
	bool is_kept = w->req.keepConnection != 0;
	bool is_drained = drain(w);

	w->req.keepConnection = is_drained;
	FCGX_Finish_r(&w->req);
	if (!is_kept)
		hang_up(w);
}

/* One request, if there is one. */
static void
take_request(struct worker *w, struct server *server, struct transport *t)
{
	bool kept = w->req.ipcFd >= 0;
	int failed;

	failed = FCGX_Accept_r(&w->req);
	if (failed < 0) {
		/*
		 * another worker was faster; or descriptors ran out, or a kept connection was
		 * closed
		 */
		if (failed != -EAGAIN && failed != -EINTR && !kept)
			shutdown_sleep_ms(PAUSE_MS);
		return;
	}
	/* after a kept connection, too, it may be a new one: libfcgi accepts one after its end */
	w->reads_in_time = w->writes_in_time = false;
	w->written = 0;
	serve_request(server, t);
	finish(w);
	serve_after(server);
}

/*
 * The requests in the listener's queue at a signal to end. Under mod_fcgid, where each process has
 * a listener of its own, no other process would take them, and their clients would wait in vain.
 */
static void
take_queued(struct worker *w, struct server *server, struct transport *t)
{
	struct pollfd p = { .fd = LISTENER, .events = POLLIN };
	unsigned i;

	hang_up(w);
	for (i = 0; i < QUEUED_MAX && poll(&p, 1, 0) > 0; i++) {
		take_request(w, server, t);
		hang_up(w);
	}
}

int
fcgi_serve(const char *loader)
{
	struct worker w = { .epoll_fd = -1 };
	struct transport t = { worker_env, worker_read, worker_write, &w };
	struct server *server = server_new(loader);
	int status = 1;

	/* large blocks go back to the system at once; by itself glibc raises this at the first */
	(void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
	/* but the end of the heap must not move at each request */
	(void)mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
	if (server == NULL) {
		log_error("memory ran out");
		goto out;
	}
	/* first libfcgi's handlers, then ours in their place */
	if (FCGX_Init() != 0 || FCGX_InitRequest(&w.req, LISTENER, FCGI_FAIL_ACCEPT_ON_INTR) != 0 ||
	    !watch_listener(&w)) {
		log_error("descriptor 0 cannot be served: %s", strerror(errno));
		goto out;
	}
	shutdown_install();
	while (!shutdown_wanted())
		if (wait_for_request(&w))
			take_request(&w, server, &t);
	take_queued(&w, server, &t);
	FCGX_Free(&w.req, 0);
	log_debug("shutdown now");
	status = 0;
out:
	server_free(server);
	return status;
}
