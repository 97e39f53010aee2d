/*
 * The state folder of a service and what lies in it beside the LMDB files: locks, the FIFO that
 * wakes the runner, the key.
 *
 *	data.mdb lock.mdb	store.h
 *	write.lock		write_lock.h
 *	service.lock		held while `kodo service` runs; holds its url
 *	runner.lock		held by the one runner
 *	wait.0, wait.1 ..	each held by a request that waits for messages
 *	followers		a byte each is held for requests that wait for changes
 *	wake			FIFO; read by the runner
 *	runs			run_history.h
 *	key			see state_key
 *	lighttpd.conf, fcgi.sock ...	of `kodo service`
 *
 * Modes: 2770 and files 0660 for the folder of a group, else 0700 and 0600. An existing folder
 * decides by its own mode, a new one by the mode of its parent (path_make_folder). Every descriptor
 * is close-on-exec.
 */
#ifndef KODO_STATE_H
#define KODO_STATE_H

#include <sys/types.h>

#include "core/base/path.h"

#define STATE_OWNER_BYTES	2100	/* of a lock's first line: a url */

struct state {
	char path[PATH_BYTES];	/* absolute, no slash at the end */
	mode_t file_mode;	/* 0660 or 0600; new files get it whatever the umask is */
};

/*
 * Check that path is a folder, writable, and not on a network file system (NFS, CIFS, 9p, FUSE:
 * locks and shared memory cannot be trusted there). A missing one is made with its parents (create)
 * or is KODO_ENOTFOUND. KODO_EIO with why: what is wrong and what to do;
 * KODO_EINVAL and KODO_ETOOBIG (with why): not an absolute path, or too long.
 */
enum kodo_err state_open(struct state *s, struct str path, bool create, struct why *why) MUST_CHECK;

/* The name of the network file system that has this f_type (statfs), or NULL for a local one. */
const char *state_network_fs(unsigned long f_type);

/*
 * The path of a file in the folder. KODO_ETOOBIG: cut off.
 */
enum kodo_err state_file(const struct state *s, const char *name, char out[PATH_BYTES]) MUST_CHECK;

/*
 * Take a lock without waiting, and hold it until *fd is closed (process end included). note, if not
 * NULL, becomes the contents of its file. KODO_EBUSY: another process has it; owner, if not NULL,
 * is then the first line of the file.
 */
enum kodo_err state_lock(const struct state *s, const char *name, const char *note, int *fd,
    char owner[STATE_OWNER_BYTES]) MUST_CHECK;

/*
 * Does another process hold a lock of state_lock? The lock is not touched, so taking it cannot fail
 * meanwhile. KODO_OK: yes, owner as above; KODO_ENOTFOUND: no. Must not be asked of a lock of this
 * process: that would hide it from others.
 */
enum kodo_err state_lock_owner(
    const struct state *s, const char *name, char owner[STATE_OWNER_BYTES]) MUST_CHECK;

/* Wake the runner. KODO_ENOTFOUND: there is none. */
enum kodo_err state_wake(const struct state *s) MUST_CHECK;
/* Does a runner read the FIFO? It is not woken. */
bool state_has_runner(const struct state *s);

/*
 * For the runner: open the FIFO for reading (made if missing), non-blocking. The descriptor is open
 * for writing too, so that poll() reports no end of file when a waker has closed it.
 */
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
