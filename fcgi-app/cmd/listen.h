/*
 * The listening sockets of `kodo service`: TCP for the web server, one unix socket for the workers.
 *
 * The service opens them itself and keeps them open: a taken port is known before the first child
 * starts, and during the restart of a web server or worker connections wait in the socket's queue
 * instead of a refusal.
 */
#ifndef KODO_LISTEN_H
#define KODO_LISTEN_H

#include <sys/socket.h>

#include "core/base/err.h"
#include "core/base/str.h"

#define LISTEN_MAX	8u	/* addresses of one host name */

struct listen {
	int fd[LISTEN_MAX];
	unsigned n;
};

struct listen_address {
	struct sockaddr_storage to;
	socklen_t len;
};

/*
 * The addresses of host with that port. `localhost` has two, 127.0.0.1 and ::1, and nobody is
 * asked: not every machine has both in /etc/hosts, and clients try ::1 first. NULL, or why there is
 * none.
 */
const char *listen_find(struct str host, unsigned port, struct listen_address out[LISTEN_MAX],
    unsigned *n) MUST_CHECK;

/*
 * Take the port on every address of host, see listen_find. "*" or an empty host: all addresses of
 * this machine. Addresses that this machine does not have are left out as long as one is left.
 * Nobody can connect before listen_start.
 *
 * KODO_ECONFLICT: the port is taken. KODO_EIO. Both with why; nothing is open then.
 */
enum kodo_err listen_open_tcp(
    struct str host, unsigned port, struct listen *out, struct why *why) MUST_CHECK;

/*
 * Let clients connect; they wait for an accept. KODO_ECONFLICT with why: another program has taken
 * the port since.
 */
enum kodo_err listen_start(const struct listen *l, unsigned port, struct why *why) MUST_CHECK;
void listen_close(struct listen *l);

/*
 * Listen on a unix socket name in folder, whatever the length of its path; an earlier file of that
 * name is removed.
 * KODO_EIO with why.
 */
enum kodo_err listen_open_unix(
    const char *folder, const char *name, int *fd, struct why *why) MUST_CHECK;

/*
 * Ask the service behind l for its home page, without waiting for the answer. *fd becomes readable
 * when there is one. KODO_EIO: no connection now.
 */
enum kodo_err listen_ask(const struct listen *l, int *fd) MUST_CHECK;

/* Was the answer at fd one of a service that works (any status below 500)? Closes fd. */
bool listen_was_answered(int fd);

#endif
