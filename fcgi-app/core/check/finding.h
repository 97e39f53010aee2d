/* What `kodo check` finds, a line each. */
#ifndef KODO_FINDING_H
#define KODO_FINDING_H

#include "core/base/err.h"

enum finding { FINDING_OK, FINDING_WARNING, FINDING_ERROR };

/* Call say with a line in the manner of printf. */
void finding_say(void (*say)(void *arg, enum finding kind, const char *line), void *arg,
    enum finding kind, const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
