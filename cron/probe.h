/*
 * kodo-reconnect --probe: looks at a service from outside, as its peers see it, and at its targets.
 */
#ifndef KODO_PROBE_H
#define KODO_PROBE_H

#include "core/registry/registry.h"

/*
 * Ask, print one line for each finding on stdout, and keep them in the state folder for `kodo
 * check` and /check. *n_errors: findings that are errors.
 */
enum kodo_err probe_run(struct registry *r, unsigned *n_errors, struct why *why) MUST_CHECK;

#endif
