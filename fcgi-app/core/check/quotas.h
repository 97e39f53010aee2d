/* The part of `kodo check` about quotas: what is used of them, and that the tallies are right. */
#ifndef KODO_QUOTAS_H
#define KODO_QUOTAS_H

#include "core/check/integrity.h"

/* As integrity_check, in a view that is open. */
enum kodo_err quotas_check(struct view *v,
    void (*say)(void *arg, enum finding kind, const char *line), void *arg) MUST_CHECK;

#endif
