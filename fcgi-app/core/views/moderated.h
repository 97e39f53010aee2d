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

/* "denied by url:http://a:1", in a; null: e is NULL, or an exception. */
enum kodo_err moderated_words(
    struct arena *a, const struct moderation_entry *e, struct str *out) MUST_CHECK;

#endif
