/*
 * Which nodes can have words: a signature file beside the state (Faloutsos and Christodoulakis
 * 1984), so that a word that few flows have costs no pass over all of them.
 *
 * Flows are taken in units of some tens, in the order of nodes. A unit has a bit for each key of
 * its words (words_keys); the bits of one key of 512 units lie side by side, so that a search reads
 * 64 bytes for each key and 512 units. It never says too little: bits are only set, and nodes that
 * were changed since (by the changelog) or came later count as having all words. So who reads it
 * needs no lock, and it can be deleted at any time. Its head tells where it is half written; bits
 * that a disk loses are not noticed. It is written by who searches, after the reply,
 * and only where there are so many flows that it matters; a POST knows nothing of it.
 */
#ifndef KODO_WORD_INDEX_H
#define KODO_WORD_INDEX_H

#include "core/registry/registry.h"
#include "core/words/words.h"

struct word_index_range {
	uint32_t from, to;	/* ids of nodes, from .. to - 1 */
};

struct word_index {
	const struct word_index_range *ranges;	/* rising; only here may be nodes with the words */
	size_t n;
	bool is_known;		/* false: anywhere; there is no index, or it is of no use here */
	bool is_old;		/* word_index_renew has something to do */
};

/* All in a. KODO_ENOMEM, KODO_ECORRUPT of the changelog; without a file is_known is false. */
enum kodo_err word_index_find(struct view *v, struct arena *a, const struct words *w,
    struct word_index *out) MUST_CHECK;

/*
 * Make the file, or a part of it that takes some hundredths of a second, or take up as much of what
 * was changed; a node is one part, however large it is. Where another process is at it, or the file
 * cannot be opened, nothing happens. KODO_EIO: it cannot be written, as on a full disk, or not be
 * read; KODO_ENOMEM, KODO_ECORRUPT of a node or the changelog. The file stays as good as it was.
 */
enum kodo_err word_index_renew(struct registry *r, int64_t now_us) MUST_CHECK;

#endif
