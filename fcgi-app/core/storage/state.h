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
 *	spool			bytes of it are held for long answers on their way
 *	wake			FIFO; read by the runner
 *	runs			run_history.h
 *	rates			rate_table.h
 *	metrics			metrics/metrics.h
 *	words, counts.json, overview	derived.h
 *	audit.jsonl ...		audit.h
 *	applying		cluster/poison.h
 *	queue.mdb, queue.mdb-lock	cron/cluster/queue.h
 *	key			see state_key
 *	identity		trust/own_key.h
 *	lighttpd.conf, fcgi.sock ...	of `kodo service`
 *
 * Modes: 2770 and files 0660 for the folder of a group, else 0700 and 0600. An existing folder
 * decides by its own mode, a new one by the mode of its parent (path_make_folder). Every descriptor
 * is close-on-exec.
 */
#ifndef KODO_STATE_H
#define KODO_STATE_H

#include <stdint.h>
#include <sys/types.h>

#include "core/base/path.h"

#define STATE_OWNER_BYTES	2100	/* of a lock's first line: a url */

struct state {
	char path[PATH_BYTES];	/* absolute, no slash at the end */
	mode_t file_mode;	/* 0660 or 0600; new files get it whatever the umask is */
	bool is_read_only;	/* it holds a store, and may not be written */
};

/*
 * Check that path is a folder, writable, and not on a network file system (NFS, CIFS, 9p, FUSE:
 * locks and shared memory cannot be trusted there). A missing one is made with its parents (create)
 * or is KODO_ENOTFOUND. One that holds a store may be read-only; why says the reason then. For root
 * in the folder of another user it is KODO_ECONFLICT with why (create), or the process acts as that
 * user on files from here on. KODO_EIO with why: what is wrong and what to do; KODO_EINVAL and
 * KODO_ETOOBIG (with why): not an absolute path, or too long.
 */
enum kodo_err state_open(struct state *s, struct str path, bool create, struct why *why) MUST_CHECK;

/*
 * May this process make such a folder, which is not there? KODO_ECONFLICT, KODO_EIO, KODO_ETOOBIG,
 * all with why: root in the folder of another user, as above, or a link that leads nowhere.
 */
enum kodo_err state_may_make(const struct state *s, struct why *why) MUST_CHECK;

/* The name of the network file system that has this f_type (statfs), or NULL for a local one. */
const char *state_network_fs(unsigned long f_type);

/*
 * The path of a file in the folder. KODO_ETOOBIG: cut off.
 */
enum kodo_err state_file(const struct state *s, const char *name, char out[PATH_BYTES]) MUST_CHECK;
/* Open it, made if missing, with its mode whatever the umask is. -1: errno tells. */
int state_open_file(const struct state *s, const char *name, int flags) MUST_CHECK;

/*
 * Take a lock without waiting, and hold it until *fd is closed (process end included). note, if not
 * NULL, becomes the contents of its file, if the disk has room. KODO_EBUSY: another process has it;
 * owner, if not NULL, is then the first line of the file. KODO_EFULL, KODO_EIO: errno tells.
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

/* How many of n bytes of a file from one on are locked, by other opens of it. */
unsigned state_locked_bytes(const struct state *s, const char *name, off_t from, unsigned n);

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
#define STATE_KEY_BYTES	33u
enum kodo_err state_key(const struct state *s, char out[STATE_KEY_BYTES]) MUST_CHECK;
/* Replace it; the old one counts for nothing from then on. */
enum kodo_err state_key_rotate(const struct state *s, char out[STATE_KEY_BYTES]) MUST_CHECK;

/* Another machine's in place of it. KODO_ECORRUPT: it is none. */
enum kodo_err state_key_take(const struct state *s, struct str text) MUST_CHECK;

/* The names of those that there are. */
#define STATE_SECRETS	2u
#define STATE_SECRET_BYTES	4096u	/* with the end of the text */
extern const char *const state_secrets[STATE_SECRETS];

/*
 * Secrets: a line each, in a file of the folder (mode 0640 or 0600). What is read is cut off at
 * size - 1 bytes, and terminated. KODO_ENOTFOUND, KODO_EIO.
 */
enum kodo_err state_secret_read(
    const struct state *s, const char *name, char *out, size_t size) MUST_CHECK;
/*
 * Half a line is never seen. replace: it takes the place of what is there; else that one stays,
 * so that of two processes the first one wins.
 */
enum kodo_err state_secret_write(
    const struct state *s, const char *name, const char *line, bool replace) MUST_CHECK;

/*
 * Which file it is, and its content of when. Equal ones: nothing was changed. A name that is not
 * there has one of zeros.
 */
struct state_secret_stamp {
	uint64_t device, inode;
	int64_t size, changed_ns;
};
struct state_secret_stamp state_secret_stamp(const struct state *s, const char *name);

/* 2 n digits and the end of the text. */
void state_hex(char *out, const unsigned char *bytes, size_t n);

/* The boot id of the machine (/proc/sys/kernel/random/boot_id), "" if there is none. */
#define STATE_BOOT_BYTES	64
void state_boot_id(char out[STATE_BOOT_BYTES]);

/*
 * Is a boot id among those that were seen, a list with blanks between? Programs of one service may
 * see different ones, as in containers, or none at all, which says nothing. Beside them a new one
 * tells that the machine was started.
 */
bool state_boot_is_seen(struct str seen, const char *id);
/* The list with id at its head, without the oldest ones. */
#define STATE_BOOTS_BYTES	(4 * STATE_BOOT_BYTES)
struct str state_boot_note(struct str seen, const char *id, char out[STATE_BOOTS_BYTES]);

#endif
