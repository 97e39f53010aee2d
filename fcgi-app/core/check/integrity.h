/*
 * The half of `kodo check` inside a state: every record opened, every count compared with a
 * recount, every order walked.
 */
#ifndef KODO_INTEGRITY_H
#define KODO_INTEGRITY_H

#include "core/check/finding.h"
#include "core/registry/registry.h"

/*
 * Calls say once for each finding, with one line; the line of a fault holds the remedy. Faults are
 * findings, not errors: KODO_OK is returned with them.
 */
enum kodo_err integrity_check(struct registry *r, int64_t now_us,
    void (*say)(void *arg, enum finding kind, const char *line), void *arg) MUST_CHECK;

#endif
