/*
 * The status of peers for people: roles, last contacts, failures, and what is yet to be sent.
 */
#ifndef KODO_PEER_STATUS_H
#define KODO_PEER_STATUS_H

#include "core/liveness/liveness.h"
#include "core/liveness/watch.h"
#include "core/registry/registry.h"

/* The worst that holds. */
enum peer_status {
	STATUS_OK,
	STATUS_PENDING,		/* something is to be sent, nothing has failed */
	STATUS_LEFT,		/* a target that we left */
	STATUS_UNKNOWN,		/* nothing was heard of it yet */
	STATUS_SILENT,		/* nothing was heard of it for long: liveness/liveness.h */
	STATUS_LOST,		/* for over a day */
	STATUS_UNREACHED,	/* it has never answered; it may be anybody's url */
	STATUS_FAILING,		/* the last attempts failed; soon the next */
	STATUS_PAUSED,		/* attempts are used up; tried seldom */
	STATUS_MAX
};

const char *peer_status_name(enum peer_status status);	/* static: "ok", "pending", .. */

struct peer_state {
	struct str url;
	struct str organization;	/* null: none, or not known */
	struct str error;		/* of the last failure, null: none; for the admin alone */
	struct str work;		/* "connect, update", null: nothing is to be sent */
	bool is_target;			/* we connect to it */
	bool is_provider;		/* it states nodes to us */
	bool is_feeding;		/* its own `feed` */
	enum peer_status health;
	enum liveness_state liveness;
	int64_t silent_us;		/* nothing was heard since then; 0: it is not silent */
	const char *trust;		/* how well it is known: static, pin_level_name */
	struct str key;			/* its public key, null: none is known */
	int64_t registered_us;		/* its last connect; 0: never, as in the others */
	int64_t connected_us;		/* our last connect that it acknowledged */
	int64_t in_us, out_us;		/* last message from it; last one that it acknowledged */
	int64_t due_us;			/* next attempt */
	uint32_t attempts;		/* failed ones in a row */
	uint64_t n_nodes, n_flows;	/* of its statements */
	uint64_t n_pending;		/* nodes of which it is to be notified */
	uint64_t n_refused;		/* nodes that it refuses */
	struct str refused;		/* url of the first of them, and why; null: none */
	/* "denied by url:http://a:1": of all that it states; not for the public; null: neither */
	struct str moderated;
};

/* "feeds", "is fed", "both ways", "gone": the peer's part in it. */
const char *peer_status_direction(const struct peer_state *p);

/*
 * What kind of failure the last one was, static or in p: "HTTP status 500", "refused", "no answer".
 * What the peer wrote is not for the public, which took it for ours.
 */
struct str peer_status_failure(const struct peer_state *p);

/* Is it one of those that peer_status_each shows? */
bool peer_status_is_shown(const struct peer *p);
/* Its health alone, as peer_status_each has it, without a count of what it waits for. */
enum kodo_err peer_status_health(struct view *v, const struct peer *p, const struct watch *w,
    enum peer_status *out) MUST_CHECK;

/* Is it failing or paused? */
bool peer_status_is_bad(const struct peer_state *p);

/*
 * Each peer, oldest first, save those that signed off and are owed nothing. Texts live in a. An
 * error of each ends the walk and is returned.
 */
enum kodo_err peer_status_each(struct view *v, struct arena *a,
    enum kodo_err (*each)(void *arg, const struct peer_state *p), void *arg) MUST_CHECK;

#endif
