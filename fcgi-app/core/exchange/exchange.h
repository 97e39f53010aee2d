/*
 * Outbound work as the runner sees it: what is to be sent next, and what an answer means. No curl
 * in here: cron/sender.c moves the bytes (and a test's simulated wire may do so instead).
 *
 *	while (schedule_next(...) == KODO_OK)	start sending job, one per peer at a time
 *	...					an answer came, or did not:
 *	outcome_take(...)			one short write transaction
 */
#ifndef KODO_EXCHANGE_H
#define KODO_EXCHANGE_H

#include "core/registry/registry.h"

enum exchange_kind {
	EXCHANGE_DISCONNECT,
	EXCHANGE_CONNECT,
	EXCHANGE_RECONNECT,
	EXCHANGE_REMOVE,
	EXCHANGE_UPDATE,
	EXCHANGE_DIGEST_CHECK,
	EXCHANGE_NOTHING
};

/* Flows from .. to - 1 of a node that goes in parts. */
struct exchange_chunk {
	uint32_t node;
	uint32_t from, to;
	uint32_t of; /* 0: none */
	uint64_t id; /* of the node's contents */
};

/* A node that the peer is not told of, and why. */
struct exchange_pause {
	uint32_t node;
	struct str why;
};

struct exchange_job {
	uint32_t peer;
	enum exchange_kind kind;
	bool is_post;			/* else GET */
	bool is_target;			/* to one that the operator names in `connect` */
	struct str url;			/* where to */
	struct str body;		/* JSON; empty for GET */
	size_t n_nodes, n_flows;	/* in it, for the log */
	uint64_t gen;			/* state number the body was made at */
	const uint32_t *nodes;		/* node ids it tells about */
	size_t n_ids;
	uint64_t list_id;			/* id of the connect that it is a piece of, 0: none */
	struct str leave_url;		/* EXCHANGE_DISCONNECT: the own url that leaves */
	struct str view;		/* EXCHANGE_DIGEST_CHECK to one of us: the digest sent */
	bool is_partial;		/* not all that there is to say had room */
	struct exchange_chunk chunk;	/* then the node is not among nodes */
	const struct exchange_pause *pauses;
	size_t n_pauses;
};

/*
 * The next message that is due and whose peer is not in busy. All of job lives in a.
 * KODO_ENOTFOUND: nothing now; *next_due_us is then when something will be (INT64_MAX: never),
 * parked work and looks included. *active_due_us (may be NULL): the same without parked work and
 * looks: what a runner stays for.
 */
enum kodo_err schedule_next(struct registry *r, struct arena *a, int64_t now_us,
    const uint32_t *busy, size_t n_busy, struct exchange_job *job, int64_t *next_due_us,
    int64_t *active_due_us) MUST_CHECK;

/* What came of a job. */
struct exchange_result {
	unsigned status;	/* HTTP status; 0: none came */
	struct str body;	/* of the answer, at most LIMIT_ANSWER_BYTES */
	/* the connection was reset or closed while the body was sent or before an answer */
	bool reset;
	const char *error;	/* words where status is 0: "Connection refused"; NULL otherwise */
};

/*
 * Understand the answer (DESIGN.md, "What an answer means"), take in what a feeding registry sent,
 * note attempts and the next due time. wake as intake.wake: more is due now.
 */
enum kodo_err outcome_take(struct registry *r, struct arena *a, const struct exchange_job *job,
    const struct exchange_result *res, int64_t now_us, bool *wake) MUST_CHECK;

#endif
