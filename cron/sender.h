/*
 * Sends messages, many at a time, and collects their results. The only includer of curl.
 *
 * As PROTOCOL.md wants it ("What a service sends"): JSON, no Expect, no proxy from the environment,
 * no redirects, http and https only, a time limit for the whole of an attempt. An answer over its
 * ceiling is cut off: one over LIMIT_ANSWER_BYTES counts as failed, one over a lower ceiling as an
 * answer without a body. Connections are kept and used again; one that
 * the peer has closed meanwhile is replaced by curl itself.
 *
 *	sender_start(s, i, &job, ..)	slot i is busy; job.url and job.body stay as they are until
 *	sender_wait(s, ..)
 *	sender_take(s, &i, &res)	slot i has ended; res is valid until
 *	sender_release(s, i)		slot i is free again
 */
#ifndef KODO_SENDER_H
#define KODO_SENDER_H

#include <netinet/in.h>

#include "core/exchange/job.h"
#include "core/trust/signature.h"

/*
 * transfers at a time: those to peers, one for the keys of an issuer of tokens, those to flows, and
 * those of imports.
 * Enough to hide the waiting, few enough for any descriptor limit
 */
#define SENDER_SLOTS	189u	/* see dispatch.c */

struct sender;

struct sender_limits {
	unsigned timeout_s;	/* of the whole attempt; of its connecting at most 5 */
	size_t answer_max_bytes;	/* at most LIMIT_ANSWER_BYTES */
	/* may it reach loopback, private and link-local addresses, if the name resolves to one? */
	bool allow_private;
	/* more lines of the head, the last one followed by NULL; NULL: none */
	const char *const *head;
	bool head_only;	/* end with the head of the answer, of SENDER_HEAD_BYTES at most */
};
#define SENDER_HEAD_BYTES	16384u

enum kodo_err sender_new(struct sender **out) MUST_CHECK;	/* KODO_ENOMEM */

/* Transfers in flight are abandoned, without waiting for a name server. NULL is fine. */
void sender_free(struct sender *s);

/* KODO_ENOMEM: slot is free still. Slot must be free. */
enum kodo_err sender_start(struct sender *s, unsigned slot, const struct exchange_job *job,
    const struct sender_limits *limits) MUST_CHECK;

/*
 * Move bytes until a transfer ends, a descriptor of fds (at most 4) can be read, a signal comes, or
 * timeout_us has passed. Returns a bit for each of fds that can be read: 1 << index.
 */
unsigned sender_wait(struct sender *s, const int *fds, unsigned n_fds, int64_t timeout_us);

/* End a transfer that others wait for: it counts as failed. */
void sender_give_up(struct sender *s, unsigned slot);

/*
 * A transfer that has ended, in *slot and *res; false: none. *head, unless it is NULL: what the
 * answer's head says of its signature, its ETag, and the address that was reached.
 */
struct sender_head {
	struct signature_fields signature;
	struct str etag;	/* null: none */
	bool is_private;	/* the address, so that it was not asked */
	bool has_address;
	struct in6_addr address;
};
bool sender_take(struct sender *s, unsigned *slot, struct exchange_result *res,
    struct sender_head *head);
void sender_release(struct sender *s, unsigned slot);

#endif
