/*
 * The process of the log, one a machine: `kodo-reconnect --cluster`, which kodo service and
 * kodo-reconnect --stay start. It alone speaks with etcd and writes to the state.
 */
#ifndef KODO_ENGINE_H
#define KODO_ENGINE_H

#include <sys/types.h>

#include "core/storage/state.h"

/*
 * Run until stop_fd can be read, or the parent ends (0: any may). KODO_EBUSY: it runs already.
 * KODO_ENOTFOUND: this machine is in no cluster. Other errors with why: it is to be started again
 * later.
 */
enum kodo_err engine_run(
    const struct state *s, pid_t parent, int stop_fd, struct why *why) MUST_CHECK;

#endif
