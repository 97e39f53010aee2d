/* A file of another machine of the cluster, fetched beside all else that the process does. */
#ifndef KODO_CLUSTER_FETCH_H
#define KODO_CLUSTER_FETCH_H

#include "cron/cluster/etcd.h"

struct fetch;

/*
 * Begin GET url with that key into fd, which is the caller's, and stays open until fetch_free.
 * It goes on as long as it comes at FETCH_LEAST_BYTES a second. KODO_ENOMEM.
 */
enum kodo_err fetch_begin(const char *url, const char *key, int fd, struct fetch **out) MUST_CHECK;
#define FETCH_LEAST_BYTES	1000L
void fetch_free(struct fetch *f);	/* wherever it is; NULL is fine */

/* What to wait for: at most FETCH_FDS. */
#define FETCH_FDS	4u
size_t fetch_fds(struct fetch *f, struct etcd_fd *fds);
/*
 * Take what has come. *is_over: the file is there, or with why: KODO_EIO: the machine does not give
 * it; KODO_EFULL: the disk is full; KODO_ENOMEM.
 */
enum kodo_err fetch_step(struct fetch *f, bool *is_over, struct why *why) MUST_CHECK;

#endif
