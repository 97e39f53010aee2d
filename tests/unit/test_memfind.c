#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/memfind.h"

/* The same place as memmem, for texts in memory of just their length. */
static void
same(const char *hay, size_t n, const char *needle, size_t m)
{
	char *h = malloc(n + 1), *p = malloc(m + 1);
	const char *found, *want;

	memcpy(h, hay, n);
	memcpy(p, needle, m);
	h = realloc(h, n > 0 ? n : 1);	/* so that the sanitizer sees a byte too much */
	p = realloc(p, m > 0 ? m : 1);
	found = memfind((struct str){ h, n }, (struct str){ p, m });
	want = memmem(h, n, p, m);
	if (found != want)
		fail_msg("%.*s in %.*s: at %td instead of %td", (int)m, needle, (int)n, hay,
		    found == NULL ? -1 : found - h, want == NULL ? -1 : want - h);
	free(h);
	free(p);
}

/* Few letters, so that parts of the needle are everywhere. */
static void
test_random(void **state)
{
	char hay[200], needle[100];
	unsigned seed = 7, i, k;
	size_t n, m;

	(void)state;
	for (i = 0; i < 200000; i++) {
		n = (size_t)rand_r(&seed) % sizeof(hay);
		m = (size_t)rand_r(&seed) % (i % 3 == 0 ? sizeof(needle) : 6);
		for (k = 0; k < n; k++)
			hay[k] = "ab\xc3z"[rand_r(&seed) % (i % 2 == 0 ? 2 : 4)];
		for (k = 0; k < m; k++)
			needle[k] = "ab\xc3z"[rand_r(&seed) % (i % 2 == 0 ? 2 : 4)];
		if (i % 5 == 0 && m < n)	/* one that is there, at the end half of the time */
			memcpy(needle, hay + (i % 2 == 0 ? n - m : (size_t)i % (n - m)), m);
		same(hay, n, needle, m);
	}
}

static void
test_edges(void **state)
{
	(void)state;
	same("", 0, "", 0);
	same("", 0, "a", 1);
	same("a", 1, "", 0);
	same("a", 1, "a", 1);
	same("a", 1, "ab", 2);
	same("0123456789abcdef", 16, "f", 1);
	same("0123456789abcdef", 16, "ef", 2);
	same("0123456789abcdefg", 17, "fg", 2);
	same("xx0123456789abcdef0123456789abcdef", 34, "0123456789abcdef0123456789abcdef", 32);
	same("nul\0nul\0there", 13, "\0t", 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
