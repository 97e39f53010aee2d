/*
 * What the files of the process of the log share, and what they know of each other.
 *
 *	engine.c	start, joining, loop
 *	context.c	may etcd be believed, has it a majority, keys
 *	propose.c	the socket of this machine
 *	client.c	who waits there
 *	propose_txn.c	entries of this machine into the log, many in one txn
 *	current.c	is all applied here that the log has
 *	later.c		bodies that wait until etcd has a majority
 *	queue.c		where they wait
 *	follow.c	the log into this machine's state
 *	order.c		what an admin orders by hand
 *	lead.c		the lease, who sends, this machine's record
 *	compare.c	digests of the states of all machines
 *	trim.c		the log behind all of them is deleted
 *	catch_up.c	the state of another machine, where the log does not reach back
 *
 * Nothing may be asked of etcd from within a message of the watch (curl is not to be entered
 * twice):
 * what follows from one is noted, and done by the tick of its file.
 *
 * Keys, under k/<cluster>/: see the head of each file.
 */
#ifndef KODO_CLUSTER_CONTEXT_H
#define KODO_CLUSTER_CONTEXT_H

#include "core/storage/cluster_status.h"
#include "core/registry/registry.h"
#include "core/trust/own_key.h"
#include "cron/cluster/etcd.h"
#include "cron/cluster/log_size.h"

#define KEY_BYTES	512u

/*
 * The log in etcd's quota. So many bytes of it stay for who is away; one that is further behind is
 * not waited for, and takes a state instead of the log; over LOG_FULL of all that etcd has in use
 * nothing is proposed, nor where its file, holes and all, has come to LOG_FILE: at its quota etcd
 * takes nothing more, until people have made room and its alarm is disarmed. Between two trims so
 * much may come at most.
 */
#define LOG_KEPT(quota)		((quota) / 8)
#define LOG_UNTRIMMED(quota)	((quota) / 32)
#define LOG_AWAY(quota)		((quota) / 4)
#define LOG_BEHIND(quota)	((quota) / 8 * 3)
#define LOG_FULL(quota)		((quota) / 4 * 3)
#define LOG_FILE(quota)		((quota) / 16 * 15)

#define CONTEXT_SECRETS	2u
struct secret {
	struct context *e;
	char text[OWN_KEY_TEXT];	/* as etcd has it */
	uint64_t applied;	/* when etcd was asked */
	bool is_known, is_asked;
	bool is_overtaken;	/* the watch has told of a newer one since etcd was asked */
};

struct proposer;
struct follower;
struct leader;
struct catch_up;
struct trimmer;
struct comparer;

struct context {
	const struct state *state;
	struct registry *registry;
	struct etcd *etcd;
	struct options options;		/* of this machine */
	struct arena *a;		/* of those */
	char prefix[256], name[128], boot[17];
	struct cluster_status status;	/* what is told to other processes */
	bool is_joined;			/* etcd is the one, and the log is followed */
	bool is_changed;		/* the status is to be written */
	/* etcd is over its quota. 3.4 takes what is nested in a txn all the same: it must not */
	bool is_full;
	bool is_log_full;	/* there is no room, as people were told */
	uint64_t quota;		/* of etcd, bytes */
	uint64_t etcd_used;	/* bytes that etcd had in use */
	uint64_t etcd_revision;	/* when it was asked for that */
	struct log_size log;
	bool is_stuck;			/* an entry is not applied, for now, as the disk is full */
	struct secret secrets[CONTEXT_SECRETS];	/* identity.h */
	bool is_watch_silent;		/* it is to begin anew */
	void (*take_order)(struct context *e, void *client, struct str words);	/* order.h */
	uint64_t applied;		/* of the log, in the state */
	uint64_t alone;			/* up to it each revision is applied by itself */
	uint64_t poison;		/* a revision that is not applied, until it is skipped */
	uint64_t seen;			/* all up to it is applied, or was no entry */
	int64_t quorum_us;		/* boottime: when a majority of etcd was there last */
	struct proposer *proposer;
	struct follower *follower;
	struct leader *leader;
	struct catch_up *catch_up;
	struct trimmer *trimmer;
	struct comparer *comparer;
};


/* From here on nothing is proposed or applied; why, for people. The first reason stays. */
void context_stop(struct context *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
/*
 * Of a linearizable call: may etcd be the one that this state follows? Else it is stopped.
 * applied: as it was when the call began.
 */
bool context_may_believe(
    struct context *e, const struct etcd_answer *an, uint64_t applied);
/* A majority of etcd has answered; and has it lately? */
void context_note_quorum(struct context *e);
bool context_has_quorum(struct context *e);
/* Is what the log has applied here? */
bool context_can_apply(const struct context *e);
/* May entries of this machine go into the log, as it will apply them? */
bool context_takes_writes(struct context *e);
/* May so many bytes more come into the log? What has come since etcd was asked is counted. */
bool context_has_room(const struct context *e, uint64_t bytes);
/* "k/<cluster>/" and the rest. */
struct str context_key(struct context *e, char out[KEY_BYTES], const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* The end of the range of keys that begin so. */
struct str context_key_end(struct str key, char out[KEY_BYTES]);

#endif
