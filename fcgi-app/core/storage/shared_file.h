/*
 * A file of fixed size in the state folder that all processes of a state map and change by atomic
 * operations: no lock, and nothing that a killed process leaves behind. It begins with a number
 * that stands for its layout.
 */
#ifndef KODO_SHARED_FILE_H
#define KODO_SHARED_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/storage/state.h"

struct shared_file_kind {
	const char *name;
	uint64_t magic;		/* the layout */
	size_t bytes;
	const char *without;	/* for the log: `so no rate is limited` */
	void (*fill)(void *begin);	/* a new one behind its magic, zeroed; NULL: stays so */
};

/* This process's way to it; opened at the first use. */
struct shared_file {
	void *map;		/* NULL: not open */
	int fd;
	int64_t tried_ms;	/* when it could not be opened; 0: it could, or was not tried */
	struct why complaint;
};

#define SHARED_FILE_INIT	{ NULL, -1, 0, { "" } }

/*
 * Is it there to be used now? Made where it is missing, replaced where it is damaged, too short or
 * of another layout, opened anew where another process has replaced it. false: it cannot be used;
 * that is in the log once, and it is tried again later. To be asked before each use of map.
 */
bool shared_file_is_ready(
    struct shared_file *f, const struct state *s, const struct shared_file_kind *kind);
void shared_file_close(struct shared_file *f, const struct shared_file_kind *kind);

/*
 * Its first bytes, without a map. KODO_ENOTFOUND: there is none. KODO_ECORRUPT: it has another size
 * or layout. KODO_EIO.
 */
enum kodo_err shared_file_read(const struct state *s, const struct shared_file_kind *kind,
    void *out, size_t bytes) MUST_CHECK;

#endif
