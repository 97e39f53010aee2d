#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cron/cluster/client.h"

void
client_hang_up(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	/* what is in the log, or may be, is still waited for */
	if (c->waits == WAITS_SENT || c->waits == WAITS_LOGGED || c->waits == WAITS_ORDER)
		return;
	buf_free(&c->in);
	buf_free(&c->out);
	*c = (struct client){ .fd = -1 };
}

void
client_answer(struct client *c, enum kodo_err err, uint64_t revision, struct str result)
{
	const struct link_answer head = { .bytes = (uint32_t)result.len, .err = err,
		.revision = revision };

	c->waits = WAITS_NOT;
	c->head = 0;
	buf_free(&c->in);
	if (c->fd < 0) {
		client_hang_up(c);
		return;
	}
	buf_reset(&c->out);
	c->sent = 0;
	buf_put(&c->out, &head, sizeof(head));
	buf_put_str(&c->out, result);
	if (buf_failed(&c->out))
		client_hang_up(c);
}

void
client_transmit(struct client *c)
{
	ssize_t n = send(c->fd, c->out.p + c->sent, c->out.len - c->sent,
	    MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		client_hang_up(c);
		return;
	}
	c->sent += n > 0 ? (size_t)n : 0;
	if (c->sent == c->out.len) {
		buf_free(&c->out);
		c->sent = 0;
	}
}

void
client_cut(struct client *c)
{
	c->part = 0;
	c->n_parts = c->in.len <= PART_BYTES ? 0
	    : (unsigned)((c->in.len + PART_BYTES - 1) / PART_BYTES);
}
