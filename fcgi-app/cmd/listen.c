#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/listen.h"

#define BACKLOG		1024	/* connections that wait while all workers are busy */

void
listen_close(struct listen *l)
{
	while (l->n > 0)
		close(l->fd[--l->n]);
}

static int
open_address(const struct listen_address *a)
{
	int fd, on = 1, saved;

	fd = socket(a->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	/* without it a port stays taken for a minute after the end of its service */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (a->to.ss_family != AF_INET6 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) &&
	    bind(fd, (const struct sockaddr *)&a->to, a->len) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* Not an address of this machine, or no IPv6 here: another one may do. */
static bool
is_elsewhere(int failed)
{
	return failed == EADDRNOTAVAIL || failed == EAFNOSUPPORT || failed == EPROTONOSUPPORT;
}

static enum kodo_err
explain(int failed, const char *host, unsigned port, struct why *why)
{
	switch (failed) {
	case EADDRINUSE:
		return why_set(why, KODO_ECONFLICT,
		    "port %u of %s is taken: end the program that listens there, or choose "
		    "another port in url, as http://localhost:3369 (or, behind a web server, with "
		    "--listen ADDRESS:PORT)",
		    port, host);
	case EACCES:
		return why_set(why, KODO_EIO,
		    "port %u needs more rights than ours: choose one above 1023 in url, as "
		    "http://localhost:3366, or, behind a web server, with --listen ADDRESS:PORT",
		    port);
	default:
		return why_set(why, KODO_EIO,
		    "cannot listen on %s port %u: %s; name an address of this machine with "
		    "--listen ADDRESS:PORT",
		    host, port, strerror(failed));
	}
}

/* Numeric addresses of a name, or of all interfaces. Returns as getaddrinfo. */
static int
ask_resolver(const char *host, unsigned port, struct listen_address out[LISTEN_MAX], unsigned *n)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE
	};
	struct addrinfo *list = NULL, *ai;
	char service[16];
	int failed;

	snprintf(service, sizeof(service), "%u", port);
	failed = getaddrinfo(host, service, &hints, &list);
	if (failed != 0)
		return failed;
	for (ai = list; ai != NULL && *n < LISTEN_MAX; ai = ai->ai_next) {
		memcpy(&out[*n].to, ai->ai_addr, ai->ai_addrlen);
		out[(*n)++].len = ai->ai_addrlen;
	}
	freeaddrinfo(list);
	return 0;
}

/* As RFC 6761 has it: localhost, and what ends in .localhost. */
static bool
is_localhost(const char *host)
{
	static const char name[] = "localhost";
	size_t n = strlen(host), len = sizeof(name) - 1;

	return n >= len && strcasecmp(host + n - len, name) == 0 &&
	    (n == len || host[n - len - 1] == '.');
}

const char *
listen_find(
    struct str name, unsigned port, struct listen_address out[LISTEN_MAX], unsigned *n)
{
	bool all = name.len == 0 || str_eq(name, STR("*"));
	char host[256];
	int failed;

	*n = 0;
	if (name.len >= 2 && name.p[0] == '[' && name.p[name.len - 1] == ']')
		name = (struct str){ name.p + 1, name.len - 2 };
	str_copy(host, sizeof(host), name);
	if (!all && is_localhost(host)) {
		/* a machine without IPv6 gives no ::1 */
		failed = ask_resolver("127.0.0.1", port, out, n);
		(void)ask_resolver("::1", port, out, n);
	} else
		failed = ask_resolver(all ? NULL : host, port, out, n);
	return failed == 0 ? NULL : gai_strerror(failed);
}

enum kodo_err
listen_open_tcp(struct str name, unsigned port, struct listen *out, struct why *why)
{
	struct listen_address found[LISTEN_MAX];
	bool all = name.len == 0 || str_eq(name, STR("*"));
	int last = EADDRNOTAVAIL;
	const char *failed;
	char host[256];
	unsigned n, i;

	out->n = 0;
	str_copy(host, sizeof(host), name);
	failed = listen_find(name, port, found, &n);
	if (failed != NULL)
		return why_set(why, KODO_EIO,
		    "cannot listen on %s: %s; name an address of this machine with "
		    "--listen ADDRESS:PORT",
		    host, failed);
	for (i = 0; i < n; i++) {
		int fd = open_address(&found[i]);

		if (fd >= 0)
			out->fd[out->n++] = fd;
		else if (!is_elsewhere(errno)) {
			last = errno;
			listen_close(out);
			break;
		}
	}
	return out->n > 0 ? KODO_OK : explain(last, all ? "this machine" : host, port, why);
}

enum kodo_err
listen_start(const struct listen *l, unsigned port, struct why *why)
{
	unsigned i;

	for (i = 0; i < l->n; i++)
		if (listen(l->fd[i], BACKLOG) != 0)
			return explain(errno, "this machine", port, why);
	return KODO_OK;
}

/*
 * The path of a socket has 107 bytes at most; inside of its folder it is only its name. So the
 * folder is the working directory for a moment; the web server starts in it.
 */
enum kodo_err
listen_open_unix(const char *folder, const char *name, int *out, struct why *why)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int back, fd = -1, bound = -1;

	*out = -1;
	if (strlen(name) >= sizeof(un.sun_path))
		return why_set(why, KODO_ETOOBIG, "the name %s is too long for a socket", name);
	memcpy(un.sun_path, name, strlen(name) + 1);
	back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (chdir(folder) == 0) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		unlink(name);
		if (fd >= 0 && bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0 &&
		    chmod(name, 0600) == 0)
			bound = listen(fd, BACKLOG);
	}
	if (bound != 0) {
		why_set(why, KODO_EIO, "cannot make the socket %s/%s: %s", folder, name,
		    strerror(errno));
		if (fd >= 0)
			close(fd);
	} else
		*out = fd;
	if (back >= 0) {
		if (fchdir(back) != 0 && *out >= 0)
			why_set(why, KODO_EIO, "cannot go back to the working directory: %s",
			    strerror(errno));
		close(back);
	}
	return *out >= 0 ? KODO_OK : KODO_EIO;
}

enum kodo_err
listen_ask(const struct listen *l, int *out)
{
	static const char request[] =
	    "GET / HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	int fd;

	*out = -1;
	if (l->n == 0 || getsockname(l->fd[0], (struct sockaddr *)&at, &len) != 0)
		return KODO_EIO;
	fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return KODO_EIO;
	/* our own socket, so this does not wait; an address "any" means this machine */
	if (connect(fd, (struct sockaddr *)&at, len) != 0 ||
	    send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(request) - 1) {
		close(fd);
		return KODO_EIO;
	}
	*out = fd;
	return KODO_OK;
}

bool
listen_was_answered(int fd)
{
	char line[13] = "";	/* HTTP/1.0 200 */
	ssize_t n = recv(fd, line, sizeof(line) - 1, MSG_DONTWAIT);

	close(fd);
	return n == (ssize_t)sizeof(line) - 1 && strncmp(line, "HTTP/1.", 7) == 0 &&
	    line[9] >= '1' && line[9] <= '4';
}
