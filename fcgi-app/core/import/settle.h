/*
 * From what is stored of a source to nodes: each namespace is stated, or withdrawn, as its entries
 * are now.
 *
 * Two registries may import one source. Of nodes with the same content the one with the least url
 * key is stated, and the others are withdrawn by those who import them, after each walk. The
 * content must be the same, target by target, so nobody can take the place of entries by a url
 * alone.
 */
#ifndef KODO_IMPORT_SETTLE_H
#define KODO_IMPORT_SETTLE_H

#include "core/import/source.h"
#include "core/merge/change.h"

/* A node of another registry that shows a namespace of some source. */
struct settle_rival {
	uint64_t place;		/* hash of slug and namespace */
	uint32_t node;
};
/* Sorted by place. */
struct settle_rivals {
	struct settle_rival *all;
	size_t n, cap;
};
uint64_t settle_place(struct str slug, struct str space);
/* All that are shown. KODO_ENOMEM, KODO_ECORRUPT. */
enum kodo_err settle_rivals_find(struct txn *t, struct arena *a, struct str own_url,
    struct settle_rivals *out) MUST_CHECK;

/*
 * Make the node of a namespace what its entries are. rival: another registry's node of the same
 * place, or 0. is_walked: the entries are those of a walk that was just made; else a rival that was
 * the same stays one. p is the peer of s, the numbers of s follow.
 */
enum kodo_err settle_space(struct change *ch, struct source *s, struct peer *p,
    const struct source_space *space, uint32_t rival, bool is_walked) MUST_CHECK;

/*
 * As many namespaces as fit into one transaction, from s->settled on; after a whole walk of all,
 * entries that it has not seen go. *more: there are some left.
 */
enum kodo_err settle_some(struct change *ch, struct source *s, struct peer *p,
    const struct settle_rivals *rivals, bool *more) MUST_CHECK;

#endif
