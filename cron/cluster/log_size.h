/*
 * How many bytes the log has, as the watch has told it: what was put, and never what was deleted.
 * Of what was there before this process it knows nothing.
 */
#ifndef KODO_CLUSTER_LOG_SIZE_H
#define KODO_CLUSTER_LOG_SIZE_H

#include <stddef.h>
#include <stdint.h>

#define LOG_MARKS	64u

struct log_size {
	uint64_t step;		/* bytes between two marks; set by the owner */
	uint64_t total, revision;	/* put so far, up to this revision */
	/* a ring: up to a revision so much was put */
	struct { uint64_t revision, total; } marks[LOG_MARKS];
	size_t n;		/* marks ever made */
};

/* A key and value of that many bytes was put; what is told again counts once. */
void log_size_add(struct log_size *s, uint64_t revision, uint64_t bytes);
/* Bytes that were put behind that revision: at most a step too few, or all since the last mark. */
uint64_t log_size_behind(const struct log_size *s, uint64_t revision);
/* The last revision behind which there are so many bytes; 0: there is none. */
uint64_t log_size_before(const struct log_size *s, uint64_t bytes);

#endif
