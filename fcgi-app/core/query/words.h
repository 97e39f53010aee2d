/*
 * Full text: words in folded texts, parted by any blanks (words/ways.h). Inside query/ only.
 */
#ifndef KODO_QUERY_WORDS_H
#define KODO_QUERY_WORDS_H

#include "core/query/predicate.h"
#include "core/query/reading.h"

/* A TEST_FOLDED that looks for text, in each way to write it. NULL: as of build.h. */
struct node *words_test(struct reading *r, struct str text);

/* The longest word of t. */
struct str words_longest(const struct test *t);

/*
 * A place inside the first match in s, which is one folded text or several with NULs between; NULL:
 * none. In time proportional to s, whatever t and s are.
 */
const char *words_find(const struct test *t, struct str s);

#endif
