/*
 * Long answers of FastCGI, sent beside other requests: a web server takes one as fast as its client
 * reads, which must hold neither a worker nor, in copies, the disk of the server.
 */
#ifndef KODO_SENDERS_H
#define KODO_SENDERS_H

#include <stdbool.h>

#include "http/body.h"

struct sender;

struct senders {
	struct sender *first;
	int epoll_fd;		/* readable: one of them can go on */
};

/* false: errno tells. */
bool senders_init(struct senders *s);
void senders_free(struct senders *s);	/* cuts off what is left */

/*
 * Send body, which is in a file, as the rest of request id on fd, and then the end of the request.
 * Both are taken over, and closed at the end, or when the web server has gone, has taken nothing
 * for TRANSPORT_STALL_S, or is too slow on the whole. KODO_ENOMEM, KODO_EIO: they are closed
 * already.
 */
enum kodo_err senders_add(struct senders *s, int fd, unsigned id, struct body *body) MUST_CHECK;

/* Send what can be sent without waiting; of each not too much at once. */
void senders_send(struct senders *s);

#endif
