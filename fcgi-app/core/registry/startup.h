/*
 * Options come into force: what a start is, and what follows from changed urls, targets and flows
 * (DESIGN.md).
 */
#ifndef KODO_STARTUP_H
#define KODO_STARTUP_H

#include "core/registry/registry.h"

enum registry_start { START_IF_CHANGED, START_NOW };

/*
 * Store resolved options, own flows and their stamp, and do what follows (DESIGN.md, "What a start
 * is", "Changed url or targets", "cache_reset"). START_NOW: `kodo service` starts.
 * START_IF_CHANGED: hosted; a start where url, organization, connect, registry, feed, cache_reset
 * or the boot id changed; else changed flows are an update and other options just apply. A cache
 * file of the original found at cache_data is imported once. was_start (may be NULL): whether this
 * was a start.
 *
 * KODO_EINVAL with why: the cache file cannot be read (reason and byte; it is left alone). And as
 * startup_check.
 */
enum kodo_err startup_apply(struct registry *r, const struct options *o, struct str stamp,
    enum registry_start kind, int64_t now_us, bool *was_start, struct why *why) MUST_CHECK;

/*
 * May the options take the place of those in force? Of the same loader they must be whole, see
 * option_check_whole; at a first start (START_IF_CHANGED) they name their url. START_NOW waits for
 * nothing.
 */
enum kodo_err startup_check(struct registry *r, const struct options *o, enum registry_start kind,
    struct why *why) MUST_CHECK;

/*
 * kodo import: lines of kodo export -o FILE --lines, read as bodies: of a provider each, then
 * tombstones of those that state them.
 */
struct startup_lines {
	const struct wire_body *list;
	size_t n;
};
enum kodo_err startup_import_lines(
    struct registry *r, struct startup_lines *lines, int64_t now_us) MUST_CHECK;

/* kodo import: the original's cache file. */
enum kodo_err startup_import(struct registry *r, struct wire_cache *c, int64_t now_us) MUST_CHECK;

#endif
