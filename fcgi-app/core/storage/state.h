/*
 * The state folder of a service and what lies in it beside the LMDB files: locks, the FIFO that
 * wakes the runner, the key.
 *
 *	data.mdb lock.mdb	store.h
 *	write.lock		held (flock) by whoever is in a write transaction, so that
 *				waiting for it can end after a time
 *	service.lock		held while `kodo service` runs; holds its url
 *	runner.lock		held by the one runner
 *	wait.0, wait.1 ..	held by a request that waits for messages
 *	wake			FIFO; read by the runner
 *	lighttpd.conf, fcgi.sock ...	of `kodo service`
 *
 * Modes: a folder of a group is 2770 with files 0660; else 0700 and 0600 (decided by the mode of a
 * folder that exists; a new one below a folder with the group's write and set-group-id bits is one
 * of that group). Every descriptor is close-on-exec.
 */
#ifndef KODO_STATE_H
#define KODO_STATE_H

#include <sys/types.h>

#include "core/base/arena.h"

struct state {
	char path[4096];	/* absolute, no slash at the end */
	mode_t file_mode;	/* 0660 or 0600; new files get it whatever the umask is */
};

/*
 * Make the folder if it is missing (and parents), see that it is ours to write, a folder, and not
 * on a network file system (NFS, CIFS, 9p, FUSE: locks and shared memory cannot be trusted there).
 * create false: KODO_ENOTFOUND if it is missing. KODO_EIO with why: what is wrong and what to do;
 * KODO_EINVAL and KODO_ETOOBIG (with why): not an absolute path, or too long.
 */
enum kodo_err state_open(struct state *s, struct str path, bool create, struct why *why) MUST_CHECK;

/* The name of the network file system that has this f_type (statfs), or NULL for a local one. */
const char *state_network_fs(unsigned long f_type);

/*
 * The path of a file in the folder, in a static buffer of the caller: snprintf semantics,
 * KODO_ETOOBIG if cut.
 */
enum kodo_err state_file(const struct state *s, const char *name, char out[4096]) MUST_CHECK;

/*
 * Take a lock without waiting. *fd is the descriptor that holds it until it is closed (process end
 * included). KODO_EBUSY: somebody else has it (*owner, if not NULL, gets the first line of the
 * file). note, if not NULL, becomes the file's contents.
 */
enum kodo_err state_lock(const struct state *s, const char *name, const char *note, int *fd,
    char owner[2100]) MUST_CHECK;

/*
 * Does a process hold a lock of state_lock? Without taking it, so that nobody who does take it
 * fails meanwhile. KODO_OK: yes, *owner as above; KODO_ENOTFOUND: no. Not for locks of this
 * process: the look would hide them from others.
 */
enum kodo_err state_lock_owner(
    const struct state *s, const char *name, char owner[2100]) MUST_CHECK;

/* Wake the runner: KODO_OK, or KODO_ENOTFOUND if nobody reads the FIFO. */
enum kodo_err state_wake(const struct state *s) MUST_CHECK;
/* Does a runner read the FIFO? It is not woken. */
bool state_has_runner(const struct state *s);

/* For the runner: open the FIFO for reading (made if missing), non-blocking. The descriptor is
 * open for writing too, so that poll() does not report end of file when a waker has closed it. */
enum kodo_err state_wake_open(const struct state *s, int *fd) MUST_CHECK;
void state_wake_drain(int fd);

/*
 * A random text of 32 hex digits in a file (mode 0640 or 0600), made at the first call.
 * KODO_ECORRUPT: the file holds something else.
 */
enum kodo_err state_key(const struct state *s, char out[33]) MUST_CHECK;

/* The boot id of the machine (/proc/sys/kernel/random/boot_id), "" if there is none. */
void state_boot_id(char out[64]);

#endif
