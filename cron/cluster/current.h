/*
 * Who waits until all is applied here that the log had when they came: LINK_CURRENT.
 */
#ifndef KODO_CLUSTER_CURRENT_H
#define KODO_CLUSTER_CURRENT_H

#include "cron/cluster/client.h"

void current_wait(struct client *c);
void current_tick(struct proposer *p);

#endif
