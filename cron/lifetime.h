/*
 * How long a runner lives and how long it waits: arithmetic, without clock, files or network.
 *
 * Lifetimes are counted on the monotonic clock, due times on the wall clock, for those are stored.
 */
#ifndef KODO_LIFE_H
#define KODO_LIFE_H

#include <stdbool.h>
#include <stdint.h>

/* work due within this keeps a runner alive */
#define LIFETIME_AHEAD_US	(60 * 1000000ll)
/* past its limit it starts nothing more, and gives this to what is in flight */
#define LIFETIME_CLOSING_US	1000000ll
#define LIFETIME_NEVER	INT64_MAX

struct lifetime {
	bool stay;		/* never ends by itself */
	bool once;		/* ends when nothing is due at this moment */
	int64_t began_us;	/* monotonic */
	int64_t until_us;	/* monotonic: the limit of --for */
};

/* What the last look at the state said. */
struct lifetime_state {
	int64_t next_due_us;	/* wall clock: something will be due; LIFE_NEVER */
	int64_t active_due_us;	/* the same without parked work and looks */
	unsigned n_busy;	/* transfers in flight */
};

enum epoch_end { LIFETIME_GOES_ON, LIFETIME_CLOSING, LIFETIME_IDLE, LIFETIME_LIMIT };

/*
 * LIFE_GOES_ON; LIFE_CLOSING: past the limit, with transfers in flight that get a little time;
 * LIFE_IDLE: nothing to stay for; LIFE_LIMIT: time is up.
 */
enum epoch_end lifetime_judge(
    const struct lifetime *l, const struct lifetime_state *look, int64_t mono_us, int64_t wall_us);

/* Is there work that a runner would stay for? */
bool lifetime_is_worth(const struct lifetime *l, int64_t active_due_us, int64_t wall_us);

/*
 * How long to wait for transfers and wakers, in us, at most max_us. A due time that has passed
 * although nothing could be started (its peer is busy) does not make a loop that never sleeps.
 */
int64_t lifetime_wait_us(const struct lifetime *l, const struct lifetime_state *look, int64_t mono_us,
    int64_t wall_us, int64_t max_us);

/* How long to leave the state alone after its n-th failure in a row (n from 1): 1 2 4 .. 30 s. */
int64_t lifetime_pause_us(unsigned n);

#endif
