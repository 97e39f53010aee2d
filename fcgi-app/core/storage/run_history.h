/*
 * When the runner ran: its last runs, in a small file of the state folder, written by whoever holds
 * the runner's lock. For people; nothing depends on it.
 */
#ifndef KODO_RUNS_H
#define KODO_RUNS_H

#include <stdint.h>

#include "core/storage/state.h"

#define RUNS_KEPT	8u
#define RUNS_FILE	"runs"

struct run {
	int64_t began_us;
	int64_t ended_us;	/* 0: it still runs, or was killed */
	char by[12];		/* who started it: a word */
};

/* Add a run, or note how the last one, which began at the same time, ended. What fails is lost. */
void runs_note(const struct state *s, const struct run *run);

/* The last ones, oldest first; returns how many. */
size_t runs_read(const struct state *s, struct run out[RUNS_KEPT]);

/* Is there a runner now? It is not woken by the question. */
bool runs_is_running(const struct state *s);

/* The time of a file of the state, see health_note; 0: it is not there. */
int64_t runs_noted_us(const struct state *s, const char *name);

#endif
