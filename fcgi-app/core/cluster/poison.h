/*
 * The guard against an entry that ends the process: which revision is being applied is noted in a
 * file of the state folder, without a sync, as only the process must have ended.
 */
#ifndef KODO_CLUSTER_POISON_H
#define KODO_CLUSTER_POISON_H

#include "core/registry/registry.h"

/* Before cluster_apply of that revision. KODO_EIO, KODO_EFULL. */
enum kodo_err poison_note(const struct state *s, uint64_t revision) MUST_CHECK;

/* cluster_apply has returned without doing it, as for want of room: the entry ended nothing. */
enum kodo_err poison_returned(const struct state *s, uint64_t revision) MUST_CHECK;

/*
 * Is a revision being applied just now? For other processes; true as well where the one that did it
 * has ended meanwhile. false, too, if it cannot be read.
 */
bool poison_is_begun(struct registry *r);

/*
 * Once at a start, before the first cluster_apply. *begun: the revision that was being applied when
 * the process ended, or the last one of those that were; 0: none. Until it is passed each is to be
 * applied alone. *revision: one that was begun and not done when the process ended, at two starts
 * in a row; else 0. It must not be applied then: reads go on, until an entry that entry_write_skip
 * made names it, and cluster_skip moves on. KODO_EIO, KODO_EFULL, and as store_begin.
 */
enum kodo_err poison_find(
    struct registry *r, uint64_t *begun, uint64_t *revision) MUST_CHECK;

#endif
