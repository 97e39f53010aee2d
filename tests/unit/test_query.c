/*
 * The query language: the cases as data in tests/query over the rows of rows.tsv, and what cannot
 * be said there. Paths are relative to SRCDIR, else to the present folder.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/query/rows.h"
#include "query_help.h"

static struct row rows[64];
static size_t n_rows;

/* ---- cases as data ---- */

struct test_case {
	char q[1024], by[256], by_text[256], want[512], error[1024];
	size_t column, skip, take;
	bool has_by_text, has_want;
	int line;
};

static struct str
line_of(char *line)
{
	line[strcspn(line, "\n")] = '\0';
	return str_of(line);
}

static FILE *
open_data(const char *name)
{
	const char *folder = getenv("SRCDIR");
	FILE *f = fopen(
	    arena_printf(arena, "%s/tests/query/%s", folder == NULL ? "." : folder, name), "r");

	assert_non_null(f);
	return f;
}

static int
set_up(void **state)
{
	char line[4096];
	FILE *f;

	assert_int_equal(arena_set_up(state), 0);
	f = open_data("rows.tsv");
	while (fgets(line, sizeof(line), f) != NULL) {
		if (line[0] == '#')
			continue;
		assert_true(n_rows < sizeof(rows) / sizeof(rows[0]));
		assert_true(
		    rows_read(arena, str_of(arena_strz(arena, line_of(line))), &rows[n_rows++]));
	}
	fclose(f);
	return 0;
}

static struct order *
parse_order(struct str by)
{
	struct order *o;

	assert_int_equal(order_parse(arena, by, &o), KODO_OK);
	return o;
}

/* The last parts of the urls of the rows that q selects, in order, apart by blanks. */
static const char *
run(struct query *q, struct order *o, size_t skip, size_t take)
{
	struct buf b = BUF_INIT(0);
	struct sorter *s;
	const uint64_t *refs;
	const char *id, *found;
	size_t i, n;

	assert_int_equal(sorter_new(arena, o, skip, take, &s), KODO_OK);
	for (i = 0; i < n_rows; i++)
		if (query_match(q, &rows[i]) == QUERY_YES)
			assert_int_equal(sorter_add(s, &rows[i], i), KODO_OK);
	assert_int_equal(sorter_result(s, &refs, &n), KODO_OK);
	for (i = 0; i < n; i++) {
		id = (const char *)memrchr(rows[refs[i]].url.p, '/', rows[refs[i]].url.len) + 1;
		buf_printf(&b, i > 0 ? " %s" : "%s", id);
	}
	found = arena_printf(arena, "%s", buf_z(&b));
	buf_free(&b);
	return found;
}

static int
differ(const char *file, int line, const char *what, struct str got, struct str want)
{
	if (str_eq(got, want))
		return 0;
	print_error("%s:%d: %s is `%.*s`, wanted `%.*s`\n", file, line, what, STR_ARG(got),
	    STR_ARG(want));
	return 1;
}

static int
run_case(const char *file, const struct test_case *t)
{
	struct str text = rows_unescape(arena, str_of(t->q)),
		   note = text.len == 0 ? STR_NULL : text;
	struct query *q = compile(text);
	struct order *o = parse_order(rows_unescape(arena, str_of(t->by)));
	int failed = 0;

	if (t->error[0] != '\0')
		note = str_of(arena_printf(arena, "%.*s, fulltext: %.*s",
		    STR_ARG(rows_unescape(arena, str_of(t->error))), STR_ARG(text)));
	failed += differ(file, t->line, "the answer's q", query_note(q), note);
	failed +=
	    differ(file, t->line, "the rows", str_of(run(q, o, t->skip, t->take)), str_of(t->want));
	if (t->has_by_text)
		failed += differ(file, t->line, "the answer's by", order_text(o),
		    rows_unescape(arena, str_of(t->by_text)));
	if (query_column(q) != t->column) {
		print_error("%s:%d: column %zu, wanted %zu\n", file, t->line, query_column(q),
		    t->column);
		failed++;
	}
	return failed;
}

static void
keep(char *to, size_t size, const char *value)
{
	assert_true(strlen(value) < size);
	memcpy(to, value, strlen(value) + 1);
}

/* One line `key: value` of a case. */
static void
read_member(struct test_case *t, char *line)
{
	char *value = strchr(line, ':');

	assert_non_null(value);
	*value++ = '\0';
	value += *value == ' ';
	if (strcmp(line, "q") == 0)
		keep(t->q, sizeof(t->q), value);
	else if (strcmp(line, "by") == 0)
		keep(t->by, sizeof(t->by), value);
	else if (strcmp(line, "by_text") == 0)
		keep(t->by_text, sizeof(t->by_text), value);
	else if (strcmp(line, "want") == 0)
		keep(t->want, sizeof(t->want), value);
	else if (strcmp(line, "error") == 0)
		keep(t->error, sizeof(t->error), value);
	else if (strcmp(line, "column") == 0)
		t->column = strtoul(value, NULL, 10);
	else if (strcmp(line, "page") == 0) {
		t->skip = strtoul(value, &value, 10);
		t->take = strtoul(value, NULL, 10);
	} else
		fail_msg("unknown key %s", line);
	t->has_by_text = t->has_by_text || strcmp(line, "by_text") == 0;
	t->has_want = t->has_want || strcmp(line, "want") == 0;
}

static int
run_file(const char *path, int *cases)
{
	const struct test_case empty = { .take = 1000 };
	struct test_case t = empty;
	char line[4096];
	FILE *f = fopen(path, "r");
	int failed = 0, number = 0;
	bool more;

	assert_non_null(f);
	do {
		more = fgets(line, sizeof(line), f) != NULL;
		number++;
		if (more && line[0] == '#')
			continue;
		if (more && line_of(line).len > 0) {
			t.line = t.line == 0 ? number : t.line;
			read_member(&t, line);
		} else if (t.line > 0) {
			assert_true(t.has_want);
			failed += run_case(path, &t);
			(*cases)++;
			t = empty;
		}
	} while (more);
	fclose(f);
	return failed;
}

static void
test_cases(void **state)
{
	const char *folder = getenv("SRCDIR"), *pattern;
	glob_t found;
	int failed = 0, cases = 0;
	size_t i;

	(void)state;
	pattern = arena_printf(arena, "%s/tests/query/*.txt", folder == NULL ? "." : folder);
	assert_int_equal(glob(pattern, 0, NULL, &found), 0);
	for (i = 0; i < found.gl_pathc; i++)
		failed += run_file(found.gl_pathv[i], &cases);
	globfree(&found);
	print_message("%d cases\n", cases);
	assert_true(cases >= 300);
	assert_int_equal(failed, 0);
}

/* ---- what a query says about itself ---- */

static void
test_explain(void **state)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "combat", "\"combat\"" },
		{ "\"two words\"", "\"two words\"" },
		{ "name=='x'", "name == \"x\"" },
		{ "\"a\"<name<=\"b\"", "name > \"a\" and name <= \"b\"" },
		{ "not name==\"x\"", "name != \"x\"" },
		{ "not name~\"x\"&author~'y'", "not name ~ \"x\" and author ~ \"y\"" },
		{ "name==\"a\"|name==\"b\"&~(url~\"c\"or tags.isnull())",
		    "name == \"a\" or (name == \"b\" and not (url ~ \"c\" or tags.isnull()))" },
		{ "(name == \"a\" or name == \"b\") and author.notna()",
		    "(name == \"a\" or name == \"b\") and author.notnull()" },
		{ "name != (\"b\",'a')", "name not in [\"a\", \"b\"]" },
		{ "created>='2026-01-01'", "created >= \"2026-01-01T00:00:00Z\"" },
		{ "created == \"x\"", "created in []" },
		{ "heartbeat != \"\"", "heartbeat.notnull()" },
		{ "@tag('a\"b\\\\')", "@tag(\"a\\\"b\\\\\")" },
		{ "name.str.startswith(\"\\x01\")", "name.str.startswith(\"\\x01\")" },
		{ "name=~'^a'", "name =~ \"^a\"" },
		{ "\"a\" < \"b\"", "\"\" == \"\"" },
		{ " tax  return\n", "\"tax  return\"" },
		{ "name.str.lower()=='x'", "name.str.lower() == \"x\"" },
		{ "not `name`.str.lower() == “x”", "name.str.lower() != \"x\"" },
		{ "name.str.lower().str.contains('a')", "name ~ \"a\"" },
		{ "name.str.contains('A', case=False, na=True)",
		    "name ~ \"A\" or name.isnull()" },
		{ "name.str.match('a|b')", "name =~ \"\\\\A(?:a|b)\"" },
		{ "'x' not in tags", "not @tag(\"x\")" },
		{ "created < '2026-02'", "created < \"2026-02-01T00:00:00Z\"" },
	};
	struct buf b = BUF_INIT(0);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		buf_reset(&b);
		query_explain(compile(str_of(cases[i][0])), &b);
		assert_string_equal(b.len == 0 ? "" : buf_z(&b), cases[i][1]);
	}
	buf_free(&b);
}

static void
test_needle(void **state)
{
	static const struct {
		const char *q, *needle;
		bool is_needle;
	} cases[] = {
		{ "", NULL, false },
		{ "COMBAT", "combat", true },
		{ "\"Two Words\"", "words", true },
		{ "\"\"", NULL, false },
		{ "name ~ \"ZOË\"", "zoë", false },
		{ "name == \"Agent\"", "agent", false },
		{ "name == \"\"", NULL, false },
		{ "\"Agent\" in name", "agent", false },
		{ "name in [\"Agent Alpha\"]", "agent alpha", false },
		{ "name in [\"Alpha\", \"an alpha b\"]", "alpha", false },
		{ "name in [\"Alpha\", \"Bravo\"]", NULL, false },
		{ "name in []", NULL, false },
		{ "name.str.contains(\"A\")", "a", false },
		{ "description.str.startswith(\"AB\")", "ab", false },
		{ "author.str.endswith(\"AB\")", "ab", false },
		{ "organization == \"Org\"", "org", false },
		{ "@tag(\"Tag\")", "tag", false },
		{ "url == \"Agent\"", NULL, false },
		{ "name < \"Agent\"", NULL, false },
		{ "name != \"Agent\"", NULL, false },
		{ "not name != \"Agent\"", "agent", false },
		{ "not not name == \"Agent\"", "agent", false },
		{ "name ~ \"ab\" and author ~ \"longer\"", "longer", false },
		{ "name ~ \"ab\" or author ~ \"longer\"", NULL, false },
		{ "name ~ \"ab\" or author ~ \"xABx\"", "ab", false },
		{ "name ~ \"ab\" or author ~ \"abc\" or url == \"x\"", NULL, false },
		{ "not (name != \"ab\" or author ~ \"longer\")", "ab", false },
		{ "not (name != \"ab\" and author != \"abc\")", "ab", false },
		{ "created > \"2026-01-01\" and name ~ \"x\"", "x", false },
		{ "name =~ \"^Agent [A-M]\"", "agent ", false },
		{ "name =~ \"(?i)agent\"", NULL, false },
		{ "name =~ \"agent|bravo\"", NULL, false },
		{ "name =~ \"agents?\"", "agent", false },
		{ "name =~ \"ab+c(de)f\\\\.g\"", "f.g", false },
		{ "name =~ \"x{2}\"", NULL, false },
		{ "name =~ \"abc{a|b}\"", NULL, false },
		{ "name =~ \"[[:alpha:]]x\"", NULL, false },
		{ "name =~ \"\\\\Qa|b\\\\E\"", NULL, false },
		{ "name =~ \"zoë*\"", "zo", false },
	};
	struct query *q;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		q = compile(str_of(cases[i].q));
		if (!str_eq(query_needle(q), str_of(cases[i].needle)) ||
		    (query_needle(q).p == NULL) != (cases[i].needle == NULL))
			fail_msg("%s: needle `%.*s`", cases[i].q, STR_ARG(query_needle(q)));
		assert_int_equal(query_is_needle(q), cases[i].is_needle);
	}
	assert_true(query_is_all(compile(STR_NULL)));
	assert_true(query_is_all(compile(STR("\"\""))));
	assert_false(query_is_all(compile(STR("x"))));
	assert_non_null(query_fulltext(compile(STR("x"))).p);
	assert_null(query_fulltext(compile(STR("name == \"x\""))).p);
}

static struct str
repeat(const char *text, unsigned times, const char *end)
{
	struct buf b = BUF_INIT(0);
	struct str out = STR_NULL;

	while (times-- > 0)
		buf_puts(&b, text);
	buf_puts(&b, end);
	assert_int_equal(arena_str(arena, buf_str(&b), &out), KODO_OK);
	buf_free(&b);
	return out;
}

/* Where single places would be tried in vain again and again, too, and in several texts at once. */
static void
test_words(void **state)
{
	struct query *q = compile(repeat("a ", 1000, "b"));

	(void)state;
	assert_non_null(query_find(q, repeat("a  ", 20000, "b")));
	assert_null(query_find(q, repeat("a  ", 20000, "c")));
	assert_null(query_find(q, repeat("a  ", 999, "b")));
	q = compile(STR("tax return"));
	assert_non_null(query_find(q, STR("the tax\0tax\xc2\xa0\nreturns")));
	assert_null(query_find(q, STR("tax\0return")));
	assert_null(query_find(q, STR("taxreturn tax.return tax")));
}

static void
test_needs(void **state)
{
	(void)state;
	assert_int_equal(query_needs(compile(STR(""))), 0);
	assert_int_equal(query_needs(compile(STR("combat"))), QUERY_BIT(QUERY_FOLDED));
	assert_int_equal(query_needs(compile(STR("name == \"x\" and nosuch"))),
	    QUERY_BIT(QUERY_FOLDED));
	assert_int_equal(
	    query_needs(compile(STR("name ~ \"x\" and created > modified or @tag(\"y\")"))),
	    QUERY_BIT(QUERY_NAME) | QUERY_BIT(QUERY_CREATED) | QUERY_BIT(QUERY_MODIFIED) |
		QUERY_BIT(QUERY_TAGS));
	assert_int_equal(order_needs(parse_order(STR(""))),
	    QUERY_BIT(QUERY_NAME) | QUERY_BIT(QUERY_URL));
	assert_int_equal(order_needs(parse_order(STR("author:d,tags"))),
	    QUERY_BIT(QUERY_NAME) | QUERY_BIT(QUERY_URL) | QUERY_BIT(QUERY_AUTHOR) |
		QUERY_BIT(QUERY_TAGS));
}

static void
test_partial(void **state)
{
	static const struct {
		const char *q;
		enum query_verdict verdict;	/* for a node of Org that was created in 2026 */
	} cases[] = {
		{ "organization == \"Org\"", QUERY_YES },
		{ "organization == \"X\"", QUERY_NO },
		{ "name == \"x\"", QUERY_MAYBE },
		{ "combat", QUERY_MAYBE },
		{ "", QUERY_YES },
		{ "organization == \"Org\" and name == \"x\"", QUERY_MAYBE },
		{ "organization == \"X\" and name == \"x\"", QUERY_NO },
		{ "name == \"x\" and organization == \"X\"", QUERY_NO },
		{ "name == \"x\" or organization == \"Org\"", QUERY_YES },
		{ "name == \"x\" or organization == \"X\"", QUERY_MAYBE },
		{ "not (name == \"x\" and organization == \"X\")", QUERY_YES },
		{ "heartbeat.isnull() and created >= \"2026-01-01\"", QUERY_YES },
		{ "(name ~ \"x\" or author ~ \"y\") and created < \"2026-01-01\"", QUERY_NO },
	};
	struct row row = { .organization = STR("Org"), .created_us = 1780000000000000 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (query_match_partial(compile(str_of(cases[i].q)), &row, QUERY_NODE_FIELDS) !=
		    cases[i].verdict)
			fail_msg("%s", cases[i].q);
}

/* Texts that begin again within themselves, where a search that forgets goes wrong. */
static void
test_repetitions(void **state)
{
	static const char *const cases[][2] = { { "abababac", "ABABAC" }, { "aaab", "AAB" },
		{ "xxéxéxéyé", "ÉXÉY" }, { "aabaabaaab", "AABAAA" }, { "mississippi", "ISSIP" } };
	struct row row = { .organization = STR_NULL };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		row.name = str_of(cases[i][0]);
		if (query_match(compile(str_of(arena_printf(arena, "name ~ '%s'", cases[i][1]))),
			&row) != QUERY_YES)
			fail_msg("%s in %s", cases[i][1], cases[i][0]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_explain),
		cmocka_unit_test(test_needle),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_repetitions),
	};

	return cmocka_run_group_tests(tests, set_up, arena_tear_down);
}
