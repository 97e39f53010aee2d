/*
 * Counters of what was done at a state, of all its processes together, in the file `metrics` that
 * they map. They outlast the processes, and end with the file.
 *
 * A counter is found by its name and labels, so programs of two versions may count side by side.
 * Counting is an atomic addition: no transaction, no lock, nothing that a killed process leaves
 * behind. As the log it is of a process, so that whoever does something can count it.
 */
#ifndef KODO_METRICS_H
#define KODO_METRICS_H

#include <stdbool.h>

#include "core/storage/state.h"

#define METRICS_FILE	"metrics"
#define METRICS_LABELS	4u
#define METRICS_BUCKETS	16u	/* of a histogram, with the last one, which has no bound */

/*
 * The labels' values, in the order of the family's labels. From const tables alone, never what a
 * client sent: the file has room for METRICS_SLOTS counters, and what is more is not counted.
 */
struct metric {
	const char *family;
	const char *labels[METRICS_LABELS];	/* NULL: no more */
};

#define METRICS_SLOTS	8192u

/* Count at that state from now on; NULL: nowhere. s must outlast it. Nothing is opened yet. */
void metrics_use(const struct state *s);

void metrics_add(const struct metric *m, uint64_t n);

/* Several at once, at the cost of one look at the file. */
struct metric_count {
	struct metric metric;
	bool is_time;		/* n us, into a histogram; else n is added */
	uint64_t n;
};
void metrics_count(const struct metric_count *counts, size_t n);

/* To be asked before a series of the calls that follow: can they be answered? */
bool metrics_are_ready(void);

/* 0 where nothing was counted. */
uint64_t metrics_get(const struct metric *m);

struct metrics_histogram {
	uint64_t buckets[METRICS_BUCKETS];	/* times up to the bound, not to the one before */
	uint64_t count, sum_us;
};
/* false: nothing was counted. */
bool metrics_get_times(const struct metric *m, struct metrics_histogram *out);
/* The bounds in us, METRICS_BUCKETS - 1 of them. */
extern const int64_t metrics_bounds_us[METRICS_BUCKETS - 1];

/* A number that processes of a state leave for each other; 0 at first. */
void metrics_note(const char *name, uint64_t n);
uint64_t metrics_noted(const char *name);

#endif
