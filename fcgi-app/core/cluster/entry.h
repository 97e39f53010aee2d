/*
 * An entry of the log of a cluster: one change of the registry, with all that its outcome depends
 * on beside the state. Whoever applies the same entries in the same order to equal states has
 * equal states after each of them.
 *
 * A proposer is a process whose registry hands its changes on (registry_submit_by): it writes the
 * entry, waits until that was applied by somebody on this machine, and reads what came of it:
 *
 *	submit(arg, run)	entry_write, over to the log and back, entry_result_read
 *	apply			cluster_apply of the entries, in the order of the log: results
 *
 * Bytes: format, kind, the time of the proposer, the room that it has, then the fields of the kind
 * (entry_table.c), as fields.h writes them.
 */
#ifndef KODO_CLUSTER_ENTRY_H
#define KODO_CLUSTER_ENTRY_H

#include "core/base/buf.h"
#include "core/registry/registry_private.h"

/*
 * Of what is written here. Read are 1 to entry_format_newest: a member that does not know the
 * format of an entry stops.
 */
#define ENTRY_FORMAT	1u
extern const uint64_t entry_format_newest;

/*
 * Append the entry of that change: its kind, its time, and what run->arg says. room_bytes: see
 * entry_room. KODO_EINVAL: a change of that kind is of one machine alone (CHANGE_LOCAL).
 * KODO_ENOMEM.
 */
enum kodo_err entry_write(
    struct buf *out, const struct change_run *run, uint64_t room_bytes) MUST_CHECK;

/* Bytes that new things may take on this machine, for entry_write. Errors as store_begin. */
enum kodo_err entry_room(struct registry *r, uint64_t *room_bytes) MUST_CHECK;

/*
 * What is known of an entry before it is applied. skipped: the revision that a CHANGE_SKIP names,
 * else 0. KODO_EINVAL: it is none, or ends within this head. KODO_EVERSION: another format or, of a
 * later build, another kind.
 */
struct entry_head {
	enum change_kind kind;
	int64_t now_us;
	uint64_t room_bytes;
	uint64_t skipped;
};
enum kodo_err entry_head_read(struct str bytes, struct entry_head *out) MUST_CHECK;

/* An entry by which all machines leave out that revision: see cluster_apply. */
void entry_write_skip(struct buf *out, int64_t now_us, uint64_t revision);

/*
 * Take what came of the run's entry, as cluster_apply wrote it, into run and run->arg; texts are
 * valid until the next change of the registry. Returns what the change returned: KODO_OK, or
 * KODO_ENOTFOUND, KODO_ECONFLICT, .. as without a log. KODO_ECORRUPT: it is no result of that kind.
 */
enum kodo_err entry_result_read(struct str bytes, struct change_run *run) MUST_CHECK;

#endif
