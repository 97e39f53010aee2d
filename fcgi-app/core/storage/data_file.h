/*
 * The files of LMDB as they lie on the disk, before LMDB maps them: what it would fail at later,
 * by a signal or for good, is found here. Of data.mdb the two meta pages are read, of lock.mdb
 * nothing.
 */
#ifndef KODO_DATA_FILE_H
#define KODO_DATA_FILE_H

#include <stdint.h>

#include "core/storage/state.h"

enum data_kind {
	DATA_NONE,	/* not there, or empty: LMDB makes it */
	DATA_UNBORN,	/* the first write of it ended halfway: nothing was ever committed */
	DATA_WHOLE,
	DATA_SHORT,	/* shorter than its last page: cut off, or that page was never needed */
	DATA_DAMAGED,	/* not a file of LMDB's */
};

struct data_file {
	enum data_kind kind;
	uint64_t used_bytes;	/* up to its last page; 0 unless DATA_WHOLE or DATA_SHORT */
	uint64_t map_bytes;	/* what its last writer mapped */
};

/*
 * See what data.mdb is. Refused is what is no file, like a symbolic link that leads to a file of
 * somebody else: LMDB would follow it, and write there. KODO_EIO with why.
 */
enum kodo_err data_file_look(
    const struct state *state, struct data_file *out, struct why *why) MUST_CHECK;

/* Empty an unborn file, so that LMDB makes it. To be called with the write lock. KODO_EIO. */
enum kodo_err data_file_renew(const struct state *state) MUST_CHECK;

/*
 * Give lock.mdb its place on the disk, before LMDB maps it: a page that finds none when it is
 * written would end the process. readers: as LMDB is told. Not while this process has the
 * environment open, as that would break its locks. KODO_EFULL, KODO_EIO with why.
 */
enum kodo_err data_file_place_locks(
    const struct state *state, unsigned readers, struct why *why) MUST_CHECK;

/* Is there room for one more block in an open file? 0, or the error of the system. */
int data_file_no_room(int fd);

/*
 * The largest size from want down to least bytes that could be mapped where held bytes would be
 * given up for it, with address space to spare. 0: not even least.
 */
uint64_t data_file_map_room(uint64_t want, uint64_t least, uint64_t held);

#endif
