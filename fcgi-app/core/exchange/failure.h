/*
 * An attempt at a peer has failed: why, in words, and when the next one is.
 */
#ifndef KODO_FAILURE_H
#define KODO_FAILURE_H

#include "core/exchange/delivery.h"

/* The next digest check of an acknowledged target. */
void digest_check_later(struct change *ch, struct peer *p);

#define FAILURE_BYTES	700u

/* One line, which people and JSON can have. */
void failure_words(const struct exchange_job *job, const struct exchange_result *res,
    char out[FAILURE_BYTES]);
/*
 * A redirect is not followed: where it leads to, without what may be secret in its query, and with
 * which url to replace the one that was asked, where that can be told. option: of whom it is the
 * value, NULL: not ours. "": it is no redirect.
 */
void failure_redirect(struct str asked, const char *moved, const char *option,
    char out[FAILURE_BYTES]);
/* What the operator can do about those words. */
const char *failure_remedy(const char *words);
/* It becomes the peer's error. */
enum kodo_err failure_keep(
    struct change *ch, struct peer *p, const struct outcome *oc) MUST_CHECK;

/* A connect was answered by 404. It may be a registry soon: roles change. */
bool failure_is_no_registry(const struct outcome *oc);

/* Note for how long p asks to be left alone (429, 503), if it does. */
void failure_asked(const struct change *ch, struct peer *p, const struct exchange_result *res);
/*
 * See that nothing goes to p before that time. It is looked at again every PEER_PAUSE_US, so that
 * no due time is further ahead than others.
 */
void failure_hold(const struct change *ch, struct peer *p, struct outcome *oc);
/* The same when something was due: it is work with a time now, and no sign of life is heard. */
enum kodo_err failure_put_off(
    struct change *ch, struct peer *p, struct outcome *oc) MUST_CHECK;

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
