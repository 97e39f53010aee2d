/* Entries into the log: see the head of propose.c. */
#include <inttypes.h>
#include <stdio.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/cluster/link.h"
#include "cron/cluster/current.h"
#include "cron/cluster/later.h"
#include "cron/cluster/propose.h"

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
	p->again_ms = clock_mono_ms() + PROPOSE_AGAIN_MS;
	if (an->err != KODO_EBUSY && c->record == 0)
		client_answer(c, an->err == KODO_EFULL ? KODO_EFULL : KODO_EIO, 0, STR(""));
}

/* A part of a large entry, before the entry itself. A put can be made twice: it is the same. */
static void
send_part(struct proposer *p, struct client *c)
{
	const size_t from = (size_t)c->part * PART_BYTES;
	const size_t len = c->in.len - from < PART_BYTES ? c->in.len - from : PART_BYTES;
	const struct etcd_done done = { on_part, p };
	char key[KEY_BYTES];
	struct str name;

	number(p, c);
	name = str_skip((struct str){ c->key, c->key_len }, strlen(p->e->prefix) + strlen("log/"));
	p->batch[0] = c;
	p->n_batch = 1;
	c->waits = WAITS_SENT;
	p->is_under_way = etcd_put(p->e->etcd,
	    context_key(p->e, key, "part/%.*s/%06u", STR_ARG(name), c->part),
	    (struct str){ c->in.p + from, len }, 0, done) == KODO_OK;
	if (!p->is_under_way) {
		c->waits = WAITS_QUEUED;
		p->n_batch = 0;
		p->again_ms = clock_mono_ms() + PROPOSE_AGAIN_MS;
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
	bool is_kept = false;
	size_t i;

	for (i = 0; i < p->n_batch; i++)
		is_kept |= p->batch[i]->record != 0;
	/* their numbers are free again: of one boot no gap; but the queue keeps its keys */
	for (i = 0; i < p->n_batch; i++) {
		struct client *c = p->batch[i];

		if (c->waits != WAITS_SENT)
			continue;
		if (c->record != 0) {
			c->waits = WAITS_QUEUED;
			continue;
		}
		if (!is_kept && c->request.token == 0 && c->n < p->next_n)
			p->next_n = c->n;
		client_answer(c, err, 0, STR(""));
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
				client_answer(c, KODO_ECONFLICT, 0, STR(""));
		}
		later_done(p);
		p->n_batch = 0;
		p->is_unknown = false;
		return;
	}
	/* or it was done, and what became of each cannot be read */
	if (an->err == KODO_EBUSY || an->err == KODO_ENOMEM || an->err == KODO_OK ||
	    p->is_unknown) {
		p->is_unknown |= an->err != KODO_ENOMEM;
		p->again_ms = clock_mono_ms() + PROPOSE_AGAIN_MS;
		return;		/* the same again, under the same keys */
	}
	log_warning("etcd refuses an entry: %s", words_of(an));
	refuse_batch(p, an->err == KODO_EFULL ? KODO_EFULL : KODO_EIO);
	p->again_ms = clock_mono_ms() + PROPOSE_AGAIN_MS;
}

/* The queued one that came first. */
static struct client *
first_queued(struct proposer *p, uint64_t from)
{
	struct client *first = NULL;
	unsigned i;

	for (i = 0; i < PROPOSE_ALL; i++) {
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

	later_load(p);
	while (p->n_batch < ETCD_TXN_PUTS && (c = first_queued(p, from)) != NULL) {
		if (c->record == 0 && later_is_more(p))
			return;
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
	size_t n = 0;

	/* of a txn whose outcome is unknown some may be applied: nothing is left of those */
	for (i = 0; i < p->n_batch; i++)
		if (p->batch[i]->waits == WAITS_SENT)
			p->batch[n++] = p->batch[i];
	p->n_batch = n;
	p->is_unknown = p->is_unknown && n > 0;
	if (n == 0)
		return;
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
		p->again_ms = clock_mono_ms() + PROPOSE_AGAIN_MS;
	if (p->values.cap > ETCD_TXN_BYTES)
		buf_free(&p->values);
}

void
propose_refuse(struct proposer *p, bool queued_too)
{
	unsigned i;

	for (i = 0; i < PROPOSE_CLIENTS; i++) {
		struct client *c = &p->clients[i];

		if (c->waits == WAITS_QUEUED && c->record == 0 && queued_too)
			client_answer(c, KODO_EBUSY, 0, STR(""));
		else if (!queued_too && c->is_used && c->record == 0 && c->waits == WAITS_LOGGED) {
			c->waits = WAITS_NOT;	/* a copy has it, and says nothing of it */
			client_hang_up(c);
		} else if (c->fd >= 0 && (c->waits == WAITS_SENT || c->waits == WAITS_LOGGED))
			client_hang_up(c);
	}
}

void
propose_tick(struct proposer *p)
{
	later_tick(p);
	current_tick(p);
	if (!context_takes_writes(p->e))
		propose_refuse(p, true);
	/* what is logged before a copy is taken over may be in it: nobody would hear of it */
	if (!p->e->is_joined || p->e->status.stopped[0] != '\0' || p->e->status.is_catching_up)
		return;
	if (p->is_under_way || clock_mono_ms() < p->again_ms)
		return;
	/* also of what was taken while there was room, and of what waits in the queue */
	if (p->n_batch == 0 && context_has_quorum(p->e) && context_has_room(p->e, 0))
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

		if (c->is_used && c->record == 0 &&
		    (c->waits == WAITS_SENT || c->waits == WAITS_LOGGED) &&
		    str_eq((struct str){ c->key, c->key_len }, key)) {
			client_answer(c, KODO_OK, revision, result);
			if (c->out.len > 0)
				client_transmit(c);	/* no status says more of it */
			return;
		}
	}
}

void
propose_order_done(void *client, enum kodo_err err)
{
	client_answer(client, err, 0, STR(""));
}

struct str
propose_key(struct proposer *p, char out[KEY_BYTES])
{
	return context_key(p->e, out, "log/%s/%s/f%015" PRIu64, p->e->name, p->e->boot,
	    p->next_fenced++);
}
