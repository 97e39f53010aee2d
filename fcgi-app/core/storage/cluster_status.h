/*
 * How it goes with the cluster, as the process of the log on this machine tells others: a text in
 * the state folder, a line a fact, written when it changes, every 2 s at least.
 */
#ifndef KODO_CLUSTER_STATUS_H
#define KODO_CLUSTER_STATUS_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/storage/state.h"

#define CLUSTER_MEMBERS	16u
#define CLUSTER_TTL_S	10u	/* of the lease of who sends */
#define CLUSTER_LAG_US	(10ll * 1000000)	/* further behind it is not ready */

struct cluster_member {
	char name[128], url[256], version[64];
	char options[17];	/* digest of its options, but for those of each machine */
	char key[33];		/* of its snapshots */
	char folding[64];	/* utf8_version; "": of a former build */
	uint64_t applied;	/* of the log, in its state */
	uint64_t reached;	/* all up to it is applied, or was no entry; 0: of a former build */
	uint64_t behind;	/* revisions that it had not reached when etcd took its record */
	int64_t seen_us;	/* wall clock of that machine */
	int64_t heard_us;	/* CLOCK_BOOTTIME of this machine then, nearly; 0: not known */
	bool is_ready, is_live;	/* live: its lease goes on */
};

struct cluster_status {
	char name[128], machine[128], leader[128];
	char stopped[512];	/* why this machine takes no writes; "": it does */
	char etcd_version[32];
	char options[17], key[33];	/* of this machine, as of a member */
	char admin[17];		/* hash of the admin's key as all have it; "": not known */
	char boot[STATE_BOOT_BYTES];	/* of the machine, when this was written */
	uint64_t cluster_id;
	uint64_t revision;	/* all up to it is applied here */
	uint64_t differs;	/* at which the state was not that of most machines; 0: none */
	uint64_t token;		/* of who sends, where this is the one; else 0 */
	uint64_t queued;	/* bodies that were taken here, and are in no log yet */
	uint64_t db_bytes, n_alarms, alarm_member;
	bool is_corrupt;	/* that alarm is no matter of room */
	/* CLOCK_BOOTTIME of this machine */
	int64_t told_us;	/* when this was written */
	int64_t send_until_us;	/* 0: another machine sends */
	int64_t behind_us;	/* since when something is not applied; 0: nothing */
	bool has_quorum, is_catching_up;
	struct cluster_member members[CLUSTER_MEMBERS];
	unsigned n_members;
};

void cluster_status_write(struct buf *out, const struct cluster_status *st);
/* Of a text that was written so; what is there stays. */
void cluster_status_parse(struct cluster_status *st, struct str text);

/*
 * What was told before the machine was last started has no times (told_us 0), token or majority.
 * KODO_ENOTFOUND: this machine is in no cluster, or nothing was told yet. KODO_EIO, KODO_ENOMEM.
 */
enum kodo_err cluster_status_read(const struct state *s, struct cluster_status *out) MUST_CHECK;

int64_t cluster_boot_us(void);	/* CLOCK_BOOTTIME */

/* How far behind the cluster this machine is, by what was told; it goes on while nothing is. */
int64_t cluster_lag_us(const struct cluster_status *st);

/* For so long the process of the log has told nothing. */
int64_t cluster_silent_us(const struct cluster_status *st);

/*
 * When its last record came, by the clock of who asks, which is now_us; where that is not known, as
 * of a former build or before this machine's start, by the clock of that machine.
 */
int64_t cluster_heard_us(const struct cluster_member *m, int64_t now_us);

/* By how many revisions is the machine behind? Of one that is gone, behind what is applied here. */
uint64_t cluster_behind(const struct cluster_status *st, const struct cluster_member *m);

/* Has the log all that was taken here, and this machine all that the log has? */
bool cluster_is_settled(const struct cluster_status *st);

/* Why is this machine not to be asked by a balancer? In words; NULL: it is. */
const char *cluster_unready(const struct cluster_status *st);

#endif
