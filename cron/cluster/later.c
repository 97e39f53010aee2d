#include <inttypes.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/cluster/entry.h"
#include "cron/cluster/later.h"

#define WAIT_MS	5000	/* over that of a new leader of etcd, and below LINK_REQUEST_MS */

enum kodo_err
later_new(struct proposer *p, struct why *why)
{
	enum kodo_err err = KODO_OK;

	if (p->e->options.durability == DURABILITY_LOCAL || queue_is_there(p->e->state))
		err = queue_open(p->e->state, QUEUE_BYTES, &p->queue, why);
	if (err == KODO_OK && p->queue != NULL)
		p->e->status.queued = queue_length(p->queue);
	return err;
}

bool
later_may(const struct proposer *p, enum change_kind kind)
{
	static const bool is_body[CHANGE_KINDS] = {
		[CHANGE_CONNECT] = true, [CHANGE_UPDATE] = true, [CHANGE_DISCONNECT] = true,
		[CHANGE_RECONNECT] = true,
	};

	return p->e->options.durability == DURABILITY_LOCAL && kind < CHANGE_KINDS &&
	    is_body[kind];
}

bool
later_is_more(const struct proposer *p)
{
	return p->queue != NULL && p->loaded < queue_last(p->queue);
}

static void
tell_length(struct proposer *p)
{
	const uint64_t n = queue_length(p->queue);

	if (n == p->e->status.queued)
		return;
	if (n == 0)
		log_info("all that was taken here is in the log of the cluster");
	else if (p->e->status.queued == 0)
		log_warning("the cluster takes nothing: bodies are taken here for later");
	p->e->status.queued = n;
	p->e->is_changed = true;
}

/* --- to the queue --- */

/* Of those who wait for longer than they should, the first one. */
static struct client *
next_waiting(struct proposer *p, uint64_t from, bool has_quorum, int64_t now_ms)
{
	struct client *first = NULL;
	unsigned i;

	for (i = 0; i < PROPOSE_CLIENTS; i++) {
		struct client *c = &p->clients[i];

		if (c->fd < 0 || !c->may_later || c->order < from || c->waits == WAITS_NOT ||
		    c->waits == WAITS_ORDER || (has_quorum && now_ms - c->since_ms < WAIT_MS))
			continue;
		if (first == NULL || c->order < first->order)
			first = c;
	}
	return first;
}

/* A key of its own, where it has none yet: numbers of the others must have no gap. */
static void
give_key(struct proposer *p, struct client *c)
{
	char key[KEY_BYTES];
	struct str k;

	if (c->is_numbered)
		return;
	k = context_key(p->e, key, "log/%s/%sq/%016" PRIu64, p->e->name, p->e->boot,
	    ++p->next_later);
	c->is_numbered = true;
	memcpy(c->key, k.p, k.len);
	c->key_len = k.len;
}

static enum kodo_err
put(struct proposer *p, struct client *c)
{
	const size_t prefix = strlen(p->e->prefix);

	give_key(p, c);
	return queue_put(p->queue, (struct str){ c->key + prefix, c->key_len - prefix },
	    buf_str(&c->in), &c->record);
}

static struct client *
free_slot(struct proposer *p)
{
	unsigned i;

	for (i = PROPOSE_CLIENTS; i < PROPOSE_ALL; i++)
		if (!p->clients[i].is_used)
			return &p->clients[i];
	return NULL;
}

/* The entry goes on, in the batch, without who waits for it. */
static void
part_from(struct proposer *p, struct client *c)
{
	struct client *slot = free_slot(p);
	size_t i;

	if (p->loaded + 1 == c->record)
		p->loaded = c->record;	/* else it is loaded, too, and put under the same key */
	if (slot == NULL)
		return;
	*slot = *c;
	slot->fd = -1;
	slot->out = (struct buf){ .p = NULL };
	slot->order = c->record;
	c->in = (struct buf){ .p = NULL };
	for (i = 0; i < p->n_batch; i++)
		if (p->batch[i] == c)
			p->batch[i] = slot;
}

/* It is durable here, or in the log; or cannot be. */
static void
release(struct proposer *p, struct client *c)
{
	const bool is_taken = c->record != 0 || c->waits == WAITS_LOGGED;

	if (c->waits == WAITS_SENT && is_taken)
		part_from(p, c);
	if (c->waits == WAITS_SENT && (!is_taken || c->in.p != NULL)) {
		client_hang_up(c);	/* it may be in the log */
		return;
	}
	c->record = 0;
	client_answer(c, is_taken ? KODO_ELATER : KODO_EBUSY, 0, STR(""));
}

void
later_tick(struct proposer *p)
{
	struct client *all[PROPOSE_CLIENTS], *c;
	const bool has_quorum = context_has_quorum(p->e);
	const int64_t now_ms = clock_mono_ms();
	uint64_t from = 0;
	size_t n = 0, i;
	enum kodo_err err = KODO_OK;

	if (p->queue == NULL || p->e->status.stopped[0] != '\0')
		return;
	while ((c = next_waiting(p, from, has_quorum, now_ms)) != NULL) {
		from = c->order + 1;
		all[n++] = c;
		c->record = 0;
		/* the first that has no room keeps those behind it out, too: order */
		if (c->waits != WAITS_LOGGED && err == KODO_OK)
			err = put(p, c);
	}
	if (n == 0)
		return;
	if (err == KODO_EFULL)
		log_warning("the queue of what the cluster is to take is full");
	if (queue_commit(p->queue) != KODO_OK)
		for (i = 0; i < n; i++)
			all[i]->record = 0;
	for (i = 0; i < n; i++)
		release(p, all[i]);
	tell_length(p);
}

/* --- from the queue --- */

static enum kodo_err
load(struct proposer *p, struct client *c)
{
	struct entry_head head;
	struct str key, entry, whole;
	char path[KEY_BYTES];
	uint64_t number = 0;
	enum kodo_err err = queue_next(p->queue, p->loaded, &number, &key, &entry);

	if (err == KODO_OK)
		err = entry_head_read(entry, &head);
	if (err == KODO_OK && strlen(p->e->prefix) + key.len >= sizeof(path))
		err = KODO_ECORRUPT;
	if (err != KODO_OK)
		return err;
	whole = context_key(p->e, path, "%.*s", STR_ARG(key));
	*c = (struct client){ .fd = -1, .is_used = true, .waits = WAITS_QUEUED, .order = number,
		.record = number, .is_numbered = true, .key_len = whole.len };
	memcpy(c->key, whole.p, whole.len);
	buf_put_str(&c->in, entry);
	if (buf_failed(&c->in)) {
		c->waits = WAITS_NOT;
		client_hang_up(c);
		return KODO_ENOMEM;
	}
	client_cut(c);
	p->loaded = number;
	return KODO_OK;
}

void
later_load(struct proposer *p)
{
	struct client *c;
	enum kodo_err err = KODO_OK;

	while (err == KODO_OK && later_is_more(p) && (c = free_slot(p)) != NULL)
		err = load(p, c);
	if (err == KODO_ENOTFOUND)
		p->loaded = queue_last(p->queue);
	else if (err == KODO_EVERSION)
		context_stop(p->e, "another kodo has taken bodies that the cluster does not have "
		    "yet: install that one until kodo cluster status shows none");
	else if (err != KODO_OK && err != KODO_ENOMEM)
		context_stop(p->e, "%s/" QUEUE_FILE " cannot be read: %s; it has %" PRIu64
		    " bodies that the cluster does not have: end the service and move it away, "
		    "if they may be lost", p->e->state->path, kodo_err_text(err),
		    queue_length(p->queue));
}

void
later_done(struct proposer *p)
{
	enum kodo_err err = KODO_OK;
	bool is_any = false;
	size_t i;

	for (i = 0; i < p->n_batch; i++) {
		struct client *c = p->batch[i];

		if (c->record == 0)
			continue;
		is_any = true;
		if (err == KODO_OK)
			err = queue_remove(p->queue, c->record);
		c->waits = WAITS_NOT;
		c->fd = -1;
		client_hang_up(c);
	}
	if (!is_any)
		return;
	if (err == KODO_OK)
		err = queue_commit(p->queue);
	if (err != KODO_OK)
		p->loaded = 0;	/* again, under the same keys: they are there */
	tell_length(p);
}
