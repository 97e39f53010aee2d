/*
 * Signs of life of a peer, judged without a store: who was heard is fresh, who was asked in vain is
 * silent, and lost after a day. Any word of a peer counts, and any answer. Of who never answered,
 * and signs nothing, words count for nothing: anybody may have sent them.
 */
#ifndef KODO_LIVENESS_H
#define KODO_LIVENESS_H

#include "core/records/peer.h"

/* unheard so long, it is asked; a peer of kodo speaks more often by itself */
#define LIVENESS_ASK_US	(600ll * 1000000)
/* after a connect of who was never reached, and after a try that failed */
#define LIVENESS_FIRST_US	(5ll * 1000000)
#define LIVENESS_AGAIN_US	(150ll * 1000000)
#define LIVENESS_STRANGER_US (300ll * 1000000)
/* three rounds of five minutes, in which a crontab may start the runner */
#define LIVENESS_SILENT_US	(900ll * 1000000)
#define LIVENESS_LOST_US	(86400ll * 1000000)
/* between two questions to one that is silent: ever longer, up to this */
#define LIVENESS_SELDOM_US	(3600ll * 1000000)
/* one that never answered is not asked any more: a time that does not come */
#define LIVENESS_NEVER_US	(1ll << 60)

enum liveness_state {
	LIVENESS_UNKNOWN,
	LIVENESS_FRESH,
	LIVENESS_SILENT,
	LIVENESS_LOST,
	LIVENESS_STATES
};
/* "unknown", "fresh", "silent", "lost" */
extern const char *const liveness_names[LIVENESS_STATES];

/*
 * What is stored of a node, and told of it: 0, it is fresh; LIVENESS_NOT_KNOWN; or since when
 * nothing was heard of its owner, in microseconds.
 */
#define LIVENESS_NOT_KNOWN	(-1ll)
enum liveness_state liveness_state_of(int64_t since_us, int64_t now_us);

/* When it was heard last; 0: never, or not for certain. */
int64_t liveness_heard_us(const struct peer *p);
/* What is stored of it as of its own node. */
int64_t liveness_since_us(const struct peer *p);
/* Is there no need to ask it now? */
bool liveness_is_heard(const struct peer *p, int64_t now_us);
/* It is not asked any more, as its url may be that of somebody who never heard of us. */
bool liveness_is_given_up(const struct peer *p);

/* It was heard just now, or is there for the first time: when to look again. */
void liveness_begin(struct peer *p, int64_t now_us);
/* One that was given up has connected again. */
void liveness_try_again(struct peer *p, int64_t now_us);
void liveness_look_later(struct peer *p, int64_t now_us);
/*
 * It was asked in vain. True: it is silent from now on. watch_us: since when this registry could
 * have heard it.
 */
bool liveness_missed(struct peer *p, int64_t watch_us, int64_t now_us);

/*
 * Of so many peers, so many fell silent within LIVENESS_SILENT_US: is it rather our own line that
 * is down?
 */
bool liveness_is_suspect(uint64_t n_fallen, uint64_t n_peers);

#endif
