/* What a query may cost: ceilings of its text, budgets of its tests, and no memory. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "core/base/limit.h"
#include "query_help.h"

/* ---- ceilings ---- */

static struct query *
compile_repeated(const char *before, const char *part, size_t n, const char *middle,
    const char *after, size_t m)
{
	struct buf b = BUF_INIT(0);
	struct query *q;
	size_t i;

	buf_puts(&b, before);
	for (i = 0; i < n; i++)
		buf_puts(&b, part);
	buf_puts(&b, middle);
	for (i = 0; i < m; i++)
		buf_puts(&b, after);
	q = compile(buf_str(&b));
	buf_free(&b);
	return q;
}

static void
assert_note_begins(const struct query *q, const char *begin)
{
	if (!str_starts(query_note(q), str_of(begin)))
		fail_msg("%.*s", STR_ARG(query_note(q)));
}

static void
test_ceilings(void **state)
{
	struct query *q;

	(void)state;
	assert_true(query_is_test(compile_repeated("", "(", 64, "name == \"x\"", ")", 64)));
	q = compile_repeated("", "(", 65, "name == \"x\"", ")", 65);
	assert_note_begins(q,
	    "SyntaxError: too many nested parentheses (column 65: more than 64 deep), fulltext: "
	    "((");
	assert_int_equal(query_column(q), 65);
	assert_true(query_is_test(compile_repeated("", "not ", 64, "name == \"x\"", "", 0)));
	/* side by side is not nested */
	assert_true(query_is_test(compile_repeated(
	    "", "(not name == \"x\") and ", 100, "url in ()", " or url in ()", 99)));
	assert_note_begins(compile_repeated("", "~", 65, "name == \"x\"", "", 0),
	    "SyntaxError: too many nested");
	assert_note_begins(compile_repeated("", "(", 5000, "", "", 0),
	    "SyntaxError: too many nested");
	assert_true(query_is_test(compile_repeated("name in [", "\"\",", 1000, "]", "", 0)));
	assert_note_begins(compile_repeated("name in [", "\"\",", 1100, "]", "", 0),
	    "SyntaxError: query is too long (column ");
	assert_true(query_is_test(compile_repeated("url<\"\"", "<url<\"\"", 500, "", "", 0)));
	q = compile_repeated("", "x", LIMIT_QUERY_BYTES + 1, "", "", 0);
	assert_note_begins(q,
	    "SyntaxError: query is too long (more than 8192 bytes), fulltext: xxx");
	assert_int_equal(query_column(q), 0);
	assert_note_begins(compile_repeated("", "x", LIMIT_QUERY_BYTES, "", "", 0),
	    "UndefinedVariableError: name 'xxx");
}

static void
test_budget(void **state)
{
	static const char *const hostile[] = { "^(a+)+$", "(a|aa)*[bc]",
		"(.*)(.*)(.*)(.*)(.*)[0-9]", "(?:a?){30}a{30}b", "^(([a-z])+.)+[A-Z]([a-z])+$",
		"(?R)?x|(?R)a", "(\\w+\\s*)+[:;]", "(a*)*[cd]" };
	char text[4001];
	struct row row = { .description = { text, 4000 } };
	enum query_verdict v;
	struct query *q;
	size_t i, n;

	(void)state;
	memset(text, 'a', 4000);
	for (i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		q = compile(str_of(arena_printf(arena, "description =~ '%s'", hostile[i])));
		assert_true(query_is_test(q));
		for (n = 0, v = QUERY_NO; n < 200000 && v != QUERY_OVER_BUDGET; n++)
			v = query_match(q, &row);
		if (v != QUERY_OVER_BUDGET || query_match(q, &row) != QUERY_OVER_BUDGET)
			fail_msg("%s", hostile[i]);
		/* not a step further than the budget */
		assert_true(query_steps(q) <= LIMIT_REGEX_STEPS + n * LIMIT_REGEX_ROW_STEPS);
	}
	/* short texts earn what they cost: any number of rows */
	row.description.len = 20;
	q = compile(STR("description =~ \"^a[a-z]\""));
	for (n = 0; n < 300000; n++)
		assert_int_equal(query_match(q, &row), QUERY_YES);
}

/* Hundreds of tests on long texts are refused, dozens on short ones never are. */
static void
test_step_budget(void **state)
{
	struct buf b = BUF_INIT(0);
	char text[4000];
	struct row row = { .name = STR("n"), .description = { text, sizeof(text) } };
	enum query_verdict v = QUERY_NO;
	struct query *q;
	size_t i;

	(void)state;
	memset(text, 'a', sizeof(text));
	for (i = 0; i < 300; i++)
		buf_printf(&b, "%sdescription ~ 'b%zu'", i > 0 ? " or " : "", i);
	q = compile(buf_str(&b));
	assert_true(query_is_test(q));
	for (i = 0; i < 100000 && v == QUERY_NO; i++)
		v = query_match(q, &row);
	assert_int_equal(v, QUERY_OVER_BUDGET);
	assert_in_range(i, 100, 1000);
	row.description.len = 1;	/* for good */
	assert_int_equal(query_match(q, &row), QUERY_OVER_BUDGET);
	assert_int_equal(query_match_partial(q, &row, ~0u), QUERY_OVER_BUDGET);
	buf_reset(&b);
	row.description.len = 200;
	for (i = 0; i < 7; i++)
		buf_printf(&b, "%sdescription ~ 'b%zu'", i > 0 ? " or " : "", i);
	for (i = 0; i < 7; i++)
		buf_printf(&b, " or name == '%zu'", i);
	q = compile(buf_str(&b));
	for (i = 0; i < 300000; i++)
		assert_int_equal(query_match(q, &row), QUERY_NO);
	buf_free(&b);
}

/* A text that needs 100 KiB to go back in, where nothing is to be had: no fault of the query. */
static void
test_no_memory(void **state)
{
	struct rlimit before, none;
	void *held[4096];
	char text[500];
	struct row row;
	struct query *q;
	enum query_verdict v;
	size_t n = 0;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 2] = 'c';	/* the literal is there, the match is not */
	row = (struct row){ .name = STR("n") };
	row.description = (struct str){ text, sizeof(text) };
	q = compile(STR("description =~ '^(?:(a)|b)*c$'"));
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	none = (struct rlimit){ 0, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_AS, &none), 0);
	while (n < sizeof(held) / sizeof(held[0]) && (held[n] = malloc(16384)) != NULL)
		n++;
	while (arena_alloc(arena, 256) != NULL)
		;
	v = query_match(q, &row);
	while (n > 0)
		free(held[--n]);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	assert_int_equal(v, QUERY_NO_MEMORY);
	assert_int_equal(query_verdict_error(v), KODO_ENOMEM);
	/* nothing of it stays */
	assert_int_equal(query_match(q, &row), QUERY_NO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_step_budget),
		cmocka_unit_test(test_ceilings),
		cmocka_unit_test(test_budget),
#ifndef __SANITIZE_ADDRESS__	/* which ends a program that gets no memory */
		cmocka_unit_test(test_no_memory),
#endif
	};

	return cmocka_run_group_tests(tests, arena_set_up, arena_tear_down);
}
