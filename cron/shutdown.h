/*
 * What ends a runner from outside: a signal, or the end of the service that it belongs to. Both are
 * descriptors that become readable, so that every wait sees them.
 */
#ifndef KODO_SHUTDOWN_H
#define KODO_SHUTDOWN_H

#include <stdbool.h>

#include "core/base/err.h"

/*
 * From here on SIGTERM, SIGINT and SIGHUP make *fd readable and do nothing else; SIGPIPE is
 * ignored. KODO_EIO with why.
 */
enum kodo_err shutdown_open(int *fd, struct why *why) MUST_CHECK;

/*
 * A worker of `kodo service` that finds no runner starts one, in a session of its own, which must
 * not outlive the service. *fd: readable after the end of the service; -1: there is no service, or
 * the kernel has no pidfd_open. False: the service has ended already.
 */
bool shutdown_open_service(int *fd);

#endif
