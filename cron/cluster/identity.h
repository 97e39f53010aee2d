/*
 * The key by which the registry signs (core/trust/own_key.h) is one for all machines, as peers know
 * a url by it: etcd has it, and each machine's state folder.
 *
 *	identity	its text; of the first machine, until one rotates it
 */
#ifndef KODO_CLUSTER_IDENTITY_H
#define KODO_CLUSTER_IDENTITY_H

#include "cron/cluster/context.h"

/* Take it from etcd, once; from then on tell etcd where it is rotated here. Has this machine it? */
bool identity_tick(struct context *e);
/* It was rotated at a machine. */
void identity_event(struct context *e, struct str text);

#endif
