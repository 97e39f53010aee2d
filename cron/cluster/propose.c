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
 * boot is of this process, n counts from 1 without a gap, but for those that are fenced.
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
#include "cron/cluster/context.h"
#include "cron/cluster/propose.h"

#define PART_BYTES	900000u
#define AGAIN_MS	100	/* after a txn of which the outcome is unknown */
#define BACKLOG		128

enum waits {
	WAITS_NOT,	/* for a request, or to send an answer */
	WAITS_QUEUED,
	WAITS_SENT,	/* in the txn under way */
	WAITS_LOGGED,	/* in the log; to be applied */
	WAITS_ORDER,	/* for what is no entry */
};

struct client {
	int fd;			/* -1: hung up; its entry may still be under way */
	bool is_used;
	enum waits waits;
	struct link_request request;
	size_t head;		/* bytes of the request's head that have come */
	struct buf in, out;
	size_t sent;
	uint64_t order;		/* of what is queued */
	unsigned part, n_parts;
	bool is_numbered;
	uint64_t n;
	char key[KEY_BYTES];	/* whole, once numbered */
	size_t key_len;
};

struct proposer {
	struct context *e;
	int fd;
	struct client *clients;
	uint64_t next_order, next_n, next_fenced;
	struct client *batch[ETCD_TXN_PUTS];
	size_t n_batch;
	bool is_under_way;	/* a call */
	bool is_unknown;	/* an attempt of this batch may have been done */
	int64_t again_ms;
	char path[PATH_BYTES];
	struct buf values;
};

enum kodo_err
propose_new(struct context *e, struct proposer **out, struct why *why)
{
	struct proposer *p = calloc(1, sizeof(*p));
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	unsigned i;
	enum kodo_err err;

	*out = NULL;
	if (p == NULL || (p->clients = calloc(PROPOSE_CLIENTS, sizeof(p->clients[0]))) == NULL) {
		free(p);
		return KODO_ENOMEM;
	}
	for (i = 0; i < PROPOSE_CLIENTS; i++)
		p->clients[i].fd = -1;
	p->e = e;
	p->next_n = p->next_fenced = 1;
	p->fd = -1;
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

static void
hang_up(struct client *c)
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
propose_free(struct proposer *p)
{
	unsigned i;

	if (p == NULL)
		return;
	for (i = 0; i < PROPOSE_CLIENTS; i++) {
		p->clients[i].waits = WAITS_NOT;
		hang_up(&p->clients[i]);
	}
	if (p->fd >= 0) {
		close(p->fd);
		unlink(p->path);
	}
	buf_free(&p->values);
	free(p->clients);
	free(p);
}

/* --- bytes --- */

static void
answer(struct client *c, enum kodo_err err, uint64_t revision, struct str result)
{
	const struct link_answer head = { .bytes = (uint32_t)result.len, .err = err,
		.revision = revision };

	c->waits = WAITS_NOT;
	c->head = 0;
	buf_free(&c->in);
	if (c->fd < 0) {
		hang_up(c);
		return;
	}
	buf_reset(&c->out);
	c->sent = 0;
	buf_put(&c->out, &head, sizeof(head));
	buf_put_str(&c->out, result);
	if (buf_failed(&c->out))
		hang_up(c);
}

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

	if (c->request.is_order != 0) {
		c->waits = WAITS_ORDER;
		p->e->take_order(p->e, c, buf_str(&c->in));
		return;
	}
	err = entry_head_read(buf_str(&c->in), &head);
	if (err != KODO_OK) {
		answer(c, err, 0, STR(""));
		return;
	}
	if (!context_has_quorum(p->e) || p->e->status.stopped[0] != '\0') {
		answer(c, KODO_EBUSY, 0, STR(""));
		return;
	}
	if (p->e->is_full) {
		answer(c, KODO_EFULL, 0, STR(""));
		return;
	}
	c->waits = WAITS_QUEUED;
	c->order = p->next_order++;
	c->is_numbered = false;
	c->part = 0;
	c->n_parts = c->in.len <= PART_BYTES ? 0
	    : (unsigned)((c->in.len + PART_BYTES - 1) / PART_BYTES);
}

static void
receive(struct proposer *p, struct client *c)
{
	char *at;
	size_t want;
	ssize_t n;

	if (c->waits != WAITS_NOT) {
		/* nothing is to come before the answer: it has hung up */
		char byte;

		if (recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN)
			hang_up(c);
		return;
	}
	if (c->head < sizeof(c->request)) {
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
		hang_up(c);
		return;
	}
	if (n < 0)
		return;
	if (c->head < sizeof(c->request))
		c->head += (size_t)n;
	else
		c->in.len += (size_t)n;
	if (c->head < sizeof(c->request))
		return;
	if (c->request.bytes == 0 || c->request.bytes > LINK_ENTRY_BYTES)
		hang_up(c);
	else if (c->in.len == c->request.bytes)
		take_request(p, c);
}

static void
transmit(struct client *c)
{
	ssize_t n = send(c->fd, c->out.p + c->sent, c->out.len - c->sent,
	    MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		hang_up(c);
		return;
	}
	c->sent += n > 0 ? (size_t)n : 0;
	if (c->sent == c->out.len) {
		buf_free(&c->out);
		c->sent = 0;
	}
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
			transmit(&p->clients[i]);
		else if (fds[k].is_ready)
			receive(p, &p->clients[i]);
	}
	if (n > 0 && fds[0].is_ready)
		greet(p);
}

/* --- the txn --- */

static void
number(struct proposer *p, struct client *c)
{
	const bool is_fenced = c->request.token != 0;
	char key[KEY_BYTES];
	struct str k;

	if (c->is_numbered)
		return;
	c->is_numbered = true;
	c->n = is_fenced ? p->next_fenced++ : p->next_n++;
	k = context_key(p->e, key, "log/%s/%s/%s%0*" PRIu64, p->e->name, p->e->boot,
	    is_fenced ? "f" : "", is_fenced ? 15 : 16, c->n);
	memcpy(c->key, k.p, k.len);
	c->key_len = k.len;
}

static void
on_part(void *arg, const struct etcd_answer *an)
{
	struct proposer *p = arg;
	struct client *c = p->batch[0];

	p->is_under_way = false;
	p->n_batch = 0;
	c->waits = WAITS_QUEUED;
	if (an->err == KODO_OK) {
		c->part++;
		return;
	}
	p->again_ms = clock_mono_ms() + AGAIN_MS;
	if (an->err != KODO_EBUSY)
		answer(c, an->err == KODO_EFULL ? KODO_EFULL : KODO_EIO, 0, STR(""));
}

/* A part of a large entry, before the entry itself. A put can be made twice: it is the same. */
static void
send_part(struct proposer *p, struct client *c)
{
	const size_t from = (size_t)c->part * PART_BYTES;
	const size_t len = c->in.len - from < PART_BYTES ? c->in.len - from : PART_BYTES;
	const struct etcd_done done = { on_part, p };
	char key[KEY_BYTES];

	number(p, c);
	p->batch[0] = c;
	p->n_batch = 1;
	c->waits = WAITS_SENT;
	p->is_under_way = etcd_put(p->e->etcd,
	    context_key(p->e, key, "part/%s/%s/%s%016" PRIu64 "/%06u", p->e->name, p->e->boot,
		c->request.token != 0 ? "f" : "", c->n, c->part),
	    (struct str){ c->in.p + from, len }, 0, done) == KODO_OK;
	if (!p->is_under_way) {
		c->waits = WAITS_QUEUED;
		p->n_batch = 0;
		p->again_ms = clock_mono_ms() + AGAIN_MS;
	}
}

static const char *
words_of(const struct etcd_answer *an)
{
	static char words[160];

	snprintf(words, sizeof(words), "%.*s", STR_ARG(an->words));
	return words;
}

/* The whole batch was not done, and will not be. */
static void
refuse_batch(struct proposer *p, enum kodo_err err)
{
	size_t i;

	/* their numbers are free again: of one boot there is no gap */
	for (i = 0; i < p->n_batch; i++) {
		struct client *c = p->batch[i];

		if (c->waits != WAITS_SENT)
			continue;
		if (c->request.token == 0 && c->n < p->next_n)
			p->next_n = c->n;
		answer(c, err, 0, STR(""));
	}
	p->n_batch = 0;
	p->is_unknown = false;
}

static void
on_txn(void *arg, const struct etcd_answer *an)
{
	struct proposer *p = arg;
	size_t i;

	p->is_under_way = false;
	if (an->err == KODO_OK)
		context_note_quorum(p->e);
	if (an->err == KODO_OK && an->n_fates == p->n_batch) {
		for (i = 0; i < p->n_batch; i++) {
			struct client *c = p->batch[i];

			/* it may have been applied before etcd said that it has it */
			if (c->waits != WAITS_SENT)
				continue;
			c->waits = WAITS_LOGGED;
			if (an->fates[i] == ETCD_PUT_FENCED)
				answer(c, KODO_ECONFLICT, 0, STR(""));
		}
		p->n_batch = 0;
		p->is_unknown = false;
		return;
	}
	if (an->err == KODO_EBUSY || an->err == KODO_ENOMEM || p->is_unknown) {
		p->is_unknown |= an->err == KODO_EBUSY;
		p->again_ms = clock_mono_ms() + AGAIN_MS;
		return;		/* the same again, under the same keys */
	}
	log_warning("etcd refuses an entry: %s", words_of(an));
	refuse_batch(p, an->err == KODO_EFULL ? KODO_EFULL : KODO_EIO);
	p->again_ms = clock_mono_ms() + AGAIN_MS;
}

/* The queued one that came first. */
static struct client *
first_queued(struct proposer *p, uint64_t from)
{
	struct client *first = NULL;
	unsigned i;

	for (i = 0; i < PROPOSE_CLIENTS; i++) {
		struct client *c = &p->clients[i];

		if (c->is_used && c->waits == WAITS_QUEUED && c->order >= from &&
		    (first == NULL || c->order < first->order))
			first = c;
	}
	return first;
}

static void
fill_batch(struct proposer *p)
{
	size_t bytes = 0, value;
	uint64_t from = 0;
	struct client *c;

	while (p->n_batch < ETCD_TXN_PUTS && (c = first_queued(p, from)) != NULL) {
		value = (c->n_parts > 0 ? sizeof(uint32_t) : c->in.len) + KEY_BYTES;
		if (p->n_batch > 0 && (bytes + value > ETCD_TXN_BYTES || c->part < c->n_parts))
			return;
		if (c->part < c->n_parts) {
			send_part(p, c);
			return;
		}
		/* one in parts is alone in its revision: whoever applies it fetches them first */
		if (p->n_batch > 0 && c->n_parts > 0)
			return;
		number(p, c);
		c->waits = WAITS_SENT;
		p->batch[p->n_batch++] = c;
		if (c->n_parts > 0)
			return;
		bytes += value;
		from = c->order + 1;
	}
}

static void
send_batch(struct proposer *p)
{
	const struct etcd_done done = { on_txn, p };
	struct etcd_put puts[ETCD_TXN_PUTS];
	size_t at[ETCD_TXN_PUTS + 1], i;
	char leader[KEY_BYTES];
	const struct str fence = context_key(p->e, leader, "leader");

	buf_reset(&p->values);
	for (i = 0; i < p->n_batch; i++) {
		struct client *c = p->batch[i];

		at[i] = p->values.len;
		buf_putc(&p->values, c->n_parts > 0 ? 'P' : 'E');
		if (c->n_parts > 0)
			buf_put_u32(&p->values, c->n_parts);
		else
			buf_put_str(&p->values, buf_str(&c->in));
	}
	at[i] = p->values.len;
	for (i = 0; i < p->n_batch; i++) {
		const struct client *c = p->batch[i];

		puts[i] = (struct etcd_put){ .key = { c->key, c->key_len },
			.value = { p->values.p + at[i], at[i + 1] - at[i] },
			.fence = c->request.token != 0 ? fence : STR_NULL,
			.token = c->request.token };
	}
	p->is_under_way = !buf_failed(&p->values) &&
	    etcd_create(p->e->etcd, puts, p->n_batch, done) == KODO_OK;
	if (!p->is_under_way)
		p->again_ms = clock_mono_ms() + AGAIN_MS;
	if (p->values.cap > ETCD_TXN_BYTES)
		buf_free(&p->values);
}

void
propose_refuse(struct proposer *p, bool queued_too)
{
	unsigned i;

	for (i = 0; i < PROPOSE_CLIENTS; i++) {
		struct client *c = &p->clients[i];

		if (c->waits == WAITS_QUEUED && queued_too)
			answer(c, KODO_EBUSY, 0, STR(""));
		else if (c->fd >= 0 && (c->waits == WAITS_SENT || c->waits == WAITS_LOGGED))
			hang_up(c);
	}
}

void
propose_tick(struct proposer *p)
{
	if (!context_has_quorum(p->e) || p->e->status.stopped[0] != '\0')
		propose_refuse(p, true);
	/* what is logged before a copy is taken over may be in it: nobody would hear of it */
	if (!p->e->is_joined || p->e->status.stopped[0] != '\0' || p->e->status.is_catching_up)
		return;
	if (p->is_under_way || clock_mono_ms() < p->again_ms)
		return;
	if (p->n_batch == 0)
		fill_batch(p);
	if (!p->is_under_way && p->n_batch > 0)
		send_batch(p);
}

void
propose_applied(struct proposer *p, struct str key, uint64_t revision, struct str result)
{
	unsigned i;

	for (i = 0; i < PROPOSE_CLIENTS; i++) {
		struct client *c = &p->clients[i];

		if (c->is_used && (c->waits == WAITS_SENT || c->waits == WAITS_LOGGED) &&
		    str_eq((struct str){ c->key, c->key_len }, key)) {
			answer(c, KODO_OK, revision, result);
			return;
		}
	}
}

void
propose_order_done(void *client, enum kodo_err err)
{
	answer(client, err, 0, STR(""));
}

struct str
propose_key(struct proposer *p, char out[KEY_BYTES])
{
	return context_key(p->e, out, "log/%s/%s/f%015" PRIu64, p->e->name, p->e->boot,
	    p->next_fenced++);
}
