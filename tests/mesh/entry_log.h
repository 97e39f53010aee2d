/*
 * The changes of all simulated services as entries, in one file, in the order in which they
 * happened: `mesh --log FILE` writes it, tests/determinism/replay makes them again.
 *
 * A record: its mark, the number of the service, two lengths of four bytes, then the entry and what
 * came of it (cluster/entry.h), then the digest of the state after it. Other marks than ENTRY have
 * nothing of these.
 */
#ifndef MESH_ENTRY_LOG_H
#define MESH_ENTRY_LOG_H

#include <stdint.h>
#include <stdio.h>

#include "core/cluster/state_digest.h"

enum entry_mark {
	MARK_ENTRY = 'E',
	MARK_WIPED = 'W',	/* the state is gone */
	MARK_COPIED = 'C',	/* its file is put aside */
	MARK_RESTORED = 'R'	/* and put back */
};

struct entry_record {
	uint8_t mark, service;
	uint32_t n_entry, n_result;
	char digest[STATE_DIGEST_SIZE];
};

struct service;

bool entry_log_open(const char *path);
bool entry_log_close(void);	/* false: not all of it could be written */
/* From here on its changes are in the log, if there is one. */
void entry_log_follow(struct service *s);
void entry_log_mark(const struct service *s, enum entry_mark mark);

#endif
