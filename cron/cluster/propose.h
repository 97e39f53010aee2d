/* The socket of this machine, and what comes by it into the log. */
#ifndef KODO_CLUSTER_PROPOSE_H
#define KODO_CLUSTER_PROPOSE_H

#include "cron/cluster/context.h"

enum kodo_err propose_new(struct context *e, struct proposer **out, struct why *why) MUST_CHECK;
void propose_free(struct proposer *p);
size_t propose_fds(struct proposer *p, struct etcd_fd *fds, size_t max);
void propose_io(struct proposer *p, const struct etcd_fd *fds, size_t n);
void propose_tick(struct proposer *p);
/* An entry of this machine's was applied. key: below log/ */
void propose_applied(struct proposer *p, struct str key, uint64_t revision, struct str result);
void propose_order_done(void *client, enum kodo_err err);
/* A key of this process that no other entry has. */
struct str propose_key(struct proposer *p, char out[KEY_BYTES]);
/* Whose entry may be in the log already is hung up on; what waits to be sent is refused. */
void propose_refuse(struct proposer *p, bool queued_too);

#endif
