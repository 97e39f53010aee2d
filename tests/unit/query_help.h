/* An arena for the tests of a file, and a compiled query in it. */
#ifndef KODO_TEST_QUERY_HELP_H
#define KODO_TEST_QUERY_HELP_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/query/query.h"

static struct arena *arena;

static inline int
arena_set_up(void **state)
{
	(void)state;
	arena = arena_new();
	return arena == NULL;
}

static inline int
arena_tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static inline struct query *
compile(struct str text)
{
	struct query *q;

	assert_int_equal(query_compile(arena, text, &q), KODO_OK);
	return q;
}

#endif
