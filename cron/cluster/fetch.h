/* A file of another machine of the cluster. */
#ifndef KODO_CLUSTER_FETCH_H
#define KODO_CLUSTER_FETCH_H

#include "core/base/err.h"

/*
 * GET url with that key into fd. Takes as long as it comes at FETCH_LEAST_BYTES a second.
 * KODO_EIO with why: the machine does not give it; KODO_EFULL: the disk is full; KODO_ENOMEM.
 */
enum kodo_err fetch_file(const char *url, const char *key, int fd, struct why *why) MUST_CHECK;
#define FETCH_LEAST_BYTES	1000L

#endif
