/*
 * A message to a peer, and what came of it. No curl in here: cron/sender.c moves the bytes (and a
 * test's simulated wire may do so instead).
 *
 *	while (schedule_next(...) == KODO_OK)	start sending job, one per peer at a time
 *	...					an answer came, or did not:
 *	outcome_take(...)			one short write transaction
 */
#ifndef KODO_JOB_H
#define KODO_JOB_H

#include <stdint.h>

#include "core/base/str.h"

enum exchange_kind {
	EXCHANGE_DISCONNECT,
	EXCHANGE_CONNECT,
	EXCHANGE_RECONNECT,
	EXCHANGE_REMOVE,
	EXCHANGE_UPDATE,
	EXCHANGE_DIGEST_CHECK,
	EXCHANGE_PROBE,		/* GET of a stranger's greeting, or of its keys */
	EXCHANGE_PROVE,		/* GET of a peer's keys: somebody else spoke for it */
	EXCHANGE_LOOK,		/* GET of its greeting: does it give a sign of life? */
	/* no messages, but steps that are due: see outcome_clear */
	EXCHANGE_NOTHING,	/* what was to be sent has become void */
	EXCHANGE_RESYNC,	/* the time for it has come */
	EXCHANGE_RELEASE,	/* so it has for what was held back */
	EXCHANGE_ASKED,		/* the peer asked to be left alone for longer */
	EXCHANGE_HEARD		/* those that are due to be asked were heard meanwhile */
};

/* Flows from .. to - 1 of a node that goes in chunks. */
struct exchange_chunk {
	uint32_t node;
	uint32_t from, to;
	uint32_t of; /* 0: none */
	uint64_t id; /* of the node's contents */
	uint64_t at; /* its place in the changelog; 0: it is from the outbox */
};

/* A node that is not sent to the peer, and why. */
struct exchange_pause {
	uint32_t node;
	struct str why;
};

struct exchange_job {
	uint32_t peer;
	enum exchange_kind kind;
	bool is_post;			/* else GET */
	bool is_stranger;		/* EXCHANGE_LOOK: it has never answered */
	bool is_target;			/* to one that the operator names in `connect` */
	struct str url;			/* where to */
	struct str to;			/* the same as the peer calls itself, for Kodo-To */
	struct str body;		/* JSON; empty for GET */
	size_t n_nodes, n_flows;	/* in it */
	uint64_t gen;			/* state number the body was made at */
	int64_t begun_us;		/* when it was made */
	struct str pin;			/* the key that was known of the peer then; null: none */
	/* with it the peer has the changelog up to here: nodes, and removals */
	uint64_t pos, gone_pos;
	const uint32_t *nodes;		/* the ids of the nodes in it */
	size_t n_ids;
	uint64_t list_id;		/* id of the connect of which it is a list chunk, 0: none */
	struct str leave_url;		/* EXCHANGE_DISCONNECT: the own url that leaves */
	struct str view;		/* EXCHANGE_DIGEST_CHECK to a kodo peer: the digest sent */
	bool is_partial;		/* not all that there is to say had room */
	struct exchange_chunk chunk;	/* then the node is not among nodes */
	const struct exchange_pause *pauses;
	size_t n_pauses;
};

struct speaker;

/* What came of a job. */
struct exchange_result {
	unsigned status;	/* HTTP status; 0: none came */
	struct str body;	/* of the answer, at most LIMIT_ANSWER_BYTES */
	bool is_cut;		/* it was over its ceiling, so body is null */
	/* the connection was reset or closed while the body was sent or before an answer */
	bool reset;
	const char *error;	/* words where status is 0: "Connection refused"; NULL otherwise */
	unsigned retry_after_s;	/* as a 429 or 503 asks for; 0: it does not */
	const char *moved;	/* the whole url that a redirect leads to; NULL: it is none */
	const struct speaker *who;	/* see trust/pin.h; NULL: it is not judged */
};

#endif
