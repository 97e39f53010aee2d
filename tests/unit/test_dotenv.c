#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/config/dotenv.h"
#include "scratch.h"

static struct dotenv env;
static struct why why;

static enum kodo_err
read_text(const char *text)
{
	scratch_write(".env", text);
	why.text[0] = '\0';
	return dotenv_read(scratch.a, ".env", STR("key"), &env, &why);
}

static enum kodo_err
read_at(const char *path)
{
	why.text[0] = '\0';
	return dotenv_read(scratch.a, path, STR("key"), &env, &why);
}

/* The last entry is of ours, and its value this one. */
static void
check_value(const char *text, const char *value)
{
	struct str last;

	if (read_text(text) != KODO_OK)
		scratch_fail("%s gave %s", text, why.text);
	assert_true(env.n > 0);
	last = env.entries[env.n - 1].value;
	assert_true(str_eq(env.entries[env.n - 1].key, STR("KEY")));
	if (!str_eq(last, str_of(value)))
		scratch_fail("%s gave \"%.*s\"", text, STR_ARG(last));
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
		{ "KEY='a'#comment\n", "a" },
		{ "KEY=\"a\\nb\\t\\\"c\\\" \\\\ \\$d\"\n", "a\nb\t\"c\" \\ $d" },
		{ "KEY=\"\"\n", "" },
		{ "KEY=a=b\n", "a=b" },
		{ "KEY=$HOME\n", "$HOME" },
		{ "# comment\n\n   # another\nKEY=v\n", "v" },
		/* systemd's comments, a byte order mark, Node's and Ruby's colon, quoted keys */
		{ "; comment\nKEY=v\n", "v" },
		{ "\xef\xbb\xbfKEY=v\n", "v" },
		{ "KEY: v\n", "v" },
		{ "KEY : 'v'\n", "v" },
		{ "'KEY'=v\n", "v" },
		{ "KEY=http://a:1\n", "http://a:1" },
		{ "KEY=`a \"b\" 'c'`\n", "a \"b\" 'c'" },
		{ "KEY='it\\'s'\n", "it's" },
		{ "KEY=\"a\\d\"\n", "a\\d" },
		/* values over lines */
		{ "KEY=\"a\nb\n\" # comment\n", "a\nb\n" },
		{ "KEY='a\n\nb'\n", "a\n\nb" },
		{ "KEY=\"a\\\nb\"\n", "ab" },
		{ "KEY=http://a,\\\n  http://b\n", "http://a,http://b" },
		{ "KEY=a\\\n", "a\\" },
		{ "DIR=C:\\x\\\nKEY=v\n", "v" },
		{ "PEM=\"-----BEGIN\nKEY=x\n-----END\"\nKEY=v\n", "v" },
		/* of lines before */
		{ "A=1\nKEY=${A}2\n", "12" },
		{ "A='x y'\nKEY=\"<${A}>\"\n", "<x y>" },
		{ "A=1\nKEY='${A}'\n", "${A}" },
		{ "A=1\nKEY=\"\\${A}\"\n", "${A}" },
		{ "KEY=${A:-http://b:1}/c\n", "http://b:1/c" },
		{ "A=\nKEY=${A:-b}\n", "b" },
		{ "A=1\nA=2\nKEY=${A}\n", "2" },
		{ "PS1=${nosuch}x\nKEY=v\n", "v" },
		{ "\nKEY=a\rb\n", "a\rb" },
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
	assert_int_equal(env.n, 3);
	assert_int_equal(env.entries[0].line, 2);
	assert_int_equal(env.entries[1].line, 4);
	assert_int_equal(env.entries[2].line, 5);
	assert_true(str_eq(env.entries[2].value, STR("3")));
	assert_int_equal(read_text("A='1\n2\n3'\nB=2\nkey=4\n"), KODO_OK);
	assert_int_equal(env.n, 3);
	assert_int_equal(env.entries[0].line, 1);
	assert_int_equal(env.entries[1].line, 4);
	assert_int_equal(env.entries[2].line, 5);
	assert_int_equal(read_text(""), KODO_OK);
	assert_int_equal(env.n, 0);
}

/* Lines of others that no reader, or not ours, takes; and those that only name a variable. */
static void
test_passed_over(void **state)
{
	static const struct {
		const char *line;
		unsigned passed, n;
	} rows[] = {
		{ "nonsense\n", 1, 0 },
		{ "export PATH\n", 1, 0 },
		{ "DEBUG\n", 1, 0 },
		{ "spring.profile=dev\n", 1, 0 },
		{ "my-key=1\n", 1, 0 },
		{ "1A=1\n", 1, 0 },
		{ "=1\n", 1, 0 },
		{ "A B=1\n", 1, 0 },
		{ "TITLE='it's'\n", 1, 0 },
		{ "A=\"1\n", 1, 0 },
		{ "A=\"1\" x\n", 1, 0 },
		{ "if [ -n \"$KEY\" ]; then\n\techo $KEYS\nfi\n", 3, 0 },
		{ "<<<<<<< HEAD\n", 1, 0 },
		{ "A=\xff\n", 0, 1 },
		{ "K: v\n", 0, 1 },
		{ "KEY\n", 0, 0 },
		{ "export KEY\n", 0, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *text = arena_printf(scratch.a, "%sKEY=v\n", rows[i].line);

		check_value(text, "v");
		if (env.passed != rows[i].passed || env.n != rows[i].n + 1)
			scratch_fail("%s: %u lines, %zu entries", text, env.passed, env.n);
		assert_int_equal(env.passed_line, rows[i].passed > 0);
	}
}

static void
test_errors(void **state)
{
	static const char *const rows[][2] = {
		{ "A=1\nKEY nonsense\n",
		    ".env:2: expected KEY=value, the key of letters, digits and _" },
		{ "KEY.A=1\n", ".env:1: expected KEY=value, the key of letters, digits and _" },
		{ "KEY-A=1\n", ".env:1: expected KEY=value, the key of letters, digits and _" },
		{ "set KEY=1\n", ".env:1: expected KEY=value, the key of letters, digits and _" },
		{ "declare -x key_a=1\n",
		    ".env:1: expected KEY=value, the key of letters, digits and _" },
		{ "\n\nKEY=\"1\n", ".env:3: the quote is not closed" },
		{ "KEY=\"1\\\"\n", ".env:1: the quote is not closed" },
		{ "KEY='1\n2\n", ".env:1: the quote is not closed" },
		{ "KEY=\"1\" x\n", ".env:1: text after the closing quote" },
		{ "KEY=\xff\n", ".env:1: the value is not UTF-8" },
		{ "KEY=${A}\n", ".env:1: ${NAME} of no line before (the environment is not looked "
		    "at): write its value, or single quotes around what stands for itself" },
		{ "A=1\nKEY=${A\n", ".env:2: ${ without }: in single quotes it stands as it is" },
		{ "\xff\xfeK\n", ".env:1: the text is UTF-16: save it as UTF-8" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(read_text(rows[i][0]), KODO_EINVAL);
		assert_string_equal(why.text, rows[i][1]);
		assert_int_equal(env.n, 0);
	}
}

static void
test_files(void **state)
{
	(void)state;
	assert_int_equal(read_at("nosuch"), KODO_ENOTFOUND);
	assert_string_equal(why.text, "");
	/* the folder of a virtual environment of Python */
	assert_int_equal(read_at("."), KODO_ENOTFOUND);
	assert_int_equal(read_text("A=1\n"), KODO_OK);
	assert_int_equal(read_at(".env/x"), KODO_EIO);
	assert_string_equal(why.text, "cannot read .env/x: Not a directory");
	assert_int_equal(read_text("A=1\n"), KODO_OK);
	assert_int_equal(truncate(".env", (off_t)ENV_FILE_BYTES + 1), 0);
	assert_int_equal(read_at(".env"), KODO_ETOOBIG);
	assert_string_equal(why.text, "cannot read .env: over a limit");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_values, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
		    test_order_and_lines, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_passed_over, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_errors, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_files, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
