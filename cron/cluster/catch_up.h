/* Another machine's state in place of this one's. */
#ifndef KODO_CLUSTER_CATCH_UP_H
#define KODO_CLUSTER_CATCH_UP_H

#include "cron/cluster/context.h"

enum kodo_err catch_up_new(struct context *e, struct catch_up **out) MUST_CHECK;
void catch_up_free(struct catch_up *u);
/* Where status.is_catching_up. */
void catch_up_tick(struct catch_up *u);

/* What is to be waited for meanwhile: at most FETCH_FDS. */
size_t catch_up_fds(struct catch_up *u, struct etcd_fd *fds);

#endif
