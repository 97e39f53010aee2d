/*
 * A backup (backup.h) becomes a state folder: unpacked and checked beside its place, then
 * put there at once. What was there stays, under another name.
 */
#ifndef KODO_RESTORE_H
#define KODO_RESTORE_H

#include <stdint.h>

#include "core/storage/state.h"

#define BACKUP_MAGIC	"kodo backup 1"	/* and the format of the archive */
#define BACKUP_MANIFEST	"kodo-backup"
#define BACKUP_DATA	"data.mdb"
#define BACKUP_LOADER	"loader/"	/* and the file's name */

struct restore {
	char place[PATH_BYTES];		/* where the state shall be */
	char folder[PATH_BYTES];	/* where it is until then; "": nowhere */
	char aside[PATH_BYTES];		/* where what was there lies afterwards; "": nothing was */
	char loader[256];		/* name of the first loader in the archive, or "" */
	char url[STATE_OWNER_BYTES], taken[32], version[64];	/* as the backup says */
	uint32_t format;	/* of its tables */
	bool has_keys;
	mode_t file_mode;
	int locks[3];			/* of what is there */
};

/*
 * Lock what is at the place, so that no process can open it. KODO_EBUSY: why names who uses it,
 * and how that is ended. KODO_ECONFLICT: it is no state, or root would make one in the folder of
 * another user. KODO_EIO, KODO_EFULL, KODO_EINVAL, KODO_ETOOBIG. All with why.
 */
enum kodo_err restore_begin(struct restore *r, struct str place, struct why *why) MUST_CHECK;
/*
 * Unpack what fd gives. KODO_ECORRUPT: damaged, cut off or foreign; KODO_EVERSION: of a newer
 * program. KODO_EFULL, KODO_EIO, KODO_ENOMEM (perhaps without why), KODO_ETOOBIG. With why.
 */
enum kodo_err restore_unpack(struct restore *r, int fd, struct why *why) MUST_CHECK;
/* Keys that are there already stay; then the folders change places. With why. */
enum kodo_err restore_end(struct restore *r, struct why *why) MUST_CHECK;
/* What is not finished leaves nothing; locks end. */
void restore_free(struct restore *r);

#endif
