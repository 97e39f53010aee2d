/*
 * The cluster as /map and `kodo cluster status -o json` show it.
 */
#ifndef KODO_CLUSTER_VIEW_H
#define KODO_CLUSTER_VIEW_H

#include "core/base/buf.h"
#include "core/storage/cluster_status.h"

/* An object: {name, machine, leader, revision, queued, quorum, stopped, members: [..]}. */
void cluster_view_put(struct buf *b, const struct cluster_status *st);

/* Machines that say something, and how many of them serve. */
void cluster_view_count(const struct cluster_status *st, unsigned *live, unsigned *ready);

#endif
