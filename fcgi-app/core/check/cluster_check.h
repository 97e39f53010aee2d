/* The part of `kodo check` about a cluster: what an admin may get wrong with machines and etcd. */
#ifndef KODO_CLUSTER_CHECK_H
#define KODO_CLUSTER_CHECK_H

#include "core/check/environment.h"

/* Nothing is said where the state is in no cluster. */
void cluster_check(const struct environment *h);
/* Its part that needs no state, but options: may etcd be reached, and by whom? */
void cluster_check_endpoints(const struct environment *h);

#endif
