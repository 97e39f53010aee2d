/* kodo import URL: a registry or agent of another family, read once by the runner. */
#ifndef KODO_CMD_IMPORT_URL_H
#define KODO_CMD_IMPORT_URL_H

#include "core/registry/registry.h"

/*
 * Note the wish, wake the runner, wait until it is done, and print what came; or, with forget, end
 * a source that was imported so. url: as in the option `import`. Errors with why.
 */
enum kodo_err import_url(
    struct registry *r, struct str url, bool forget, struct why *why) MUST_CHECK;

#endif
