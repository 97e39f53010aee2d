/*
 * Leaving targets, inside a change.
 */
#ifndef KODO_TARGET_PRIVATE_H
#define KODO_TARGET_PRIVATE_H

#include "core/merge/change.h"

/* Queue a sign-off of own_url at p. */
enum kodo_err target_sign_off(struct change *ch, struct peer *p, struct str own_url) MUST_CHECK;
/* The own url is wanted at p again: cancel its sign-off. */
enum kodo_err target_sign_on(struct change *ch, struct peer *p, struct str own_url) MUST_CHECK;

/*
 * Leave a target: what it says is dropped, and own_url, under which it knows us, is signed off.
 */
enum kodo_err target_leave(struct change *ch, struct peer *p, struct str own_url) MUST_CHECK;

#endif
