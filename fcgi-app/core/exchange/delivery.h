/*
 * What became of the entries of the outbox behind a job: delivered, paused, or still to be sent.
 */
#ifndef KODO_DELIVERY_H
#define KODO_DELIVERY_H

#include "core/exchange/job.h"
#include "core/registry/change_type.h"
#include "core/wire/wire.h"

/* A job, its answer, and what is to be said of both. */
struct outcome {
	const struct exchange_job *job;
	const struct exchange_result *res;
	size_t sent_bytes; /* of the job's body, which is not looked at */
	struct wire_body body; /* of the answer */
	bool has_body, has_nodes;
	char note[1024]; /* to be logged after the commit; "" for nothing */
};

enum delivery_keep {
	/*
	 * a connect makes all superfluous but tombstones, which it does not hold: it takes back
	 * what we said, but the peer may have the node from elsewhere
	 */
	KEEP_TOMBSTONES,
	KEEP_NOTHING,	/* a legacy peer does not know tombstones */
	KEEP_PAUSED
};

/* CHANGE_DONE, CHANGE_CLEAR: a struct outcome; its answer is read before, by outcome_read. */
extern const struct change_type change_done, change_clear;

/* Clear the entries of the outbox that went with the job, unless they are newer; or all. */
enum kodo_err delivery_done(
    struct change *ch, struct peer *p, const struct exchange_job *job) MUST_CHECK;
enum kodo_err delivery_clear(
    struct change *ch, struct peer *p, uint64_t gen, enum delivery_keep keep) MUST_CHECK;
/*
 * The list of a connect is there, or its first chunk. It makes a subscriber of p, if p is to be
 * one: what is behind it is news.
 */
enum kodo_err delivery_list(struct change *ch, struct peer *p, const struct exchange_job *job,
    bool keeps_tombstones) MUST_CHECK;

/* The node is not sent to p until it changes or one of both connects again. */
enum kodo_err delivery_pause(struct change *ch, struct peer *p, struct outcome *oc, uint32_t node,
    struct str why) MUST_CHECK;
/* Those of which that was found out when the job was built. */
enum kodo_err delivery_pause_all(struct change *ch, struct peer *p, struct outcome *oc) MUST_CHECK;

/* How far has p come with the node that goes to it in chunks? */
enum kodo_err delivery_chunk(struct change *ch, struct peer *p, struct outcome *oc) MUST_CHECK;
/* That node is there, or goes from its start again. */
void delivery_forget_chunks(struct peer *p);

/* Was the job the last chunk of our list? */
bool delivery_is_list_complete(const struct outcome *oc, const struct peer *p);

#endif
