/*
 * An attempt at a peer has failed: why, in words, and when the next one is.
 */
#ifndef KODO_FAILURE_H
#define KODO_FAILURE_H

#include "core/exchange/delivery.h"

/* The next digest check of an acknowledged target. */
void digest_check_later(struct change *ch, struct peer *p);

/* One line, which people and JSON can have. */
void failure_words(const struct outcome *oc, char *out, size_t size);
/* It becomes the peer's error. */
enum kodo_err failure_keep(
    struct change *ch, struct peer *p, const struct outcome *oc) MUST_CHECK;

/* A connect was answered by 404. It may be a registry soon: roles change. */
bool failure_is_no_registry(const struct outcome *oc);

/*
 * The time of the next attempt: waits are counted from the beginning of the one that failed, so
 * that one that hangs puts off the next one no more than one that is refused.
 */
int64_t failure_next_us(
    const struct change *ch, const struct peer *p, const struct outcome *oc, int64_t wait_us);

/* Try again after the backoff; after `retry` attempts, or at once, pause: seldom, logged once. */
enum kodo_err failure_retry(struct change *ch, struct peer *p, struct outcome *oc) MUST_CHECK;
enum kodo_err failure_pause(struct change *ch, struct peer *p, struct outcome *oc) MUST_CHECK;

#endif
