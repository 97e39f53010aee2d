#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/renew.h"
#include "core/storage/store.h"
#include "http/fcgi.h"
#include "http/request.h"
#include "http/senders.h"
#include "http/serve.h"
#include "http/shutdown.h"

#define LISTENER	0
/* a socket's buffer takes these at once; only longer answers can wait for the client */
#define CALM_BYTES	((size_t)65536)
#define QUEUED_MAX	128u		/* requests taken after a signal to end */
#define PAUSE_MS	50u		/* after a failed accept, as for want of descriptors */
#define SEND_LOOK_MS	20	/* at answers on their way, while a kept connection is watched */
#define SEND_STALL_MS	1000	/* so often whether they stall */
#define SCANS_MAX	64u		/* requests that wait for their turn, in a process */
#define SEND_END_MS	10000	/* so long after a signal to end they go on */

/* A request, and the connection that it came by. It stays where it is: libfcgi points to it. */
struct connection {
	FCGX_Request req;
	struct transport t;
	size_t written;		/* of the answer */
	bool reads_in_time;	/* the connection has a timeout */
	bool writes_in_time;
	bool is_drained;	/* the request's body was read to its end */
	struct body rest;	/* of the answer, to be sent beside other requests */
};

struct worker {
	struct server *server;
	struct connection *now;
	int epoll_fd;		/* watches the listener, and senders */
	struct senders senders;
	struct follower *waiting;	/* each has a connection as owner */
	unsigned n_waiting;
	int64_t looked_ms;	/* when they were looked at */
	struct follower *scans, *last_scan;	/* they wait for their turn, the oldest first */
	unsigned n_scans;
	bool is_scan_due;	/* another request was answered since the last one */
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
set_timeout(struct connection *c, bool *is_set, int option)
{
	struct timeval tv = { .tv_sec = TRANSPORT_STALL_S };

	if (*is_set)
		return;
	*is_set = true;
	(void)setsockopt(c->req.ipcFd, SOL_SOCKET, option, &tv, sizeof(tv));
}

static void
limit_reading(struct connection *c)
{
	set_timeout(c, &c->reads_in_time, SO_RCVTIMEO);
}

static void
limit_writing(struct connection *c)
{
	set_timeout(c, &c->writes_in_time, SO_SNDTIMEO);
}

static const char *
worker_env(struct transport *t, const char *name)
{
	const struct connection *c = t->arg;

	return request_variable(c->req.envp, name);
}

static char **
worker_environment(struct transport *t)
{
	const struct connection *c = t->arg;

	return c->req.envp;
}

static enum kodo_err
worker_read(struct transport *t, char *p, size_t max, size_t *n)
{
	struct connection *c = t->arg;
	int got;

	limit_reading(c);
	*n = 0;
	got = FCGX_GetStr(p, max > (1u << 20) ? 1 << 20 : (int)max, c->req.in);
	if (got < 0 || FCGX_GetError(c->req.in) != 0)
		return KODO_EIO;
	*n = (size_t)got;
	return KODO_OK;
}

static enum kodo_err
worker_write(struct transport *t, const char *p, size_t n)
{
	struct connection *c = t->arg;

	while (n > 0) {
		int part = n > (1u << 20) ? 1 << 20 : (int)n;

		c->written += (size_t)part;
		if (c->written > CALM_BYTES)
			limit_writing(c);
		if (FCGX_PutStr(p, part, c->req.out) != part || FCGX_GetError(c->req.out) != 0) {
			/* else the end of the request would wait for the client once more */
			(void)shutdown(c->req.ipcFd, SHUT_RDWR);
			return KODO_EIO;
		}
		p += part;
		n -= (size_t)part;
	}
	return KODO_OK;
}

static void
worker_write_later(struct transport *t, struct body *body)
{
	struct connection *c = t->arg;

	c->rest = *body;
	*body = (struct body)BODY_INIT(c->rest.sink.state);
}

static void
worker_flush(struct transport *t)
{
	struct connection *c = t->arg;

	(void)FCGX_FFlush(c->req.out);
}

/*
 * Several workers share the listener. Each wakes alone, and must not block in accept after another
 * was faster. The flag belongs to the open file, so to all workers.
 */
static bool
watch_listener(struct worker *w)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLEXCLUSIVE };
	struct epoll_event sending = { .events = EPOLLIN };
	int flags = fcntl(LISTENER, F_GETFL);

	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return w->epoll_fd != -1 && flags != -1 && senders_init(&w->senders) &&
	    epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->senders.epoll_fd, &sending) == 0 &&
	    fcntl(LISTENER, F_SETFL, flags | O_NONBLOCK) == 0 &&
	    epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, LISTENER, &event) == 0;
}

/* -1: no request waits, and none has to be looked at. */
static int
time_to_look_ms(const struct worker *w)
{
	const struct follower *f;
	int64_t left;

	if (w->scans != NULL)
		return 0;
	if (w->senders.first != NULL && w->now->req.ipcFd >= 0)
		return SEND_LOOK_MS;
	if (w->waiting == NULL)
		return w->senders.first == NULL ? -1 : SEND_STALL_MS;
	for (f = w->waiting; f != NULL; f = f->next)
		if (f->is_due)
			return 0;
	left = w->looked_ms + FOLLOW_LOOK_MS - clock_mono_ms();
	return left < 0 ? 0 : (int)left;
}

/*
 * Wait for a request: on a connection that the web server keeps, or on a new one. False: none has
 * come, but it may be time to look at those that wait.
 */
static bool
wait_for_request(struct worker *w)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP };
	const int timeout_ms = time_to_look_ms(w);
	int fd;
	bool ready;

	if (w->now->req.ipcFd < 0)
		return shutdown_poll(w->epoll_fd, timeout_ms);
	fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd == -1)
		return false;
	ready = epoll_ctl(fd, EPOLL_CTL_ADD, w->now->req.ipcFd, &event) == 0 &&
	    shutdown_poll(fd, timeout_ms);
	close(fd);
	return ready;
}

/*
 * Read the end of the request's body. On a kept connection libfcgi would see it as the begin of the
 * next request, and hang up; a connection closed with unread bytes is reset, and the answer may be
 * lost. Not drained: there is too much more, or it does not come.
 */
static void
drain(struct connection *c)
{
	char scrap[4096];

	limit_reading(c);
	c->is_drained = FCGX_GetStr(scrap, sizeof(scrap), c->req.in) < (int)sizeof(scrap) &&
	    FCGX_GetError(c->req.in) == 0;
}

/* libfcgi would wait for the server to close its end, up to 2 s */
static void
hang_up(struct connection *c)
{
	if (c->req.ipcFd >= 0)
		close(c->req.ipcFd);
	c->req.ipcFd = -1;
}

/* What was written of the answer goes out, and the rest to those that are sent beside others. */
static void
finish_later(struct worker *w, struct connection *c)
{
	const int fd = c->req.ipcFd;
	enum kodo_err err;

	(void)FCGX_FFlush(c->req.out);
	c->req.ipcFd = -1;
	err = senders_add(&w->senders, fd, (unsigned)c->req.requestId, &c->rest);
	if (err != KODO_OK)
		log_error("%s: an answer was cut off", kodo_err_text(err));
	FCGX_Free(&c->req, 0);
}

/*
 * Send the rest of the answer. A connection that is not kept is closed without the wait for the
 * server, which was a third of the system calls of a request.
 */
static void
finish(struct worker *w, struct connection *c)
{
	const bool is_kept = c->req.keepConnection != 0;

	if (c->rest.sink.fd != -1) {
		finish_later(w, c);
		return;
	}
	c->req.keepConnection = c->is_drained;
	FCGX_Finish_r(&c->req);
	if (!is_kept)
		hang_up(c);
}

static struct connection *
connection_new(void)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->t = (struct transport){ .env = worker_env, .environment = worker_environment,
		.read = worker_read, .write = worker_write, .write_later = worker_write_later,
		.flush = worker_flush, .arg = c };
	c->rest = (struct body)BODY_INIT(NULL);
	if (FCGX_InitRequest(&c->req, LISTENER, FCGI_FAIL_ACCEPT_ON_INTR) == 0)
		return c;
	free(c);
	return NULL;
}

static void
connection_free(struct connection *c)
{
	if (c == NULL)
		return;
	FCGX_Free(&c->req, 0);
	hang_up(c);
	free(c);
}

/* --- requests that wait --- */

/*
 * f's request leaves the worker free for others. Its connection is not kept after the answer, for
 * the worker has another one by then.
 */
static void
park(struct worker *w, struct follower *f)
{
	struct connection *c = connection_new();

	if (c == NULL || !w->now->is_drained) {
		connection_free(c);
		f->is_over = true;
		follow_end(serve_request(w->server, &w->now->t, f));
		finish(w, w->now);
		return;
	}
	f->owner = w->now;
	w->now = c;
	if (f->is_turn) {
		*(w->scans == NULL ? &w->scans : &w->last_scan->next) = f;
		w->last_scan = f;
		w->n_scans++;
		return;
	}
	f->next = w->waiting;
	w->waiting = f;
	if (w->n_waiting++ == 0)
		w->looked_ms = clock_mono_ms();
}

/* Take a request out of the list, to answer it or to drop it. */
static struct connection *
unpark(struct worker *w, struct follower **at)
{
	struct follower *f = *at;

	*at = f->next;
	f->next = NULL;
	w->n_waiting--;
	return f->owner;
}

/* The next one that is due. It may have to wait again. */
static void
answer_due(struct worker *w)
{
	struct follower **at = &w->waiting, *f;
	struct connection *c;

	while (*at != NULL && !(*at)->is_due)
		at = &(*at)->next;
	if (*at == NULL)
		return;
	f = *at;
	c = unpark(w, at);
	c->t.takes_turns = false;	/* it has waited */
	f = serve_request(w->server, &c->t, f);
	if (f != NULL) {
		f->owner = c;
		f->next = w->waiting;
		w->waiting = f;
		w->n_waiting++;
		return;
	}
	c->req.keepConnection = 0;
	finish(w, c);
	connection_free(c);
	serve_after(w->server);
}

/* A server that says something, or has closed, wants no answer any more. */
static bool
is_gone(const struct connection *c)
{
	struct pollfd p = { .fd = c->req.ipcFd, .events = POLLIN | POLLRDHUP };

	return poll(&p, 1, 0) > 0;
}

/* Answer the oldest request that has waited for its turn. */
static void
answer_scan(struct worker *w)
{
	struct follower *f = w->scans;
	struct connection *c = f->owner;

	w->scans = f->next;
	w->n_scans--;
	w->is_scan_due = false;
	f->next = NULL;
	if (is_gone(c)) {
		follow_end(f);
	} else {
		follow_end(serve_request(w->server, &c->t, f));
		c->req.keepConnection = 0;
		finish(w, c);
	}
	connection_free(c);
	serve_after(w->server);
}

static void
drop_gone(struct worker *w)
{
	struct follower **at = &w->waiting, *f;
	struct connection *c;

	while ((f = *at) != NULL) {
		c = f->owner;
		if (is_gone(c)) {
			connection_free(unpark(w, at));
			follow_end(f);
		} else {
			at = &f->next;
		}
	}
}

/*
 * Look at those that wait, if it is time, and answer one: other requests come in between, so that a
 * change of which many must learn does not hold them up.
 */
static void
see_to_waiting(struct worker *w)
{
	const int64_t now_ms = clock_mono_ms();

	if (now_ms - w->looked_ms >= FOLLOW_LOOK_MS) {
		w->looked_ms = now_ms;
		drop_gone(w);
		serve_look(w->server, w->waiting);
	}
	answer_due(w);
}

/* --- requests --- */

/* Does a request wait behind the one at hand? Then what takes long lets it go first. */
static bool
has_others(const struct worker *w)
{
	struct pollfd p = { .fd = LISTENER, .events = POLLIN };

	return w->n_scans < SCANS_MAX && (w->scans != NULL || poll(&p, 1, 0) > 0);
}

/* One request, if there is one. */
static void
take_request(struct worker *w)
{
	struct connection *c = w->now;
	const bool kept = c->req.ipcFd >= 0;
	const char *software;
	struct follower *f;
	int failed;

	failed = FCGX_Accept_r(&c->req);
	if (failed < 0) {
		/*
		 * another worker was faster; or descriptors ran out, or a kept connection was
		 * closed
		 */
		if (failed != -EAGAIN && failed != -EINTR && !kept)
			shutdown_sleep_ms(PAUSE_MS);
		return;
	}
	/* mod_fcgid gives a process no other request meanwhile, and has few of them */
	software = worker_env(&c->t, "SERVER_SOFTWARE");
	c->t.is_alone = software != NULL && strncmp(software, "Apache", 6) == 0;
	/* after a kept connection, too, it may be a new one: libfcgi accepts one after its end */
	c->t.takes_turns = !c->t.is_alone && has_others(w);
	c->reads_in_time = c->writes_in_time = false;
	c->written = 0;
	f = serve_request(w->server, &c->t, NULL);
	drain(c);
	w->is_scan_due |= f == NULL;
	if (f == NULL)
		finish(w, c);
	else
		park(w, f);
	serve_after(w->server);
}

/*
 * The requests in the listener's queue at a signal to end. Under mod_fcgid, where each process has
 * a listener of its own, no other process would take them, and their clients would wait in vain.
 */
static void
take_queued(struct worker *w)
{
	struct pollfd p = { .fd = LISTENER, .events = POLLIN };
	unsigned i;

	hang_up(w->now);
	for (i = 0; i < QUEUED_MAX && poll(&p, 1, 0) > 0; i++) {
		take_request(w);
		hang_up(w->now);
	}
}

/* Go on with the answers on their way; a client that is too slow for that is cut off. */
static void
send_last(struct worker *w)
{
	const int64_t end_ms = clock_mono_ms() + SEND_END_MS;
	struct pollfd p = { .fd = w->senders.epoll_fd, .events = POLLIN };

	while (w->senders.first != NULL && clock_mono_ms() < end_ms) {
		(void)poll(&p, 1, SEND_LOOK_MS);
		senders_send(&w->senders);
	}
}

static void
serve_until_signal(struct worker *w)
{
	struct follower *f;

	while (!shutdown_wanted() && !serve_is_outdated(w->server)) {
		if (wait_for_request(w))
			take_request(w);
		else
			w->is_scan_due = true;
		if (w->scans != NULL && w->is_scan_due)
			answer_scan(w);
		if (w->waiting != NULL)
			see_to_waiting(w);
		if (w->senders.first != NULL)
			senders_send(&w->senders);
	}
	while (w->scans != NULL)
		answer_scan(w);
	/* each has its answer now, also where nothing is known to be due */
	for (f = w->waiting; f != NULL; f = f->next)
		f->is_due = f->is_over = true;
	while (w->waiting != NULL)
		answer_due(w);
	if (serve_is_outdated(w->server))
		hang_up(w->now);	/* what is queued is for the newer program */
	else
		take_queued(w);
	send_last(w);
}

int
fcgi_serve(const char *loader)
{
	struct worker w = { .server = server_new(loader), .epoll_fd = -1,
		.senders = { NULL, -1 } };
	char name[] = "kodo", *argv[] = { name, NULL, NULL };
	bool is_outdated = false;
	int status = 1;

	/* large blocks go back to the system at once; by itself glibc raises this at the first */
	(void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
	/* but the end of the heap must not move at each request */
	(void)mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
	if (w.server == NULL) {
		log_error("memory ran out");
		goto out;
	}
	/* before libfcgi, which has handlers of its own for signals that nobody handles yet */
	shutdown_install();
	if (FCGX_Init() != 0 || (w.now = connection_new()) == NULL || !watch_listener(&w)) {
		log_error("descriptor 0 cannot be served: %s", strerror(errno));
		goto out;
	}
	serve_until_signal(&w);
	is_outdated = !shutdown_wanted() && serve_is_outdated(w.server);
	log_debug(is_outdated ? "this worker becomes the newer program" : "shutdown now");
	status = 0;
out:
	senders_free(&w.senders);
	connection_free(w.now);
	server_free(w.server);
	if (is_outdated && loader != NULL)
		argv[1] = strdup(loader);
	if (is_outdated)
		renew_become(store_format_own, argv);
	return status;
}
