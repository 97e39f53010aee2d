/* The lease of this machine: who sends, its record. */
#ifndef KODO_CLUSTER_LEAD_H
#define KODO_CLUSTER_LEAD_H

#include "cron/cluster/context.h"

enum kodo_err lead_new(struct context *e, struct leader **out) MUST_CHECK;
void lead_free(struct leader *l);
void lead_tick(struct leader *l);
/* Events of leader, member/ and digest/; key: below the prefix. */
void lead_event(struct leader *l, struct str key, const struct etcd_kv *kv);
/* Something of the log was applied. */
void lead_applied(struct leader *l);
void lead_end(struct leader *l);

#endif
