/*
 * The numbers of a service for who watches it: what it holds, its peers, what waits to be sent, the
 * runner, the map and the disk.
 */
#ifndef KODO_NUMBERS_H
#define KODO_NUMBERS_H

#include "core/storage/run_history.h"
#include "core/views/peer_status.h"

/* How the last run of the runner ended. */
enum run_end { RUN_NONE, RUN_GOES_ON, RUN_ENDED, RUN_KILLED, RUN_ENDS };

struct numbers {
	uint64_t view, state;		/* of the head */
	uint64_t flows, shown, hidden, denied;	/* flows seen; nodes by verdict */
	uint64_t peers[STATUS_MAX];
	/* peers to which something of the kind is to be sent; */
	uint64_t outbox[WORK_MAX];
	/* and since when the one that waits longest has taken nothing, in us before now */
	int64_t oldest_us[WORK_MAX];
	uint64_t outbox_nodes;		/* beside the changelog: owed singly, or refused */
	struct store_stat store;
	uint64_t disk_bytes, disk_free_bytes, inodes_free;
	int64_t started_us;
	int64_t cron_us;		/* cron ran last; 0: never */
	bool has_runner;
	struct run run;			/* the last one; zero: none yet */
	uint64_t ends[RUN_ENDS];	/* 1 for how it ended */
};

extern const char *const numbers_work_names[WORK_MAX];
extern const char *const numbers_end_names[RUN_ENDS];

enum kodo_err numbers_get(struct view *v, struct numbers *out) MUST_CHECK;

#endif
