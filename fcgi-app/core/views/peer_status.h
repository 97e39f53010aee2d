/*
 * The peers as people want to see them: who feeds whom, how it goes, what is still to be said.
 */
#ifndef KODO_PEERS_H
#define KODO_PEERS_H

#include "core/registry/registry.h"

/* How it stands with a peer; the worst that holds. */
enum peer_status {
	STATUS_OK,
	STATUS_PENDING,		/* something is to be sent, nothing has failed */
	STATUS_LEFT,		/* a target that we left */
	STATUS_FAILING,		/* the last attempts failed; tried again soon */
	STATUS_PAUSED,		/* attempts are used up; tried every 5 minutes */
	STATUS_MAX
};

const char *peer_status_name(enum peer_status h);	/* "ok", "pending", .. */

struct peer_state {
	struct str url;
	struct str organization;	/* null: none, or not known */
	struct str error;		/* of the last failure, null: none */
	struct str work;		/* "connect, update", null: nothing is to be sent */
	bool is_target;			/* we connect to it */
	bool is_provider;		/* it gave us nodes */
	bool is_feeding;		/* as it says of itself */
	enum peer_status health;
	int64_t registered_us;		/* last connected to us; 0: never, as in the others */
	int64_t connected_us;		/* acknowledged our connect */
	int64_t in_us, out_us;		/* last heard from it; last acknowledged by it */
	int64_t due_us;			/* next attempt */
	uint32_t attempts;		/* failed ones in a row */
	uint64_t n_nodes, n_flows;	/* that it gave us */
	uint64_t n_pending;		/* nodes that it must learn about */
	uint64_t n_refused;		/* nodes that it does not take */
	struct str refused;		/* which, and why, of the first; null: none */
};

/* Each peer in the order in which it became known; texts live in a. */
enum kodo_err peer_status_each(struct view *v, struct arena *a,
    enum kodo_err (*each)(void *arg, const struct peer_state *p), void *arg) MUST_CHECK;

#endif
