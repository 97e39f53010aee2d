/*
 * The use cases: what a service does with what it is asked, one transaction each. No HTTP, no curl.
 *
 * A struct registry is one process's handle of one state. Reading goes through a struct view (a
 * snapshot: begin, render, end within milliseconds); changing goes through the registry_connect ..
 * registry_leave functions, each of which commits durably, together with the outbox entries that
 * the change causes, before it returns.
 *
 * Errors of all functions: KODO_EBUSY (reader table full, or write lock held for 20 s: 503),
 * KODO_EFULL (map or disk: 503), KODO_EIO, KODO_ENOMEM, KODO_ECORRUPT (a stored record cannot be
 * read: 500 and a log line; `kodo check` says more).
 */
#ifndef KODO_REGISTRY_H
#define KODO_REGISTRY_H

#include "core/config/option.h"
#include "core/records/head.h"
#include "core/storage/audit.h"
#include "core/trust/pin.h"
#include "core/wire/wire.h"

struct registry;

/*
 * Open the state. STORE_MAKE: make it where it is missing (kodo service, and hosted programs at
 * their first request). KODO_ENOTFOUND: no state there, and not to be made. Otherwise as state_open
 * and store_open, with why set.
 */
enum kodo_err registry_open(
    struct str state_path, enum store_open how, struct why *why, struct registry **out) MUST_CHECK;
void registry_close(struct registry *r);	/* NULL is fine */

struct store *registry_store(struct registry *r);
const struct state *registry_state(const struct registry *r);

/* --- the audit --- */

/* Write a line, where the options in force are known and want an audit. */
void registry_audit(struct registry *r, const struct audit_line *line);

/* How well somebody is known, as a line says it; static. */
const char *registry_audit_known(enum pin_level level);

/* Which program makes the changes from here on, for the audit; static: "runner". */
void registry_is_run_by(struct registry *r, const char *program);

/* --- options and starts --- */

/*
 * Do the stored options stem from files that looked like stamp (option_stamp)? A state without
 * options: no.
 */
enum kodo_err registry_is_current(struct registry *r, struct str stamp, bool *out) MUST_CHECK;

/*
 * The options in force, as startup_apply stored them (own flows not included); valid until the
 * next call of any registry function. KODO_ENOTFOUND: none yet.
 */
enum kodo_err registry_options(struct registry *r, const struct options **out) MUST_CHECK;

/*
 * A state that had no options yet gets that number for its own (kodo.life), as the first thing that
 * happens to it. KODO_ECONFLICT: it has begun already.
 */
enum kodo_err registry_epoch_set(
    struct registry *r, uint64_t epoch, int64_t now_us) MUST_CHECK;

/* --- reading --- */

struct view {
	struct registry *registry;
	struct txn t;
	struct head head;
	const struct options *options;
	int64_t now_us;
	bool idle;
};

/*
 * Begin and end reading. KODO_ENOTFOUND: no options were applied yet (503: the state is not ready).
 */
enum kodo_err view_begin(struct registry *r, int64_t now_us, struct view *v) MUST_CHECK;
void view_end(struct view *v);

/* How this service introduces itself now; texts valid while the view is. */
void view_greeting(const struct view *v, struct greeting *g);

#endif
