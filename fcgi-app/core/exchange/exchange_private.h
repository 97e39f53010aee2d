/*
 * Shared by exchange*.c, doubt.c and posts.c: times and sizes of outbound work (DESIGN.md,
 * "Outbound work").
 */
#ifndef KODO_EXCHANGE_INT_H
#define KODO_EXCHANGE_INT_H

#include "core/exchange/exchange.h"
#include "core/registry/registry_private.h"

#define BACKOFF_JITTER 10	    /* per cent, upwards */
#define PAUSE_JITTER 20
/* a due time further ahead than any backoff or look: the clock was set back, so it is due */
#define ACTIVE_AHEAD_US (PEER_BACKOFF_MAX_US * 12 / 10)
#define QUIET_AHEAD_US (PEER_PAUSE_US * 13 / 10)
#define CEILING_START_BYTES (8u << 20) /* below the original's 10,000,000 */
/*
 * To whom pieces cost nothing: taking in a body takes seven times its size, and 64 MiB are to do
 */
#define CEILING_CHUNK_BYTES (4u << 20)
#define CEILING_MIN_BYTES 4096u	       /* one small node and its greeting */
#define CEILING_DOUBLE_AFTER 20u       /* successes until a ceiling is tried higher */
#define NODE_TRIES 3u /* until a node that a peer seems to choke on is parked */
#define CHUNK_TRIES 5u /* the same of parts that bring it no further */
#define HALVE_OVER_BYTES 65536u	       /* a 500 or a reset to a body over this may be its size */

struct outcome {
	struct registry *r;
	const struct exchange_job *job;
	const struct exchange_result *res;
	struct wire_body body; /* of the answer */
	bool has_body, has_nodes;
	char note[512]; /* to be logged after the commit; "" for nothing */
};

enum delivery_keep {
	/*
	 * a connect makes all superfluous but tombstones, which it does not hold: it takes back
	 * what we said, but the peer may have the node from elsewhere
	 */
	KEEP_TOMBSTONES,
	KEEP_NOTHING,	/* an original does not know tombstones */
	KEEP_PAUSED
};

/* Clear the entries of T_OUT that were told with the job, as far as they are not newer; or all. */
enum kodo_err delivery_done(struct change *ch, struct peer *p, const struct exchange_job *job) MUST_CHECK;
enum kodo_err delivery_clear(
    struct change *ch, struct peer *p, uint64_t gen, enum delivery_keep keep) MUST_CHECK;

/* The node is not told to p until it changes or one of both connects again. */
enum kodo_err delivery_pause(struct change *ch, struct peer *p, struct outcome *oc, uint32_t node,
    struct str why) MUST_CHECK;
/* Those of which that was found out when the job was made. */
enum kodo_err delivery_pause_all(struct change *ch, struct peer *p, struct outcome *oc) MUST_CHECK;

/* How far has p come with the node that goes to it in parts? */
enum kodo_err delivery_chunk(struct change *ch, struct peer *p, struct outcome *oc) MUST_CHECK;
/* That node is told, or is to be told from its start. */
void delivery_forget_chunks(struct peer *p);

/* Was the job the last piece of our connect? */
bool delivery_is_list_complete(const struct outcome *oc, const struct peer *p);

/* What there is to send to p; all of job lives in a. */
enum kodo_err build_job(
    struct view *v, struct arena *a, const struct peer *p, struct exchange_job *job) MUST_CHECK;

#endif
