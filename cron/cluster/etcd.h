/*
 * What kodo asks of etcd, by its JSON gateway: 3.4, 3.5 and 3.6. The only file that knows etcd.
 *
 * Calls run beside each other and beside one watch; what came of each is told to its function from
 * within etcd_wait. A call takes CALL_TIMEOUT_MS at most; one without an answer moves all later
 * ones to the next endpoint, and its outcome is unknown: KODO_EBUSY.
 *
 * Keys and values are bytes. A range of keys is [key, end); a null end is the key alone.
 */
#ifndef KODO_ETCD_H
#define KODO_ETCD_H

#include "core/base/arena.h"
#include "core/base/buf.h"

#define ETCD_TXN_PUTS	60u		/* etcd takes 128 operations, and each put is two */
#define ETCD_TXN_BYTES	1000000u	/* of keys and values; etcd takes 1.5 MiB a request */
#define ETCD_CALLS	16u		/* at a time */

struct etcd;

struct etcd_kv {
	struct str key, value;
	uint64_t create_revision, mod_revision;
	bool is_deleted;		/* of an event */
};

/* What became of one put of a txn. */
enum etcd_put_fate {
	ETCD_PUT_DONE,
	ETCD_PUT_EXISTS,	/* the key was there: nothing was put */
	ETCD_PUT_FENCED,	/* the token does not hold any more: nothing was put */
};

/* Of a call; all texts are valid until the function returns that it is given to. */
struct etcd_answer {
	/*
	 * KODO_OK. KODO_EBUSY: no answer in time or none that can be read, no leader, or a fault
	 * of etcd: unknown whether it was done. All others: it was not.
	 * KODO_EFULL: over etcd's quota. KODO_ECONFLICT: that revision was compacted.
	 * KODO_ENOTFOUND: no such lease. KODO_EIO: etcd says why in words. KODO_ENOMEM.
	 */
	enum kodo_err err;
	struct str words;
	uint64_t cluster_id, member_id, revision;	/* of the header */
	bool is_done;		/* of a txn with one condition: it held */
	const struct etcd_kv *kvs;
	size_t n_kvs;
	bool more;		/* of a range: there are keys behind these */
	const enum etcd_put_fate *fates;	/* of etcd_create: one for each put */
	size_t n_fates;
	uint64_t lease, ttl_s;	/* of a lease; ttl_s 0: it has ended */
	struct str version;	/* of etcd_version and etcd_status: "3.4.23" */
	uint64_t db_bytes, used_bytes, leader_id; /* of etcd_status */
	uint64_t alarms[4];	/* ids of members that raised one */
	size_t n_alarms;
	bool is_corrupt;	/* the first of them is not for want of room, but CORRUPT */
};
struct etcd_done {
	void (*fn)(void *arg, const struct etcd_answer *answer);
	void *arg;
};

/*
 * Endpoints, with commas between: http://127.0.0.1:2379, or unix:///run/kodo/etcd.sock:0, which
 * is a path. KODO_EINVAL with why; KODO_ENOMEM.
 */
enum kodo_err etcd_new(struct str endpoints, struct etcd **out, struct why *why) MUST_CHECK;
void etcd_free(struct etcd *e);		/* calls under way are told nothing; NULL is fine */

/* All calls: KODO_ENOMEM; KODO_EBUSY: ETCD_CALLS are under way. Then done is not called. */

/* The first limit keys, 0: all, in their order. keys_only: without values. */
enum kodo_err etcd_range(struct etcd *e, struct str key, struct str end, unsigned limit,
    bool keys_only, struct etcd_done done) MUST_CHECK;

/* A put that is made only where its key is not there yet, and the token holds. */
struct etcd_put {
	struct str key, value;
	struct str fence;	/* a key, whose create_revision must be token; null: none */
	uint64_t token;
};
/* At most ETCD_TXN_PUTS of at most ETCD_TXN_BYTES, one txn. What one is refused costs no other. */
enum kodo_err etcd_create(struct etcd *e, const struct etcd_put *puts, size_t n,
    struct etcd_done done) MUST_CHECK;

/* Put, whatever is there. lease 0: none. */
enum kodo_err etcd_put(struct etcd *e, struct str key, struct str value, uint64_t lease,
    struct etcd_done done) MUST_CHECK;
/* Put only where the key is not there (is_done), else kvs[0] is what is. */
enum kodo_err etcd_claim(struct etcd *e, struct str key, struct str value, uint64_t lease,
    struct etcd_done done) MUST_CHECK;
enum kodo_err etcd_delete(
    struct etcd *e, struct str key, struct str end, struct etcd_done done) MUST_CHECK;

enum kodo_err etcd_grant(struct etcd *e, unsigned ttl_s, struct etcd_done done) MUST_CHECK;
enum kodo_err etcd_keep_alive(struct etcd *e, uint64_t lease, struct etcd_done done) MUST_CHECK;
enum kodo_err etcd_revoke(struct etcd *e, uint64_t lease, struct etcd_done done) MUST_CHECK;
enum kodo_err etcd_compact(struct etcd *e, uint64_t revision, struct etcd_done done) MUST_CHECK;

enum kodo_err etcd_version(struct etcd *e, struct etcd_done done) MUST_CHECK;
enum kodo_err etcd_status(struct etcd *e, struct etcd_done done) MUST_CHECK;
enum kodo_err etcd_alarms(struct etcd *e, struct etcd_done done) MUST_CHECK;

/*
 * Watch keys from a revision on; one watch at a time, a former one ends. Each message is told to
 * fn;
 * when the watch has ended, is_over with err as of a call: KODO_ECONFLICT where the revision was
 * compacted. Events of one revision may come in several messages, all but the last is_fragment.
 */
struct etcd_message {
	const struct etcd_kv *events;
	size_t n;
	bool is_fragment;
	bool is_over;
	enum kodo_err err;
	struct str words;
	uint64_t compact_revision;
};
enum kodo_err etcd_watch(struct etcd *e, struct str key, struct str end, uint64_t from,
    void (*fn)(void *arg, const struct etcd_message *m), void *arg) MUST_CHECK;
void etcd_watch_end(struct etcd *e);
bool etcd_is_watching(const struct etcd *e);

/*
 * Move bytes until something has come, one of fds can be read (or written, with the matching bit of
 * to_write), or timeout_ms has passed; it does not wait where a call has begun, which is sent.
 * ready: for each of fds whether it is. Functions are called after the wait, never before it: the
 * caller sees to what follows from them first.
 */
struct etcd_fd {
	int fd;
	bool to_write;
	bool is_ready;
};
void etcd_wait(struct etcd *e, struct etcd_fd *fds, size_t n, int timeout_ms);

#endif
