/*
 * Full text: words in folded texts, parted by any blanks. What people copy and texts that were
 * wrapped part words by other blanks than people type, so any run of blanks matches any other.
 * Inside query/ only.
 */
#ifndef KODO_QUERY_WORDS_H
#define KODO_QUERY_WORDS_H

#include "core/query/predicate.h"
#include "core/query/reading.h"

/* Make a TEST_FOLDED that looks for text. */
void words_prepare(struct reading *r, struct str text, struct test *t);

/*
 * Other ways to write a text, which are looked for as well: phones make of an apostrophe a quote,
 * of a hyphen a dash; input methods leave letters wide; files have accents by themselves. Distinct
 * ones; returns their number.
 */
#define WORDS_WAYS	3u
size_t words_other_ways(struct reading *r, struct str text, struct str out[WORDS_WAYS]);

/* The longest word of t. */
struct str words_longest(const struct test *t);

/*
 * A place inside the first match in s, which is one folded text or several with NULs between; NULL:
 * none. In time proportional to s, whatever t and s are.
 */
const char *words_find(const struct test *t, struct str s);

#endif
