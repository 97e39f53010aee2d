/* The part of `kodo check` about the option `import`: what came of each source. */
#ifndef KODO_CHECK_IMPORTS_H
#define KODO_CHECK_IMPORTS_H

#include "core/check/integrity.h"

/* As integrity_check, in a view that is open. */
enum kodo_err imports_check(struct view *v,
    void (*say)(void *arg, enum finding kind, const char *line), void *arg) MUST_CHECK;

#endif
