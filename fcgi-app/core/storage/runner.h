/* Finding and starting kodo-reconnect, the program of cron/. */
#ifndef KODO_RUNNER_H
#define KODO_RUNNER_H

#include "core/base/path.h"

/*
 * Its path: $KODO_RECONNECT, else beside this program, in the build tree, or where programs are
 * installed. KODO_ENOTFOUND: in none of them, or not executable; out is where it should be.
 * KODO_EIO: the path of this program is not known.
 */
enum kodo_err runner_find(char out[PATH_BYTES]) MUST_CHECK;

/*
 * Start it for a state (`--state PATH`) or, hosted, for a loader; exactly one of them is not NULL.
 * keep_stderr: of a process that it does not outlive. Else whoever reads that pipe, as the log of a
 * web server or `kodo evict URL | cat`, would wait for the end of the runner.
 * KODO_ENOTFOUND, KODO_EIO with why.
 */
enum kodo_err runner_start(const char *state_path, const char *loader, bool keep_stderr,
    struct why *why) MUST_CHECK;

/* The folder that this program lies in. KODO_EIO. */
enum kodo_err runner_own_folder(char out[PATH_BYTES]) MUST_CHECK;

#endif
