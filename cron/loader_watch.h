/*
 * The options of a runner that a crontab, systemd or a web server's program has started with a
 * loader: found, resolved, and kept in step with the loader's files (DESIGN.md, "Whose options").
 * Executable loaders run here and in `kodo service`, nowhere else.
 */
#ifndef KODO_LOADER_WATCH_H
#define KODO_LOADER_WATCH_H

#include "core/base/path.h"
#include "core/registry/registry.h"

struct loader_watch {
	const char *loader_arg;		/* as given, or NULL */
	char loader[PATH_BYTES];	/* absolute */
	char state_path[PATH_BYTES];
	struct why complaint;		/* the last complaint, not to be repeated */
	int64_t retry_us;		/* wall clock: a bad loader is not read before */
};

/* Which loader and which state. Runs nothing. Errors as option_find_state. */
enum kodo_err loader_watch_find(struct loader_watch *w, struct why *why) MUST_CHECK;

enum loader_watch_need {
	LOADER_WATCH_NOTHING,
	LOADER_WATCH_READ,	/* the loader's files have changed: loader_watch_resolve */
	LOADER_WATCH_RUN,	/* an executable loader has changed, or ran loader_s ago */
};

/*
 * What the options need now. Costs a few calls of stat. Nothing for a state that cannot be read.
 */
enum loader_watch_need loader_watch_poll(struct loader_watch *w, struct registry *r);

/*
 * Resolve the loader, running it if it is executable, and apply what it says. KODO_ECONFLICT: it
 * names another state now. Other errors as option_load_hosted and startup_apply, with why; the
 * options in force are as before.
 */
enum kodo_err loader_watch_resolve(
    struct loader_watch *w, struct registry *r, struct why *why) MUST_CHECK;

/*
 * May this process write to the state folder? KODO_ECONFLICT with the remedy in why: it belongs to
 * another user, who shares no group with ours and could not open our files there. A folder that
 * does not exist has no owner.
 */
enum kodo_err loader_watch_check_owner(
    const struct loader_watch *w, const char *state_path, struct why *why) MUST_CHECK;

#endif
