/* The parts of search, for search*.c alone. */
#ifndef KODO_SEARCH_PRIVATE_H
#define KODO_SEARCH_PRIVATE_H

#include "core/views/search.h"

/*
 * Narrow q by words that are like those that it was narrowed by, one letter aside, and occur.
 * meant: these words, null: there are none.
 */
enum kodo_err search_near(
    struct view *v, struct arena *a, struct query *q, struct str *meant) MUST_CHECK;

#endif
