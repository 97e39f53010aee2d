/*
 * Fetches the key set of the issuer of tokens (core/auth) for the responders: hourly, and when a
 * token has named an unknown key. It is beside the messages to peers: a slot of its own, and no
 * transaction.
 *
 * The address is one that the operator's option names, so it may be a private one, as a target's.
 */
#ifndef KODO_KEY_FETCH_H
#define KODO_KEY_FETCH_H

#include "core/registry/registry.h"
#include "cron/sender.h"

struct key_fetch;

/* r and s are borrowed; slot is one of s that nobody else uses. NULL: memory ran out. */
struct key_fetch *key_fetch_new(struct registry *r, struct sender *s, unsigned slot);
void key_fetch_free(struct key_fetch *k);	/* NULL is fine; before the sender */

/*
 * Begin what is due. *due_us (wall clock) becomes the time of the next attempt if that is sooner.
 */
void key_fetch_begin(struct key_fetch *k, int64_t now_us, int64_t *due_us);

/* Is a transfer in flight? */
bool key_fetch_is_busy(const struct key_fetch *k);

/* The transfer has ended; the caller releases the slot. */
void key_fetch_end(struct key_fetch *k, const struct exchange_result *res, int64_t now_us);

#endif
