/* The log behind all machines is deleted. */
#ifndef KODO_CLUSTER_TRIM_H
#define KODO_CLUSTER_TRIM_H

#include "cron/cluster/context.h"

enum kodo_err trim_new(struct context *e, struct trimmer **out) MUST_CHECK;
void trim_free(struct trimmer *t);
void trim_tick(struct trimmer *t);

#endif
