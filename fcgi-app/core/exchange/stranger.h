/*
 * Peers that have never answered (peer_is_stranger): what becomes of them without an answer.
 */
#ifndef KODO_STRANGER_H
#define KODO_STRANGER_H

#include "core/exchange/job.h"
#include "core/registry/change_type.h"
#include "core/registry/registry.h"

/*
 * Its work is dropped, and it is no subscriber until it connects again. What it stated stays: a
 * node need not be reached for its flows to be offered.
 */
enum kodo_err stranger_drop(struct change *ch, struct peer *p) MUST_CHECK;

/*
 * The host of a peer has no room: no message of that kind goes before wait_us have passed.
 * INT64_MAX: it is dropped, or looked at seldom. All in one commit.
 */
struct put_off {
	uint32_t peer;
	enum exchange_kind kind;
	int64_t wait_us;
};
#define PUT_OFFS	64u	/* then results come first */
struct put_offs {
	struct put_off all[PUT_OFFS];
	unsigned n;
};
extern const struct change_type change_put_off;	/* CHANGE_PUT_OFF: a struct put_offs */
enum kodo_err stranger_put_off(
    struct registry *r, const struct put_offs *offs, int64_t now_us) MUST_CHECK;

#endif
