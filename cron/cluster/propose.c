/*
 * The socket of this machine (core/cluster/link.h), and what comes by it into the log: all that
 * waits
 * goes in one txn, each entry by a put of its own that is made only where its key is not there.
 * So a txn whose outcome is unknown is just sent again.
 *
 *	log/<machine>/<boot>/<n>	'E' and an entry; or 'P', and how many parts it has
 *	log/<machine>/<boot>/f<n>	the same of one that is fenced by the token of the sender
 *	part/<machine>/<boot>/<n>/<i>	bytes of an entry over PART_BYTES
 *
 * boot is of this process, n counts from 1 without a gap, but for those that are fenced. What waits
 * in the queue of this machine has a folder <boot>q: later.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/cluster/entry.h"
#include "core/cluster/link.h"
#include "core/storage/machine.h"
#include "cron/cluster/current.h"
#include "cron/cluster/later.h"
#include "cron/cluster/propose.h"

#define BACKLOG		128

enum kodo_err
propose_new(struct context *e, struct proposer **out, struct why *why)
{
	struct proposer *p = calloc(1, sizeof(*p));
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	unsigned i;
	enum kodo_err err;

	*out = NULL;
	if (p == NULL || (p->clients = calloc(PROPOSE_ALL, sizeof(p->clients[0]))) == NULL) {
		free(p);
		return KODO_ENOMEM;
	}
	for (i = 0; i < PROPOSE_ALL; i++)
		p->clients[i].fd = -1;
	p->e = e;
	p->next_n = p->next_fenced = 1;
	p->next_order = PROPOSE_ORDER;
	p->fd = -1;
	err = later_new(p, why);
	if (err == KODO_OK)
		err = state_file(e->state, MACHINE_SOCKET, p->path);
	if (err == KODO_OK && strlen(p->path) >= sizeof(at.sun_path))
		err = why_set(why, KODO_ETOOBIG, "the path of %s is too long for a socket: "
		    "give the service a shorter cache_data", p->path);
	if (err == KODO_OK) {
		memcpy(at.sun_path, p->path, strlen(p->path));
		unlink(p->path);
		p->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (p->fd < 0 || bind(p->fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
		    chmod(p->path, e->state->file_mode) != 0 || listen(p->fd, BACKLOG) != 0)
			err = why_set(why, KODO_EIO, "cannot listen at %s: %s", p->path,
			    strerror(errno));
	}
	if (err != KODO_OK) {
		propose_free(p);
		return err;
	}
	*out = p;
	return KODO_OK;
}

void
propose_free(struct proposer *p)
{
	unsigned i;

	if (p == NULL)
		return;
	for (i = 0; i < PROPOSE_ALL; i++) {
		p->clients[i].waits = WAITS_NOT;
		client_hang_up(&p->clients[i]);
	}
	if (p->fd >= 0) {
		close(p->fd);
		unlink(p->path);
	}
	buf_free(&p->values);
	queue_close(p->queue);
	free(p->clients);
	free(p);
}

/* --- bytes --- */

static void
greet(struct proposer *p)
{
	unsigned i;
	int fd;

	for (i = 0; i < PROPOSE_CLIENTS; i++) {
		struct client *c = &p->clients[i];

		if (c->is_used)
			continue;
		fd = accept4(p->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			return;
		*c = (struct client){ .fd = fd, .is_used = true };
	}
}

/* A request is there as a whole. */
static void
take_request(struct proposer *p, struct client *c)
{
	struct entry_head head;
	enum kodo_err err;

	if (c->request.is_order != 0 && str_eq(buf_str(&c->in), STR(LINK_CURRENT))) {
		current_wait(c);
		return;
	}
	if (c->request.is_order != 0) {
		c->waits = WAITS_ORDER;
		p->e->take_order(p->e, c, buf_str(&c->in));
		return;
	}
	err = entry_head_read(buf_str(&c->in), &head);
	if (err != KODO_OK) {
		client_answer(c, err, 0, STR(""));
		return;
	}
	c->may_later = later_may(p, head.kind);
	/* a start waits for the copy; whoever posts need not */
	if ((!context_takes_writes(p->e) && !(c->may_later && context_can_apply(p->e))) ||
	    (p->e->status.is_catching_up && head.kind != CHANGE_START)) {
		client_answer(c, KODO_EBUSY, 0, STR(""));
		return;
	}
	if (!context_has_room(p->e, c->in.len)) {
		client_answer(c, KODO_EFULL, 0, STR(""));
		return;
	}
	c->waits = WAITS_QUEUED;
	c->order = p->next_order++;
	c->is_numbered = false;
	c->record = 0;
	c->since_ms = clock_mono_ms();
	client_cut(c);
}

static void
receive(struct proposer *p, struct client *c)
{
	const bool is_head = c->head < sizeof(c->request);
	char *at;
	size_t want;
	ssize_t n;

	if (c->waits != WAITS_NOT) {
		/* nothing is to come before the answer: it has hung up */
		char byte;

		if (recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN)
			client_hang_up(c);
		return;
	}
	if (is_head) {
		at = (char *)&c->request + c->head;
		want = sizeof(c->request) - c->head;
	} else {
		want = c->request.bytes - c->in.len;
		if (want > ((size_t)1 << 20))
			want = (size_t)1 << 20;
		at = buf_room(&c->in, want);
	}
	n = at == NULL ? 0 : recv(c->fd, at, want, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		client_hang_up(c);
		return;
	}
	if (n < 0)
		return;
	if (is_head)
		c->head += (size_t)n;
	else
		c->in.len += (size_t)n;
	if (c->head < sizeof(c->request))
		return;
	if (c->request.bytes == 0 || c->request.bytes > LINK_ENTRY_BYTES)
		client_hang_up(c);
	else if (c->in.len == c->request.bytes)
		take_request(p, c);
	else if (is_head)
		receive(p, c);	/* the rest has come with it */
}

size_t
propose_fds(struct proposer *p, struct etcd_fd *fds, size_t max)
{
	size_t n = 0;
	unsigned i;

	fds[n++] = (struct etcd_fd){ .fd = p->fd };
	for (i = 0; i < PROPOSE_CLIENTS && n < max; i++)
		if (p->clients[i].fd >= 0)
			fds[n++] = (struct etcd_fd){ .fd = p->clients[i].fd,
				.to_write = p->clients[i].out.len > 0 };
	return n;
}

void
propose_io(struct proposer *p, const struct etcd_fd *fds, size_t n)
{
	unsigned i = 0;
	size_t k;

	for (k = 1; k < n; k++) {
		while (i < PROPOSE_CLIENTS && p->clients[i].fd != fds[k].fd)
			i++;
		if (i == PROPOSE_CLIENTS)
			i = 0;		/* it has hung up meanwhile */
		else if (fds[k].is_ready && p->clients[i].out.len > 0)
			client_transmit(&p->clients[i]);
		else if (fds[k].is_ready)
			receive(p, &p->clients[i]);
	}
	if (n > 0 && fds[0].is_ready)
		greet(p);
}
