/*
 * `kodo check` of the stored state: every record opened, every count counted again.
 */
#ifndef KODO_INTEGRITY_H
#define KODO_INTEGRITY_H

#include "core/registry/registry.h"

/*
 * kodo check: calls say for each finding, one line each; a fault's line holds the remedy. Counts
 * are compared with a recount, orders walked, records opened.
 */
enum finding { FINDING_OK, FINDING_WARNING, FINDING_ERROR };
enum kodo_err integrity_check(struct registry *r, int64_t now_us,
    void (*say)(void *arg, enum finding kind, const char *line), void *arg) MUST_CHECK;

#endif
