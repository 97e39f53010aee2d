/*
 * Another machine's state in place of this one's, when the log does not reach back far enough.
 */
#ifndef KODO_CLUSTER_SNAPSHOT_H
#define KODO_CLUSTER_SNAPSHOT_H

#include "core/registry/registry.h"

/* Write a compact copy of one commit at the position of fd; its revision is in it (applied). */
enum kodo_err cluster_snapshot_write(struct registry *r, int fd, struct why *why) MUST_CHECK;

/*
 * Put the copy that was fetched to file (of this machine, in the state folder) in place of the
 * state. No process may have the state open but as the state lock allows. Before anything is
 * touched the copy is opened and looked at: KODO_EVERSION, KODO_ECORRUPT, KODO_ECONFLICT (it is not
 * ahead of what is there, or of another registry). A crash at any point leaves the old or the new
 * state, never none.
 */
enum kodo_err cluster_snapshot_install(
    struct str state_path, const char *file, struct why *why) MUST_CHECK;

#endif
