/* The log into the state. */
#ifndef KODO_CLUSTER_FOLLOW_H
#define KODO_CLUSTER_FOLLOW_H

#include "cron/cluster/context.h"

enum kodo_err follow_new(struct context *e, struct follower **out) MUST_CHECK;
void follow_free(struct follower *f);
void follow_tick(struct follower *f);
/* Begin anew behind what is applied. */
void follow_again(struct follower *f);

#endif
