/*
 * What is new for a peer: what lies behind its positions in the changelog, and beside that its
 * entries of the outbox.
 */
#ifndef KODO_NEWS_H
#define KODO_NEWS_H

#include "core/records/known.h"
#include "core/records/peer.h"
#include "core/registry/registry.h"

/*
 * Gone: ended, or denied here. The own node apart: its url in a disconnect means that the whole
 * service leaves.
 */
enum news_kind { NEWS_NONE, NEWS_GONE, NEWS_OWN_GONE, NEWS_NODE };

struct news {
	struct view *v;
	const struct peer *p;
	enum kodo_err (*each)(void *arg, uint32_t node, const struct known *kn);
	void *arg;
	/* set by each */
	bool is_full;		/* it has no room for the node: the walk is over */
	bool is_in_chunks;	/* the node goes in chunks, and is covered when it is complete */
	/* set by the walks */
	bool has_paused;	/* nodes of the outbox are paused */
	uint64_t at;		/* place in the changelog of the node at hand; 0: none */
	bool is_liveness;		/* of that nothing is new but its signs of life */
	uint64_t own_at;	/* that of the own node, where it ended a walk of removals; 0: no */
};

/*
 * Call n->each for what is of kind: the outbox, then, unless pos is NULL, the changelog behind
 * *pos, which moves on to what was covered.
 */
enum kodo_err news_walk(struct news *n, enum news_kind kind, uint64_t *pos) MUST_CHECK;
/* Nodes of the changelog behind *pos, paused ones too. */
enum kodo_err news_walk_all(struct news *n, uint64_t *pos) MUST_CHECK;

/* Is a subscriber to learn of what was logged? */
bool news_is_behind(const struct view *v, const struct peer *p);

/*
 * Is that the own node of a legacy peer, packed? It must not be sent it, for it would only echo it,
 * nor its removal, which it would take for its own leaving.
 */
bool news_is_own_of_legacy(const struct peer *p, struct str bytes);

#endif
