/*
 * From what is stored of a source to nodes: each namespace is stated, or withdrawn, as its entries
 * are now.
 *
 * Two registries may import one source. Of nodes with the same content the one with the least url
 * key is stated, and the others are withdrawn by those who import them. The content must be the
 * same, target by target, and stay so: nobody can take the place of entries by a url alone, nor
 * change them once it has it. Until all have read what is new at the source, both are stated.
 */
#ifndef KODO_IMPORT_SETTLE_H
#define KODO_IMPORT_SETTLE_H

#include "core/import/source.h"
#include "core/merge/change.h"

/* No room is left but the reserve of the map, which is not for imports. */
#define SETTLE_FULL	"no room is left for it here: raise map_max_mib, or free disk space"
/* beside the reserve, so much of the map is left to those who come by themselves */
#define SETTLE_LEFT_BYTES	(4ull << 20)

/* A node of another registry that shows a namespace of some source. */
struct settle_rival {
	uint64_t place;		/* hash of slug and namespace */
	uint32_t node;
};
/* Sorted by place, one of each. */
struct settle_rivals {
	struct settle_rival *all;
	size_t n, cap;
};
uint64_t settle_place(struct str slug, struct str space);
/*
 * Those of the namespaces of that source: no more than it has, whatever others show, as each entry
 * of a step has all of them. KODO_ENOMEM, KODO_ECORRUPT.
 */
enum kodo_err settle_rivals_find(struct txn *t, struct arena *a, struct str own_url,
    struct str slug, struct settle_rivals *out) MUST_CHECK;

/*
 * Make the node of a namespace what its entries are. rival: another registry's node of the same
 * place, or 0. p is the peer of s; the numbers of s follow, and its error where there is no room
 * for a node that is not there yet, which is left to the next walk. *n_bytes: so many were packed,
 * more.
 */
enum kodo_err settle_space(struct change *ch, struct source *s, struct peer *p,
    const struct source_space *space, uint32_t rival, size_t *n_bytes) MUST_CHECK;

/*
 * As many namespaces as fit into one transaction, from s->settled on; after a whole walk of all,
 * entries that it has not seen go. *more: there are some left.
 */
enum kodo_err settle_some(struct change *ch, struct source *s, struct peer *p,
    const struct settle_rivals *rivals, bool *more) MUST_CHECK;

#endif
