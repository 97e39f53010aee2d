/* Digests of the states of all machines: see the head of compare.c. */
#ifndef KODO_CLUSTER_COMPARE_H
#define KODO_CLUSTER_COMPARE_H

#include "cron/cluster/context.h"

enum kodo_err compare_new(struct context *e, struct comparer **out) MUST_CHECK;
void compare_free(struct comparer *c);
/* Is there to be a digest at that revision? It must be applied alone. */
bool compare_wants(const struct comparer *c, uint64_t revision);
/* A revision of the log was applied, the next one after before. */
void compare_applied(struct comparer *c, uint64_t before, uint64_t revision);
/* Another state has taken the place of the one whose digests there are. */
void compare_forget(struct comparer *c);
/* An event of digest/; machine: what is behind that. */
void compare_event(struct comparer *c, struct str machine, const struct etcd_kv *kv);
/* lease: of this machine; 0: it has none now. */
void compare_tick(struct comparer *c, uint64_t lease);

#endif
