/*
 * Files beside the store that are made of it, and made again where they are missing. Each says what
 * it is of: the id of the state, and a number of it that rises. Where the state was taken back (an
 * older data.mdb in its place), or another one took its place, the same numbers come once more and
 * tell nothing: all of these go.
 */
#ifndef KODO_DERIVED_H
#define KODO_DERIVED_H

#include "core/storage/state.h"

#define WORD_INDEX_FILE	"words"		/* views/word_index.h */
#define COUNTS_FILE	"counts.json"	/* views/counts.h */
#define OVERVIEW_FILE	"overview"	/* views/overview.h */

/* What words begins with, and what the state had when it was written; zeros: there is none. */
struct derived_mark {
	uint64_t magic;		/* of its format */
	uint64_t state_id;
	uint64_t logged;	/* head.logged; it is not of a state that has less */
};

/* To be read before the state is, which may go on meanwhile. */
struct derived_mark derived_mark(const struct state *s);

void derived_drop(const struct state *s);

#endif
