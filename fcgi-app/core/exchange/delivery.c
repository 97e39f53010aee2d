#include <stdio.h>

#include "core/exchange/delivery.h"
#include "core/records/known.h"
#include "core/records/outbox.h"

#define CHUNK_TRIES 5u /* until a node whose chunks bring it no further is paused */

/* Is the node gone, by a tombstone that others may have to learn? */
static enum kodo_err
is_gone(struct change *ch, uint32_t node, bool *out)
{
	struct known kn;
	enum kodo_err err = known_get(ch->t, node, &kn);

	*out = err == KODO_OK && !kn.is_seen && kn.is_gone && kn.tomb.version > 0;
	return err;
}

/* After entries were deleted or paused: is there something left to send? */
static enum kodo_err
out_rest(struct change *ch, struct peer *p)
{
	bool to_notify;
	enum kodo_err err = outbox_has(ch->t, p->id, &to_notify, NULL);

	if (err == KODO_OK && !to_notify && p->out.list == 0)
		p->out.work[WORK_NOTIFY] = 0;
	return err;
}

void
delivery_forget_chunks(struct peer *p)
{
	p->chunk.id = 0;
	p->chunk.node = p->chunk.next = p->chunk.tries = 0;
}

/* The peer has the changelog up to these numbers. */
static void
position_move(struct peer *p, uint64_t pos, uint64_t gone_pos)
{
	if (pos > p->out.pos)
		p->out.pos = pos;
	if (gone_pos > p->out.gone_pos)
		p->out.gone_pos = gone_pos;
}

enum kodo_err
delivery_done(struct change *ch, struct peer *p, const struct exchange_job *job)
{
	enum kodo_err err = KODO_OK;
	size_t i;

	position_move(p, job->pos, job->gone_pos);
	for (i = 0; i < job->n_ids && err == KODO_OK; i++) {
		if (job->nodes[i] == p->chunk.node)
			delivery_forget_chunks(p);
		err = outbox_delivered(ch->t, p->id, job->nodes[i], job->gen);
	}
	return err == KODO_OK ? out_rest(ch, p) : err;
}

/* Does the entry stay when all are cleared? */
static enum kodo_err
is_kept(struct change *ch, const struct outbox_entry *entry, enum delivery_keep keep, bool *out)
{
	*out = keep == KEEP_PAUSED && entry->why.p != NULL;
	return keep == KEEP_TOMBSTONES ? is_gone(ch, entry->node, out) : KODO_OK;
}

enum kodo_err
delivery_clear(struct change *ch, struct peer *p, uint64_t gen, enum delivery_keep keep)
{
	struct outbox_entry entry;
	uint32_t node = 0;
	bool kept = false;
	enum kodo_err err;

	while ((err = outbox_first(ch->t, p->id, node, &entry)) == KODO_OK) {
		node = entry.node;
		err = is_kept(ch, &entry, keep, &kept);
		if (err == KODO_OK && !kept)
			err = outbox_delivered(ch->t, p->id, node, gen);
		if (err != KODO_OK || node++ == UINT32_MAX)
			break;
	}
	return err == KODO_OK || err == KODO_ENOTFOUND ? out_rest(ch, p) : err;
}

enum kodo_err
delivery_list(
    struct change *ch, struct peer *p, const struct exchange_job *job, bool keeps_tombstones)
{
	delivery_forget_chunks(p);
	p->out.pos = job->pos;
	if (!keeps_tombstones || (p->flags & PEER_NOTIFIED) == 0)
		p->out.gone_pos = job->gone_pos;
	p->flags |= PEER_NOTIFIED;
	return delivery_clear(
	    ch, p, job->gen, keeps_tombstones ? KEEP_TOMBSTONES : KEEP_NOTHING);
}

enum kodo_err
delivery_pause(struct change *ch, struct peer *p, struct outcome *oc, uint32_t node, struct str why)
{
	const struct exchange_chunk *chunk = &oc->job->chunk;
	const bool is_chunked = chunk->of != 0 && chunk->node == node;
	struct known kn;
	struct packed pk = { .url = STR("a node") };
	enum kodo_err err;

	if (node == p->chunk.node)
		delivery_forget_chunks(p);
	err = known_get(ch->t, node, &kn);
	if (err == KODO_OK && kn.is_seen)
		err = packed_open(kn.winner.bytes, &pk);
	if (err == KODO_OK)
		snprintf(oc->note, sizeof(oc->note), "%.*s is not notified of %.*s: %.*s",
		    STR_ARG(p->url), STR_ARG(pk.url), STR_ARG(why));
	if (err == KODO_OK)
		err = outbox_pause(ch->t, p->id, node, oc->job->gen, why);
	if (err == KODO_OK)
		position_move(p, is_chunked ? chunk->at : oc->job->pos, 0);
	return err == KODO_OK ? out_rest(ch, p) : err;
}

enum kodo_err
delivery_pause_all(struct change *ch, struct peer *p, struct outcome *oc)
{
	const struct exchange_job *job = oc->job;
	enum kodo_err err = KODO_OK;
	size_t i;

	for (i = 0; i < job->n_pauses && err == KODO_OK; i++)
		err = delivery_pause(ch, p, oc, job->pauses[i].node, job->pauses[i].why);
	return err;
}

enum kodo_err
delivery_chunk(struct change *ch, struct peer *p, struct outcome *oc)
{
	const struct exchange_chunk *chunk = &oc->job->chunk;
	const struct wire_body *b = &oc->body;
	uint64_t has = oc->has_body && b->has_taken ? b->taken : 0;
	char why[300];

	if (has >= chunk->of) {
		delivery_forget_chunks(p);
		position_move(p, chunk->at, 0);
		return outbox_delivered(ch->t, p->id, chunk->node, oc->job->gen);
	}
	if (p->chunk.id != chunk->id || p->chunk.node != chunk->node)
		p->chunk.tries = 0;
	p->chunk.id = chunk->id;
	p->chunk.node = chunk->node;
	p->chunk.next = (uint32_t)has;
	if (has > chunk->from)
		return KODO_OK;
	/* lost there, or not wanted: it must not go on so for ever */
	if (++p->chunk.tries < CHUNK_TRIES && !(oc->has_body && b->from.n_message > 0))
		return KODO_OK;
	snprintf(why, sizeof(why), "not taken in chunks, %u flows%s%.*s", chunk->of,
	    oc->has_body && b->from.n_message > 0 ? ": " : "",
	    oc->has_body && b->from.n_message > 0 ? (int)b->from.message[0].len : 0,
	    oc->has_body && b->from.n_message > 0 ? b->from.message[0].p : "");
	return delivery_pause(ch, p, oc, chunk->node, str_of(why));
}

bool
delivery_is_list_complete(const struct outcome *oc, const struct peer *p)
{
	const struct exchange_job *job = oc->job;

	if (job->is_partial || job->list_id != p->out.list)
		return false;
	return job->chunk.of == 0 ||
	    (oc->has_body && oc->body.has_taken && oc->body.taken >= job->chunk.of);
}
