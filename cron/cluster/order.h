/* What an admin orders by hand: kodo cluster. */
#ifndef KODO_CLUSTER_ORDER_H
#define KODO_CLUSTER_ORDER_H

#include "cron/cluster/context.h"

/*
 * An order of link_order has come from a client: order_take answers it, at once or when etcd has
 * done it, by propose_order_done.
 */
void order_take(struct context *e, void *client, struct str words);

#endif
