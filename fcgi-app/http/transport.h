/*
 * The way of a request in and of its answer out: FastCGI (fcgi.c), plain CGI (cgi.c), or a test.
 */
#ifndef KODO_TRANSPORT_H
#define KODO_TRANSPORT_H

#include "http/body.h"

struct transport {
	/*
	 * A CGI variable (RFC 3875), NULL where it is not set. Valid until the request is finished.
	 */
	const char *(*env)(struct transport *t, const char *name);

	/* All of them, NAME=VALUE, a NULL behind. */
	char **(*environment)(struct transport *t);

	/*
	 * Up to max bytes of the body; *n 0: its end. KODO_EIO: the client has gone, or sends no
	 * byte for TRANSPORT_STALL_S. KODO_EBUSY: the system does not let us read.
	 */
	enum kodo_err (*read)(struct transport *t, char *p, size_t max, size_t *n);

	/*
	 * All n bytes of the answer. KODO_EIO: the client has gone, or takes no byte for
	 * TRANSPORT_STALL_S.
	 */
	enum kodo_err (*write)(struct transport *t, const char *p, size_t n);

	/*
	 * Not NULL: take over a body that is in a file (*body is empty then), to be sent
	 * behind what was written when the request is finished.
	 */
	void (*write_later)(struct transport *t, struct body *body);

	/* What was written goes out now. NULL: it has. */
	void (*flush)(struct transport *t);

	void *arg;
	bool is_alone;		/* a request that waits takes a process from others */
	bool is_process;	/* one for each request: CGI */
	bool takes_turns;	/* others wait: what takes long may wait, see follow_turn */
};

#define TRANSPORT_STALL_S	30	/* without a byte of the client, then it is cut off */

#endif
