/*
 * The last runs of the runner, in a small file of the state folder, written under its lock. For
 * people; nothing depends on it.
 */
#ifndef KODO_RUN_HISTORY_H
#define KODO_RUN_HISTORY_H

#include <stdint.h>

#include "core/storage/state.h"

#define RUN_HISTORY_MAX	8u
#define RUN_HISTORY_FILE	"runs"
#define RUN_HISTORY_CRON_FILE	"cron.ran"	/* its time: the last run of cron */

struct run {
	int64_t began_us;
	int64_t ended_us;	/* 0: it still runs, or was killed */
	char by[12];		/* what started it: a word */
};

/* Add a run, or the end of the last one, if that began at the same time. What fails is lost. */
void run_history_note(const struct state *s, const struct run *run);

/* The last ones, oldest first; returns how many. */
size_t run_history_read(const struct state *s, struct run out[RUN_HISTORY_MAX]);

/* When a file of the state was written, see environment_note; 0: there is none. */
int64_t run_history_noted_us(const struct state *s, const char *name);

#endif
