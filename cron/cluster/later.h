/*
 * durability: local. A body that no majority of etcd takes in time goes to the queue, and its
 * sender is answered: accepted here, not yet by the cluster. When etcd is there again the queue
 * goes into the log before all that came after it, each entry under the key with which it may have
 * been tried already, so that it is in the log once however often this process ends meanwhile.
 */
#ifndef KODO_CLUSTER_LATER_H
#define KODO_CLUSTER_LATER_H

#include "core/registry/change_type.h"
#include "cron/cluster/client.h"

/* Open the queue, where it is wanted, or there. Errors as queue_open. */
enum kodo_err later_new(struct proposer *p, struct why *why) MUST_CHECK;

/* May a change of that kind go to the queue? */
bool later_may(const struct proposer *p, enum change_kind kind);

/* What waits for too long goes to the queue, or at once where etcd has no majority. */
void later_tick(struct proposer *p);

/* Its first records become clients for whom nobody waits, of as many as there is room for. */
void later_load(struct proposer *p);

/* Is there a record that comes before whoever waits, and is not loaded? */
bool later_is_more(const struct proposer *p);

/* The batch is in the log: its records are removed. */
void later_done(struct proposer *p);

#endif
