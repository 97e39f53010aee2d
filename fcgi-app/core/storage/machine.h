/*
 * Small texts of one machine in the state folder, which no backup and no snapshot has: which
 * cluster it is of (MACHINE_FILE), and how that goes (MACHINE_STATUS).
 */
#ifndef KODO_MACHINE_H
#define KODO_MACHINE_H

#include "core/base/arena.h"
#include "core/storage/state.h"

#define MACHINE_FILE	"machine"	/* its own options; without, it is in no cluster */
/* a line of it: a digest of the options that all machines are to have, as its loader says them */
#define MACHINE_DIGEST	"options_digest="
#define MACHINE_STATUS	"cluster.status"
#define MACHINE_SOCKET	"cluster.sock"	/* of who reads and writes the log */
#define MACHINE_LOCK	"cluster.lock"	/* held by it */

/* Half a text is never seen. KODO_EFULL, KODO_EIO. */
enum kodo_err machine_write(
    const struct state *s, const char *name, struct str text, bool sync) MUST_CHECK;
/* KODO_ENOTFOUND, KODO_EIO, KODO_ENOMEM. */
enum kodo_err machine_read(
    const struct state *s, struct arena *a, const char *name, struct str *text) MUST_CHECK;
void machine_remove(const struct state *s, const char *name);

/* Is this machine in a cluster? */
bool machine_is_member(const struct state *s);

#endif
