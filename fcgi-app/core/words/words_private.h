/* The parts of words, for words*.c alone. */
#ifndef KODO_WORDS_PRIVATE_H
#define KODO_WORDS_PRIVATE_H

#include "core/base/limit.h"
#include "core/words/ways.h"
#include "core/words/words.h"

#define WORDS_ANY_FIELD	((1u << PACKED_BOUNDS) - 1)

/* One word or phrase. */
struct term {
	struct str ways[WAYS_MAX + 1];	/* folded, single blanks */
	size_t n_ways;
	unsigned fields;	/* mask of enum packed_bound */
	bool is_phrase;		/* whole words only */
	bool is_text;		/* wherever it stands, also inside of words */
	bool without;
	size_t from, to;	/* the bytes of the text that it was read from */
};

struct words {
	struct str text;
	struct term terms[LIMIT_WORDS];
	size_t n;
	struct str needle;
};

/* A place of a term in a text. */
struct hit {
	size_t from, to;
	bool is_whole;
};

/* The first hit of the way from byte pos of s on. */
bool words_find_way(const struct term *t, struct str way, struct str s, size_t pos,
    struct hit *out, uint64_t *vain);

#endif
