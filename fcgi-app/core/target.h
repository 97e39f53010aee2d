/*
 * Leaving targets and connecting to them again.
 */
#ifndef KODO_TARGET_H
#define KODO_TARGET_H

#include "edit.h"
#include "registry.h"

/* Queue a sign-off of own_url at p. */
enum kodo_err target_sign_off(struct edit *e, struct peer *p, struct str own_url) MUST_CHECK;
/* The own url is wanted at p again: cancel its sign-off. */
enum kodo_err target_sign_on(struct edit *e, struct peer *p, struct str own_url) MUST_CHECK;

/*
 * Leave a target: what it says is dropped, and own_url, under which it knows us, is signed off.
 */
enum kodo_err target_leave(struct edit *e, struct peer *p, struct str own_url) MUST_CHECK;

/*
 * What people ask for on the command line. ticket: for wait_is_tried. KODO_EINVAL: url is none.
 *
 * Throw a provider out, with all that it said; it may come again. KODO_ENOTFOUND: there is no such
 * provider. KODO_ECONFLICT: it is also a target of ours, so it would be back at once.
 */
enum kodo_err registry_evict(
    struct registry *r, struct str url, int64_t now_us, uint64_t *ticket) MUST_CHECK;

/*
 * Connect to a configured target now, also to one that was left or parked; or leave it. A null url:
 * every target. KODO_ENOTFOUND: no such target, or none at all.
 */
enum kodo_err registry_connect_again(
    struct registry *r, struct str url, int64_t now_us, uint64_t *ticket) MUST_CHECK;
enum kodo_err registry_leave_target(
    struct registry *r, struct str url, int64_t now_us, uint64_t *ticket) MUST_CHECK;

#endif
