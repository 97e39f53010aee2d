/*
 * Where a long answer is rendered: memory up to LIMIT_SPILL_BYTES, or LIMIT_SHARED_SPILL_BYTES
 * where limits are set and no process is held; beyond that an unlinked file in the state folder. So
 * the read transaction ends before a slow client takes the bytes; one held open makes the store
 * grow.
 *
 * Write to s->buf, call sink_step between items, sink_end at the end. Then the answer is either all
 * in s->buf (s->fd -1), or all in s->fd, s->len bytes from offset 0.
 */
#ifndef KODO_SINK_H
#define KODO_SINK_H

#include <stdint.h>

#include "core/base/buf.h"
#include "core/storage/spool.h"

struct sink {
	struct buf buf;
	int fd;			/* -1: all in buf */
	uint64_t len;		/* bytes in fd */
	const struct state *state;	/* where the file goes; NULL: never spill */
	struct spool_limits limits;	/* of the file; none unless set */
	struct spool spool;
	bool is_disk_full;	/* it was; no file is tried again below LIMIT_SPILL_BYTES */
};

#define SINK_INIT(st)	{ BUF_INIT(0), -1, 0, (st), { 0, false, false, 0 }, SPOOL_INIT, false }

/*
 * Spill if buf is over the ceiling. KODO_ENOMEM (buf failed), KODO_EFULL (disk full), KODO_EBUSY
 * (limits), KODO_EIO.
 */
enum kodo_err sink_step(struct sink *s) MUST_CHECK;
enum kodo_err sink_end(struct sink *s) MUST_CHECK;
/* Put what follows into the file from here on, however little it is. Errors as sink_step. */
enum kodo_err sink_open(struct sink *s) MUST_CHECK;
void sink_free(struct sink *s);

#endif
