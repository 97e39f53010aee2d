/*
 * What was taken here while no majority of etcd had it (durability: local): entries in the order in
 * which they came, in a file of LMDB in the state folder, until the log has them. One process
 * has it open at a time.
 *
 * What is put and removed is there, durable, after queue_commit; queue_next sees it at once.
 */
#ifndef KODO_CLUSTER_QUEUE_H
#define KODO_CLUSTER_QUEUE_H

#include "core/base/buf.h"
#include "core/storage/state.h"

#define QUEUE_FILE	"queue.mdb"	/* and QUEUE_FILE-lock */
#define QUEUE_BYTES	((size_t)64 << 20)	/* of all keys and entries */
#define QUEUE_RECORDS	100000u

struct queue;

/* Is there one in that state folder? */
bool queue_is_there(const struct state *s);
/* Make it, or open what is there. max_bytes: as QUEUE_BYTES. KODO_EIO with why, KODO_ENOMEM. */
enum kodo_err queue_open(
    const struct state *s, size_t max_bytes, struct queue **out, struct why *why) MUST_CHECK;
void queue_close(struct queue *q);	/* NULL is nothing */

/* Records that are there, and the number of the last one that was put; numbers only grow. */
uint64_t queue_length(const struct queue *q);
uint64_t queue_last(const struct queue *q);

/* At the end. KODO_EFULL: it would be over its size; nothing was put. KODO_EIO. */
enum kodo_err queue_put(
    struct queue *q, struct str key, struct str entry, uint64_t *number) MUST_CHECK;
/*
 * The first one behind that number; key and entry are valid until the next call. KODO_ENOTFOUND.
 * KODO_EIO, KODO_ECORRUPT.
 */
enum kodo_err queue_next(struct queue *q, uint64_t behind, uint64_t *number, struct str *key,
    struct str *entry) MUST_CHECK;
/* One that is not there is removed already. KODO_EIO. */
enum kodo_err queue_remove(struct queue *q, uint64_t number) MUST_CHECK;
/* Otherwise nothing of it was done since the last one: KODO_EFULL, KODO_EIO. */
enum kodo_err queue_commit(struct queue *q) MUST_CHECK;

#endif
