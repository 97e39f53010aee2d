/*
 * The lock of writers, taken before LMDB's own: that one cannot be waited for with a limit, and a
 * writer stopped by SIGSTOP would hold all other processes for ever.
 */
#ifndef KODO_WRITE_LOCK_H
#define KODO_WRITE_LOCK_H

#include "core/storage/state.h"

#define WRITE_LOCK_WAIT_S	20
#define WRITE_LOCK_SHORT_S	2

/*
 * Open the file of the lock, made where it is missing. *fd is close-on-exec; closing it releases
 * the lock; -1: there can be none, on a disk that is mounted read-only. KODO_EIO, KODO_EFULL with
 * why; KODO_ETOOBIG.
 */
enum kodo_err write_lock_open(const struct state *state, int *fd, struct why *why) MUST_CHECK;

/*
 * Open it where *fd is -1, or of a file that lies there no more, as after kodo restore; else it
 * stays, with its lock. Errors as above.
 */
enum kodo_err write_lock_renew(const struct state *state, int *fd, struct why *why) MUST_CHECK;

/*
 * One process waits for up to WRITE_LOCK_WAIT_S, all others for WRITE_LOCK_SHORT_S, and not at all
 * once that one has waited so long: else posters behind a stopped writer would hold all workers,
 * and nobody could read. KODO_EBUSY: the wait was over; KODO_EIO. SIGALRM is used meanwhile.
 */
enum kodo_err write_lock_take(int fd) MUST_CHECK;

/*
 * This process answers requests, so it does not wait for a holder that is stopped, not even if it
 * has begun to wait before: KODO_EBUSY at once, or within 20 ms.
 */
void write_lock_leave_stopped(void);
bool write_lock_leaves_stopped(void);
void write_lock_release(int fd);

/*
 * Is it held, by another process? Without a wait. LONG: somebody has waited for it for
 * WRITE_LOCK_SHORT_S and more. fd -1: nobody can hold it.
 */
enum write_lock_state { WRITE_LOCK_FREE, WRITE_LOCK_HELD, WRITE_LOCK_LONG };
enum write_lock_state write_lock_look(int fd);

/* The process that holds it, as /proc/locks says. 0: none, or it is not told here. */
long write_lock_holder(int fd);

#endif
