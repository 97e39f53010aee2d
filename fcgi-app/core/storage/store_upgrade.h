/*
 * A state of a former format becomes one of the present, by the first program that may write it: a
 * backup goes beside it, then all changes are made in one transaction. Processes of the former
 * program read on in their snapshots, and find at their next transaction that they are outdated
 * (KODO_EVERSION); those of the newer one wait, servers as long as for any writer (KODO_EBUSY).
 */
#ifndef KODO_STORE_UPGRADE_H
#define KODO_STORE_UPGRADE_H

#include "core/storage/store.h"

struct upgrade {
	uint32_t from, to;		/* equal: nothing is to be done */
	bool is_possible;		/* there is a way */
	char backup[PATH_BYTES];	/* where it goes, or, of a newer state, where one may lie */
	bool may_write;			/* in its folder, for this process */
	uint64_t bytes, free_bytes;	/* of the backup, about; on its disk */
	char newer[64];			/* of a newer state: version of the program, or "" */
};

/* What is to be done to an open store, of whatever format. */
enum kodo_err upgrade_look(struct store *st, struct upgrade *out, struct why *why) MUST_CHECK;
/* Why a state of another format is not opened, and what to do. KODO_EVERSION. */
enum kodo_err upgrade_refuse(const struct store *st, const struct upgrade *u, struct why *why);

#endif
