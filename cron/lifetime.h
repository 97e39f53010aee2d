/*
 * How long a runner lives and how long it waits: arithmetic, without clock, files or network.
 *
 * Lifetimes are counted on the monotonic clock, due times on the wall clock, for those are stored.
 */
#ifndef KODO_LIFETIME_H
#define KODO_LIFETIME_H

#include <stdbool.h>
#include <stdint.h>

/* work due within this keeps a runner alive */
#define LIFETIME_AHEAD_US	(60 * 1000000ll)
/* past its limit it starts no more transfers, and gives this time to those in flight */
#define LIFETIME_CLOSING_US	1000000ll
#define LIFETIME_NEVER	INT64_MAX

struct lifetime {
	bool stay;		/* never ends by itself */
	bool once;		/* ends when nothing is due now */
	int64_t began_us;	/* monotonic */
	int64_t until_us;	/* monotonic: the limit of --for */
};

/* The work of the state, as last read. */
struct lifetime_state {
	int64_t next_due_us;	/* wall clock: something will be due; LIFETIME_NEVER */
	int64_t active_due_us;	/* the same without paused peers and digest checks */
	unsigned n_busy;	/* transfers in flight */
};

enum lifetime_end { LIFETIME_GOES_ON, LIFETIME_CLOSING, LIFETIME_IDLE, LIFETIME_LIMIT };

/*
 * LIFETIME_CLOSING: past the limit, with transfers in flight, which get a little time;
 * LIFETIME_IDLE: no work near; LIFETIME_LIMIT: time is up.
 */
enum lifetime_end lifetime_judge(
    const struct lifetime *l, const struct lifetime_state *s, int64_t mono_us, int64_t wall_us);

/* Is there work that keeps a runner alive? */
bool lifetime_is_worth(const struct lifetime *l, int64_t active_due_us, int64_t wall_us);

/*
 * How long to wait for transfers and wakers, in us, at most max_us. For work that is due and could
 * not be started (its peer is busy) it is more than 0: no busy loop.
 */
int64_t lifetime_wait_us(const struct lifetime *l, const struct lifetime_state *s,
    int64_t mono_us, int64_t wall_us, int64_t max_us);

/* How long to leave the state alone after its n-th failure in a row (n from 1): 1 2 4 .. 30 s. */
int64_t lifetime_pause_us(unsigned n);

#endif
