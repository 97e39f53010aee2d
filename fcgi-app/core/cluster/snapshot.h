/*
 * Another machine's state in place of this one's, when the log does not reach back far enough.
 */
#ifndef KODO_CLUSTER_SNAPSHOT_H
#define KODO_CLUSTER_SNAPSHOT_H

#include "core/registry/registry.h"

/* Write a compact copy of one commit at the position of fd; its revision is in it (applied). */
enum kodo_err cluster_snapshot_write(struct registry *r, int fd, struct why *why) MUST_CHECK;

/*
 * Let the state of r become what the copy has, a data.mdb in a folder of its own, in one
 * transaction: whoever has the state open sees a commit like any other, and a crash leaves the old
 * state or the new one. KODO_EVERSION, KODO_ECORRUPT: the copy cannot be read; KODO_ECONFLICT: it
 * is of an older revision than what is there. As store_write. All with why.
 */
enum kodo_err cluster_snapshot_install(
    struct registry *r, struct str folder, struct why *why) MUST_CHECK;

#endif
