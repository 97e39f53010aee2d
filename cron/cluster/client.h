/*
 * Who waits at the socket, and entries on their way into the log: what propose.c, propose_txn.c and
 * later.c share.
 */
#ifndef KODO_CLUSTER_CLIENT_H
#define KODO_CLUSTER_CLIENT_H

#include "core/cluster/link.h"
#include "cron/cluster/context.h"
#include "cron/cluster/queue.h"

#define PART_BYTES	900000u
#define PROPOSE_AGAIN_MS	100	/* after a txn of which the outcome is unknown */

enum waits {
	WAITS_NOT,	/* for a request, or to send an answer */
	WAITS_QUEUED,
	WAITS_SENT,	/* in the txn under way */
	WAITS_LOGGED,	/* in the log; to be applied */
	WAITS_ORDER,	/* for what is no entry */
	WAITS_CURRENT,	/* for all that the log has: current.c */
};

struct client {
	int fd;			/* -1: hung up; its entry may still be under way */
	bool is_used;
	enum waits waits;
	struct link_request request;
	size_t head;		/* bytes of the request's head that have come */
	struct buf in, out;
	size_t sent;
	uint64_t order;		/* of what is queued */
	unsigned part, n_parts;
	bool is_numbered;
	uint64_t n;
	char key[KEY_BYTES];	/* whole, once numbered */
	size_t key_len;
	bool may_later;		/* it may go to the queue */
	int64_t since_ms;	/* when it came */
	/* WAITS_CURRENT: all up to it; 0: not known yet */
	uint64_t until;
	uint64_t record;	/* its number in the queue; 0: it is in none */
};

struct proposer {
	struct context *e;
	int fd;
	/* PROPOSE_CLIENTS, and behind them those for whom nobody waits any more: later.h */
	struct client *clients;
	uint64_t next_order, next_n, next_fenced, next_later;
	struct client *batch[ETCD_TXN_PUTS];
	size_t n_batch;
	bool is_under_way;	/* a call */
	bool is_asking;		/* what the log has */
	bool is_unknown;	/* an attempt of this batch may have been done */
	int64_t again_ms;
	char path[PATH_BYTES];
	struct buf values;
	struct queue *queue;	/* NULL: there is none */
	uint64_t loaded;	/* up to there its records are in clients, or done */
};

#define PROPOSE_CLIENTS	512u
#define PROPOSE_ALL	(PROPOSE_CLIENTS + ETCD_TXN_PUTS)
/* An order behind that of all records of the queue, which are their own. */
#define PROPOSE_ORDER	((uint64_t)1 << 63)

/* It is sent when the socket takes it: behind the status of this turn of the loop. */
void client_answer(struct client *c, enum kodo_err err, uint64_t revision, struct str result);
/* As much of the answer as the socket takes now. */
void client_transmit(struct client *c);
/* Nobody waits for it; what is in the log, or may be, is still there. */
void client_hang_up(struct client *c);
/* How many parts its entry has; none is sent yet. */
void client_cut(struct client *c);
#endif
