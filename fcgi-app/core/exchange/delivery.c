/* What became of the entries of T_OUT that a job was made of: told, parked, or still to be told. */
#include <stdio.h>

#include "core/exchange/exchange_private.h"
#include "core/records/known.h"
#include "core/records/outbox.h"

/* Is the node gone, by a tombstone that others may have to learn? */
static enum kodo_err
is_gone(struct edit *e, uint32_t node, bool *out)
{
	struct known kn;
	enum kodo_err err = known_get(e->t, node, &kn);

	*out = err == KODO_OK && !kn.is_seen && kn.is_gone && kn.tomb.version > 0;
	return err;
}

/* After entries were deleted or parked: is there something left to tell? */
static enum kodo_err
out_rest(struct edit *e, struct peer *p)
{
	bool to_tell;
	enum kodo_err err = outbox_look(e->t, p->id, &to_tell, NULL);

	if (err == KODO_OK && !to_tell && p->out_piece == 0)
		p->work[WORK_TELL] = 0;
	return err;
}

void
told_forget(struct peer *p)
{
	p->part_id = 0;
	p->part_node = p->part_next = p->part_tries = 0;
}

enum kodo_err
told_end(struct edit *e, struct peer *p, const struct exchange_job *job)
{
	enum kodo_err err = KODO_OK;
	size_t i;

	for (i = 0; i < job->n_ids && err == KODO_OK; i++) {
		if (job->nodes[i] == p->part_node)
			told_forget(p);
		err = outbox_told(e->t, p->id, job->nodes[i], job->gen);
	}
	return err == KODO_OK ? out_rest(e, p) : err;
}

/* Does the entry stay when all are cleared? */
static enum kodo_err
is_kept(struct edit *e, const struct outbox_entry *entry, enum told_keep keep, bool *out)
{
	*out = keep == TOLD_KEEP_PARKED && entry->why.p != NULL;
	return keep == TOLD_KEEP_GONE ? is_gone(e, entry->node, out) : KODO_OK;
}

enum kodo_err
told_clear(struct edit *e, struct peer *p, uint64_t gen, enum told_keep keep)
{
	struct outbox_entry entry;
	uint32_t node = 0;
	bool kept = false;
	enum kodo_err err;

	while ((err = outbox_next(e->t, p->id, node, &entry)) == KODO_OK) {
		node = entry.node;
		err = is_kept(e, &entry, keep, &kept);
		if (err == KODO_OK && !kept)
			err = outbox_told(e->t, p->id, node, gen);
		if (err != KODO_OK || node++ == UINT32_MAX)
			break;
	}
	return err == KODO_OK || err == KODO_ENOTFOUND ? out_rest(e, p) : err;
}

enum kodo_err
told_park(struct edit *e, struct peer *p, struct outcome *oc, uint32_t node, struct str why)
{
	struct known kn;
	struct packed pk = { .url = STR("a node") };
	enum kodo_err err;

	if (node == p->part_node)
		told_forget(p);
	err = known_get(e->t, node, &kn);
	if (err == KODO_OK && kn.is_seen)
		err = packed_open(kn.winner.bytes, &pk);
	if (err == KODO_OK)
		snprintf(oc->note, sizeof(oc->note), "%.*s is not told of %.*s: %.*s",
		    STR_ARG(p->url), STR_ARG(pk.url), STR_ARG(why));
	if (err == KODO_OK)
		err = outbox_park(e->t, p->id, node, oc->job->gen, why);
	return err == KODO_OK ? out_rest(e, p) : err;
}

enum kodo_err
told_park_all(struct edit *e, struct peer *p, struct outcome *oc)
{
	const struct exchange_job *job = oc->job;
	enum kodo_err err = KODO_OK;
	size_t i;

	for (i = 0; i < job->n_parks && err == KODO_OK; i++)
		err = told_park(e, p, oc, job->parks[i].node, job->parks[i].why);
	return err;
}

enum kodo_err
told_part(struct edit *e, struct peer *p, struct outcome *oc)
{
	const struct exchange_part *part = &oc->job->part;
	const struct wire_body *b = &oc->body;
	uint64_t has = oc->has_body && b->has_taken ? b->taken : 0;
	char why[300];

	if (has >= part->of) {
		told_forget(p);
		return outbox_told(e->t, p->id, part->node, oc->job->gen);
	}
	if (p->part_id != part->id || p->part_node != part->node)
		p->part_tries = 0;
	p->part_id = part->id;
	p->part_node = part->node;
	p->part_next = (uint32_t)has;
	if (has > part->from)
		return KODO_OK;
	/* lost there, or not wanted: it must not go on so for ever */
	if (++p->part_tries < PART_TRIES && !(oc->has_body && b->from.n_message > 0))
		return KODO_OK;
	snprintf(why, sizeof(why), "not taken in parts, %u flows%s%.*s", part->of,
	    oc->has_body && b->from.n_message > 0 ? ": " : "",
	    oc->has_body && b->from.n_message > 0 ? (int)b->from.message[0].len : 0,
	    oc->has_body && b->from.n_message > 0 ? b->from.message[0].p : "");
	return told_park(e, p, oc, part->node, str_of(why));
}

bool
told_is_piece_over(const struct outcome *oc, const struct peer *p)
{
	const struct exchange_job *job = oc->job;

	if (job->is_partial || job->piece != p->out_piece)
		return false;
	return job->part.of == 0 ||
	    (oc->has_body && oc->body.has_taken && oc->body.taken >= job->part.of);
}
