/* Did you mean? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/near.h"
#include "scratch.h"

static const char *const names[] = { "check", "connect", "disconnect", "flows", "key", "logs",
	"map", "status", "--connect", "--feed", "--pp" };

static const char *
nearest(const char *wanted)
{
	struct near n;
	size_t i;

	near_begin(&n, str_of(wanted));
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		near_try(&n, names[i]);
	return n.best;
}

static void
test_nearest(void **state)
{
	static const char *const rows[][2] = {
		{ "statsu", "status" },		/* two letters swapped */
		{ "status", "status" },
		{ "STATUS", "status" },
		{ "stats", "status" },		/* one left out */
		{ "flowss", "flows" },		/* one too many */
		{ "lows", "flows" },
		{ "chekc", "check" },
		{ "conect", "connect" },	/* the nearest, not the first */
		{ "disconect", "disconnect" },
		{ "--conect", "--connect" },
		{ "--fede", "--feed" },
		{ "kye", "key" },
		{ "kez", "key" },
		{ "", NULL },
		{ "k", NULL },			/* anything would be near */
		{ "--p", NULL },
		{ "logics", "logs" },
		{ "lo", NULL },
		{ "maps-of-it", NULL },
		{ "xyzzy", NULL },
		{ "a-name-that-is-longer-than-any-of-the-names-there-are", NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *got = nearest(rows[i][0]), *want = rows[i][1];

		if (want == NULL ? got != NULL : got == NULL || strcmp(got, want) != 0)
			scratch_fail("%s: %s, and not %s", rows[i][0], got == NULL ? "none" : got,
			    want == NULL ? "none" : want);
	}
}

static void
test_words(void **state)
{
	struct near n;
	struct why why;

	(void)state;
	near_begin(&n, STR("stats"));
	assert_int_equal(near_say(&n, "no such command", "see help", &why), KODO_EINVAL);
	assert_string_equal(why.text, "\"stats\": no such command; see help");
	near_try(&n, "status");
	assert_int_equal(near_say(&n, "no such command", "see help", &why), KODO_EINVAL);
	assert_string_equal(why.text, "\"stats\": no such command, did you mean status?");
}

static void
collect(void *arg, const char *line)
{
	assert_string_equal(line, "wrong");
	++*(unsigned *)arg;
}

/* All faults of an input instead of the first. */
static void
test_faults_are_collected(void **state)
{
	unsigned n = 0;
	struct why why;

	(void)state;
	assert_int_equal(why_take(&why, why_set(&why, KODO_EINVAL, "wrong")), KODO_EINVAL);
	why_collect(collect, &n);
	assert_int_equal(why_take(&why, KODO_OK), KODO_OK);
	assert_int_equal(why_take(&why, why_set(&why, KODO_EINVAL, "wrong")), KODO_OK);
	assert_int_equal(why_take(NULL, KODO_EINVAL), KODO_EINVAL);
	assert_int_equal(why_take(&why, KODO_ENOMEM), KODO_ENOMEM);
	assert_int_equal(why_end(&why, why_set(&why, KODO_EIO, "wrong")), KODO_EINVAL);
	assert_int_equal(n, 2);
	assert_string_equal(why.text, "faults: 2");
	why_collect(NULL, NULL);
	assert_int_equal(why_end(&why, KODO_OK), KODO_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_faults_are_collected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
