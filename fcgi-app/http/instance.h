/*
 * The state that this process serves: its folder, its options in step with the loader, and the
 * runner that sends its messages.
 *
 * Under `kodo service` (KODO_STATE names the state folder) the options are those of the store.
 * Under a web server they come from the loader, whose files are compared at each request, at the
 * cost of a stat.
 */
#ifndef KODO_INSTANCE_H
#define KODO_INSTANCE_H

#include "core/registry/registry.h"
#include "core/storage/rate_table.h"

struct instance;

/*
 * loader_arg: as given on the command line, or NULL. Nothing is opened yet. NULL: memory ran out.
 */
struct instance *instance_new(const char *loader_arg);
void instance_free(struct instance *inst);		/* NULL is fine */

/*
 * Make the state ready for a request: open it, and apply the loader if its files have changed. A
 * loader that has become bad is logged once, and the last good options stay.
 *
 * KODO_OK: *registry and *options are there, the latter until the next call of a registry function.
 * Else the service cannot answer (503); the reason is in the log. *wake: the runner has to be
 * woken, to resolve an executable loader.
 */
enum kodo_err instance_ready(struct instance *inst, struct arena *a, int64_t now_us,
    struct registry **registry, const struct options **options, bool *wake) MUST_CHECK;

/* The path of the service's url, "" or "/a/b"; valid until the next instance_ready. */
struct str instance_base(const struct instance *inst);

/* The loader of a hosted program, as it was found; "" of `kodo service`. */
const char *instance_loader(const struct instance *inst);

/* Is it of `kodo service`? */
bool instance_is_child(const struct instance *inst);

/* The registry; NULL before instance_ready has opened it. */
struct registry *instance_registry(const struct instance *inst);

/*
 * Has another program brought the state to a format that this one does not know, before or after it
 * was opened here?
 */
bool instance_is_outdated(const struct instance *inst);

/* How often clients have asked. */
struct rate_table *instance_rates(struct instance *inst);

/* The state folder, for long answers; NULL before instance_ready has opened it. */
const struct state *instance_state(const struct instance *inst);

enum instance_wake { WAKE_FOR_REQUEST, WAKE_FOR_CRON };
enum instance_woken { WOKEN_NOBODY, WOKEN_RUNNER, WOKEN_STARTED };

/*
 * Wake the runner, or start one where none runs (with trigger cron only for WAKE_FOR_CRON).
 * WOKEN_NOBODY: none runs and none was started; the reason is in the log.
 */
enum instance_woken instance_wake(struct instance *inst, enum instance_wake reason);

#endif
