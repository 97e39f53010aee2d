/*
 * Walks over statements and peers in the order in which they are shown and sent. A callback may end
 * a walk with an error of its own, which is returned.
 */
#ifndef KODO_WALK_H
#define KODO_WALK_H

#include "core/records/peer.h"

/*
 * What is shown, and what is passed on, in the order of GET /connect: the own node, then each
 * provider's. Peers of which nothing is shown cost nothing.
 */
enum kodo_err walk_seen(struct txn *t, struct arena *a,
    enum kodo_err (*each)(
	void *arg, uint32_t node, const struct statement *s, const struct peer *source),
    void *arg) MUST_CHECK;
enum kodo_err walk_passed_on(struct txn *t, struct arena *a,
    enum kodo_err (*each)(
	void *arg, uint32_t node, const struct statement *s, const struct peer *source),
    void *arg) MUST_CHECK;

/* The nodes of a provider, seen or not, in its order. */
enum kodo_err walk_stated(struct txn *t, uint32_t peer,
    enum kodo_err (*each)(void *arg, uint32_t node, const struct statement *s),
    void *arg) MUST_CHECK;

/* The providers in the order of their first connect. */
enum kodo_err walk_providers(struct txn *t, struct arena *a,
    enum kodo_err (*each)(void *arg, const struct peer *p), void *arg) MUST_CHECK;

#endif
