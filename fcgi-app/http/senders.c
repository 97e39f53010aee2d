#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "http/senders.h"
#include "http/transport.h"

#define BLOCK_BYTES	32768u		/* of the body, in a record */
#define TURN_BYTES	((size_t)1 << 20)	/* of one answer, then others have their turn */
/*
 * A client has a minute, and a second for each 32 KiB: one that takes a KiB now and then would keep
 * the room of others for hours.
 */
#define GRACE_MS	60000
#define RATE_BYTES_MS	32u

/* FastCGI 1.0, 3.3 and 5: a record is its type, the request's id, the length, and the content */
#define RECORD_HEAD	8u
#define RECORD_STDOUT	6u
#define RECORD_END	3u

struct sender {
	struct sender *next;
	int fd;
	unsigned id;
	struct body body;
	bool is_ending;			/* the last record is in block */
	unsigned char block[RECORD_HEAD + BLOCK_BYTES];
	size_t len, at;			/* records in block, and what was sent of them */
	int64_t moved_ms;		/* when the server took something */
	int64_t end_ms;			/* when it has to have taken all */
};

enum progress { WAITS, ENDED, FAILED };

bool
senders_init(struct senders *s)
{
	s->first = NULL;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return s->epoll_fd != -1;
}

static void
sender_free(struct sender *one)
{
	close(one->fd);
	body_free(&one->body);
	free(one);
}

void
senders_free(struct senders *s)
{
	struct sender *one;

	while ((one = s->first) != NULL) {
		s->first = one->next;
		sender_free(one);
	}
	if (s->epoll_fd != -1)
		close(s->epoll_fd);
	s->epoll_fd = -1;
}

enum kodo_err
senders_add(struct senders *s, int fd, unsigned id, struct body *body)
{
	struct sender *one = calloc(1, sizeof(*one));
	struct epoll_event event = { .events = EPOLLOUT };

	buf_free(&body->sink.buf);
	if (one == NULL) {
		close(fd);
		body_free(body);
		return KODO_ENOMEM;
	}
	one->fd = fd;
	one->id = id;
	one->moved_ms = clock_mono_ms();
	one->end_ms = one->moved_ms + GRACE_MS + (int64_t)(body->sink.len / RATE_BYTES_MS);
	one->body = *body;
	*body = (struct body)BODY_INIT(one->body.sink.state);
	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
		sender_free(one);
		return KODO_EIO;
	}
	one->next = s->first;
	s->first = one;
	return KODO_OK;
}

static void
put_head(struct sender *one, unsigned type, size_t len)
{
	const unsigned char head[RECORD_HEAD] = { 1, (unsigned char)type,
		(unsigned char)(one->id >> 8), (unsigned char)one->id, (unsigned char)(len >> 8),
		(unsigned char)len };

	memcpy(one->block + one->len, head, RECORD_HEAD);
	one->len += RECORD_HEAD;
}

/* The next records: a block of the body, at last the ends of output and request. */
static bool
fill(struct sender *one)
{
	size_t n;

	one->at = one->len = 0;
	if (body_read(&one->body, (char *)one->block + RECORD_HEAD, BLOCK_BYTES, &n) != KODO_OK)
		return false;
	if (n == 0) {
		put_head(one, RECORD_STDOUT, 0);
		put_head(one, RECORD_END, 8);
		memset(one->block + one->len, 0, 8);	/* exit status 0, request complete */
		one->len += 8;
		one->is_ending = true;
		return true;
	}
	put_head(one, RECORD_STDOUT, n);
	one->len += n;
	return true;
}

static enum progress
send_turn(struct sender *one, int64_t now_ms)
{
	const uint64_t begun = one->body.read;
	size_t sent = 0;
	ssize_t n;

	/* compressing takes its time by what is read */
	while (sent < TURN_BYTES && one->body.read - begun < TURN_BYTES) {
		if (one->at == one->len) {
			if (one->is_ending)
				return ENDED;
			if (!fill(one))
				return FAILED;
		}
		n = send(one->fd, one->block + one->at, one->len - one->at,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0)
			return FAILED;
		one->at += (size_t)n;
		sent += (size_t)n;
	}
	if (sent > 0)
		one->moved_ms = now_ms;
	return now_ms - one->moved_ms > TRANSPORT_STALL_S * 1000 || now_ms > one->end_ms
	    ? FAILED : WAITS;
}

void
senders_send(struct senders *s)
{
	const int64_t now_ms = clock_mono_ms();
	struct sender **at = &s->first, *one;
	enum progress what;

	while ((one = *at) != NULL) {
		what = send_turn(one, now_ms);
		if (what == WAITS) {
			at = &one->next;
			continue;
		}
		if (what == FAILED)
			log_debug("an answer was not taken");
		*at = one->next;
		sender_free(one);
	}
}
