/*
 * What time alone changes: what need not be remembered any more.
 */
#ifndef KODO_EXPIRE_H
#define KODO_EXPIRE_H

#include "core/registry/registry.h"

/*
 * For the runner, at its start and now and then: forget tombstones older than tombstone_days. Does
 * something at most once an hour.
 */
enum kodo_err expire_run(struct registry *r, int64_t now_us) MUST_CHECK;

#endif
