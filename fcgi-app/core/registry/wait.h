/* For those who wait for messages to be sent. */
#ifndef KODO_WAIT_H
#define KODO_WAIT_H

#include "core/registry/registry.h"

/*
 * Was every message of that change and those before it tried at
 * least once (or cancelled)?
 */
enum kodo_err wait_is_tried(
    struct registry *r, uint64_t ticket, int64_t now_us, bool *out) MUST_CHECK;

#endif
