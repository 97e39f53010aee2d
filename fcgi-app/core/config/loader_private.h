/* For loader_find: the YAML reader that stops early. */
#ifndef KODO_LOADER_PRIVATE_H
#define KODO_LOADER_PRIVATE_H

#include "core/base/arena.h"

/*
 * The text of a top-level option, read no further than it. Null: not there, null, or no text.
 * KODO_EINVAL: not YAML up to there.
 */
enum kodo_err loader_scan_yaml(
    struct arena *a, struct str yaml, const char *option, struct str *out) MUST_CHECK;

#endif
