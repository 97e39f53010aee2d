/*
 * What people ask for on the command line: leaving targets, connecting to them again, throwing out
 * a provider.
 */
#ifndef KODO_TARGET_H
#define KODO_TARGET_H

#include "core/registry/registry.h"

/*
 * ticket: for wait_is_tried. KODO_EINVAL: url is none.
 *
 * Throw a provider out, with all that it said; it may come again. KODO_ENOTFOUND: there is no such
 * provider. KODO_ECONFLICT: it is also a target of ours, so it would be back at once.
 */
enum kodo_err registry_evict(
    struct registry *r, struct str url, int64_t now_us, uint64_t *ticket) MUST_CHECK;

/*
 * After that: forget the tombstones that came from it, those that its eviction at evicted_us made,
 * and those of nodes at its url and below. What other peers state of these nodes is seen again.
 * *n: how many.
 */
enum kodo_err registry_forget(struct registry *r, struct str url, int64_t evicted_us,
    int64_t now_us, size_t *n) MUST_CHECK;

/*
 * Connect to a configured target now, also to one that was left or paused; or leave it. A null url:
 * every target. KODO_ENOTFOUND: no such target, or none at all.
 */
enum kodo_err registry_connect_again(
    struct registry *r, struct str url, int64_t now_us, uint64_t *ticket) MUST_CHECK;
enum kodo_err registry_leave_target(
    struct registry *r, struct str url, int64_t now_us, uint64_t *ticket) MUST_CHECK;

/*
 * Only that key may speak for url from now on (pin.h). Null: nothing is known of it any more, and
 * the next word counts as its first. KODO_ENOTFOUND: there is no such peer to be forgotten.
 */
enum kodo_err registry_trust(
    struct registry *r, struct str url, struct str key, int64_t now_us) MUST_CHECK;

#endif
