/*
 * What the entries of moderation (trust/moderation.h) come to, for people.
 */
#ifndef KODO_MODERATED_H
#define KODO_MODERATED_H

#include "core/registry/registry.h"
#include "core/trust/moderation.h"

struct moderated_count {
	uint64_t nodes, flows;
};

/*
 * Of how many nodes each entry of m decides; m need not be the list in force. counts: m->n of them.
 * Looks at every node.
 */
enum kodo_err moderated_count(struct view *v, const struct moderation *m,
    struct moderated_count *counts) MUST_CHECK;

/*
 * The entry of the list that has the pattern of e, or e as if it were one of it, and of how many
 * nodes it decides.
 */
struct moderated_hits {
	const struct moderation_entry *entry;	/* in a */
	struct moderated_count count;
	bool is_unfinished;	/* not all nodes follow the list yet */
};
enum kodo_err moderated_hits(struct view *v, struct arena *a, const struct moderation_entry *e,
    struct moderated_hits *out) MUST_CHECK;

/* {"pattern":..,"verdict":..,"since":..,"nodes":..,"flows":..} */
void moderated_put(
    struct buf *b, const struct moderation_entry *e, const struct moderated_count *n);
/* All of the list, in []. */
void moderated_put_all(
    struct buf *b, const struct moderation *m, const struct moderated_count *counts);

/* "denied by url:http://a:1", in a; null: e is NULL, or an exception. */
enum kodo_err moderated_words(
    struct arena *a, const struct moderation_entry *e, struct str *out) MUST_CHECK;

#endif
