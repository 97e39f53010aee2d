#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/config/dotenv.h"
#include "scratch.h"

static struct dotenv_entry *entries;
static size_t n;
static struct why why;

static enum kodo_err
read_text(const char *text)
{
	scratch_write(".env", text);
	why.text[0] = '\0';
	return dotenv_read(scratch.a, ".env", &entries, &n, &why);
}

static void
check_value(const char *line, const char *value)
{
	assert_int_equal(read_text(line), KODO_OK);
	assert_int_equal(n, 1);
	assert_true(str_eq(entries[0].key, STR("KEY")));
	if (!str_eq(entries[0].value, str_of(value)))
		scratch_fail("%s gave \"%.*s\"", line, STR_ARG(entries[0].value));
}

static void
test_values(void **state)
{
	static const char *const rows[][2] = {
		{ "KEY=value\n", "value" },
		{ "KEY=value", "value" },
		{ "  KEY = value  \n", "value" },
		{ "export KEY=value\n", "value" },
		{ "export\tKEY=value\n", "value" },
		{ "KEY=value\r\n", "value" },
		{ "KEY=a b c # comment\n", "a b c" },
		{ "KEY=a#b\n", "a#b" },
		{ "KEY=# comment\n", "" },
		{ "KEY=\n", "" },
		{ "KEY='a # \\n \"b\"'\n", "a # \\n \"b\"" },
		{ "KEY='a' # comment\n", "a" },
		{ "KEY=\"a\\nb\\t\\\"c\\\" \\\\ \\$d\"\n", "a\nb\t\"c\" \\ $d" },
		{ "KEY=\"\"\n", "" },
		{ "KEY=a=b\n", "a=b" },
		{ "KEY=$HOME\n", "$HOME" },
		{ "# comment\n\n   # another\nKEY=v\n", "v" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_value(rows[i][0], rows[i][1]);
}

static void
test_order_and_lines(void **state)
{
	(void)state;
	assert_int_equal(read_text("# x\nA=1\n\nB=2\nA=3\n"), KODO_OK);
	assert_int_equal(n, 3);
	assert_int_equal(entries[0].line, 2);
	assert_int_equal(entries[1].line, 4);
	assert_int_equal(entries[2].line, 5);
	assert_true(str_eq(entries[2].value, STR("3")));
	assert_int_equal(read_text(""), KODO_OK);
	assert_int_equal(n, 0);
}

static void
test_errors(void **state)
{
	static const char *const rows[][2] = {
		{ "A=1\nnonsense\n", ".env:2: expected KEY=value" },
		{ "1A=1\n", ".env:1: a key is made of letters, digits and _" },
		{ "=1\n", ".env:1: a key is made of letters, digits and _" },
		{ "A B=1\n", ".env:1: a key is made of letters, digits and _" },
		{ "\n\nA=\"1\n", ".env:3: the quote is not closed on its line" },
		{ "A='1\n2'\n", ".env:1: the quote is not closed on its line" },
		{ "A=\"1\\\"\n", ".env:1: the quote is not closed on its line" },
		{ "A=\"1\" x\n", ".env:1: text after the closing quote" },
		{ "A=\xff\n", ".env:1: the value is not UTF-8" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(read_text(rows[i][0]), KODO_EINVAL);
		assert_string_equal(why.text, rows[i][1]);
		assert_int_equal(n, 0);
	}
}

static void
test_files(void **state)
{
	(void)state;
	why.text[0] = '\0';
	assert_int_equal(dotenv_read(scratch.a, "nosuch", &entries, &n, &why), KODO_ENOTFOUND);
	assert_string_equal(why.text, "");
	assert_int_equal(dotenv_read(scratch.a, ".", &entries, &n, &why), KODO_EIO);
	assert_string_equal(why.text, "cannot read .: Is a directory");
	assert_int_equal(read_text("A=1\n"), KODO_OK);
	assert_int_equal(truncate(".env", (off_t)ENV_FILE_BYTES + 1), 0);
	assert_int_equal(dotenv_read(scratch.a, ".env", &entries, &n, &why), KODO_ETOOBIG);
	assert_string_equal(why.text, "cannot read .env: over a limit");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_values, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
		    test_order_and_lines, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_errors, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_files, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
