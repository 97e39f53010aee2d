/*
 * Applying entries of the log to this machine's state, and how far that has come.
 */
#ifndef KODO_CLUSTER_APPLY_H
#define KODO_CLUSTER_APPLY_H

#include "core/base/buf.h"
#include "core/registry/registry.h"

/*
 * Apply the entries of one revision, in their order, in one transaction which also writes
 * applied = revision, durable when this returns. An entry whose change is refused (unknown peer, a
 * conflict, over a quota) changes nothing and has a result that says so; the others count.
 *
 * results: as many as entries, in a: what entry_result_read of the proposer takes. n may be 0: then
 * only the revision moves on (it was skipped, or had no entries).
 *
 * KODO_OK. KODO_ECONFLICT: revision is not over the one that was applied last; nothing was done.
 * KODO_EVERSION: an entry is of another format. KODO_EINVAL: of none. KODO_EBUSY, KODO_EFULL,
 * KODO_EIO, KODO_ENOMEM, KODO_ECORRUPT: of this machine; nothing was done, and after the first four
 * it may be tried again. What the registry of r was told by registry_submit_by is not heeded here.
 */
enum kodo_err cluster_apply(struct registry *r, struct arena *a, uint64_t revision,
    const struct str *entries, size_t n, struct str *results) MUST_CHECK;

/*
 * Pass over a revision, which must be over the one that was applied last: as if it had no entries,
 * and noted. cluster_is_skipped: was it? Of the last CLUSTER_SKIPS it is known. Errors as
 * store_write, store_begin.
 */
#define CLUSTER_SKIPS	64u
enum kodo_err cluster_skip(struct registry *r, uint64_t revision) MUST_CHECK;
enum kodo_err cluster_is_skipped(struct registry *r, uint64_t revision, bool *out) MUST_CHECK;

/* The revision that was applied last; 0: none. Of a view: v->t. */
enum kodo_err cluster_applied(struct txn *t, uint64_t *revision) MUST_CHECK;
/* Of a copy of another machine's state, see snapshot.h. */
enum kodo_err cluster_applied_put(struct txn *t, uint64_t revision) MUST_CHECK;
enum kodo_err cluster_applied_now(struct registry *r, uint64_t *revision) MUST_CHECK;

/*
 * The state was of no cluster: nothing is applied. For a state that becomes the first of another
 * log; where it is an older copy, restored_note is to follow. Errors as store_write.
 */
enum kodo_err cluster_forget(struct registry *r) MUST_CHECK;

#endif
