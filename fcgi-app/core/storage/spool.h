/*
 * The ceilings of long answers on their way, of all processes of a state together: MiB in files,
 * answers that each hold a process, answers to one address. Without them a few who read slowly fill
 * the disk, or hold all processes.
 *
 * What is taken is a byte of the file `spool` that is locked, as for followers: the kernel frees it
 * with the process, however that ends.
 */
#ifndef KODO_SPOOL_H
#define KODO_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/storage/state.h"

#define SPOOL_ALONE_MAX		4u	/* answers that hold a process each */
#define SPOOL_CLIENT_MAX	8u	/* answers to one address */

struct spool_limits {
	unsigned max_mib;	/* of all files together; 0: no ceiling at all */
	bool is_posted;		/* peers have as much again, which no reader takes from them */
	bool holds_process;	/* until its client has taken the answer */
	uint64_t client;	/* a number of its address; 0: does not count */
};

/* The part of one answer. */
struct spool {
	int fd;			/* its locks end with it; -1: nothing is taken */
	unsigned n_looked;	/* slots that were looked at, round to the first own one */
	unsigned first;		/* of its own */
	bool has_room;		/* it has one */
};

#define SPOOL_INIT	{ -1, 0, 0, false }

/*
 * Begin an answer. KODO_EBUSY: too many are on their way to that client, or hold a process. Where
 * the folder cannot be written nothing is counted.
 */
enum kodo_err spool_begin(
    const struct state *state, const struct spool_limits *limits, struct spool *out) MUST_CHECK;

/*
 * Take room for one more MiB. KODO_EBUSY: all is taken, by others too: one answer alone may have
 * any size.
 */
enum kodo_err spool_grow(const struct spool_limits *limits, struct spool *s) MUST_CHECK;
void spool_end(struct spool *s);

/* MiB that are taken, of both kinds together. */
unsigned spool_used_mib(const struct state *state, unsigned max_mib);

#endif
