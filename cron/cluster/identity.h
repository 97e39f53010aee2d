/*
 * Secrets that are one for all machines, each in a file of each machine's state folder, and in
 * etcd: the key by which the registry signs (core/trust/own_key.h), as peers know a url by it, and
 * the admin's (state_key), who does not know which machine a balancer asks.
 *
 *	identity, admin		its text; of the first machine, until one rotates it
 */
#ifndef KODO_CLUSTER_IDENTITY_H
#define KODO_CLUSTER_IDENTITY_H

#include "cron/cluster/context.h"

/*
 * Take them from etcd, once; from then on tell etcd where one is rotated here. Has this machine the
 * key by which all sign?
 */
bool identity_tick(struct context *e);
/* What etcd has is to be asked for again: a rotation may be in what was not told. */
void identity_forget(struct context *e);
/* The key of etcd is the one of a secret: it was rotated at a machine, and is taken. */
bool identity_event(struct context *e, struct str key, struct str text);

#endif
