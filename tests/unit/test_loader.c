#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/limit.h"
#include "core/config/loader.h"
#include "scratch.h"

static const struct loader_value *root;
static struct loader_entry *first;
static struct loader_text *texts;
static struct why why;

static enum kodo_err
parse(struct str text)
{
	why.text[0] = '\0';
	return loader_parse(scratch.a, text, "f", &root, &why);
}

static enum kodo_err
read_at(const char *name)
{
	why.text[0] = '\0';
	return loader_read(
	    scratch.a, str_of(scratch_path(name)), str_of(scratch.path), true, &first, &texts,
	    &why);
}

static void
check_why(const char *text)
{
	if (strcmp(why.text, text) != 0)
		scratch_fail("\"%s\" is not \"%s\"", why.text, text);
}

static void
check_why_has(const char *part)
{
	if (strstr(why.text, part) == NULL)
		scratch_fail("\"%s\" is not in \"%s\"", part, why.text);
}

/* A value as one text: {a@1:"x" b@2:["y",null]} */
static void
put_value(struct buf *out, const struct loader_value *v)
{
	const struct loader_entry *e;

	switch (v->kind) {
	case LOADER_NULL:
		buf_puts(out, "null");
		break;
	case LOADER_TEXT:
		buf_printf(out, "\"%.*s\"", STR_ARG(v->text));
		break;
	case LOADER_LIST:
	case LOADER_MAP:
		buf_putc(out, v->kind == LOADER_LIST ? '[' : '{');
		for (e = v->first; e != NULL; e = e->next) {
			if (e->key.p != NULL)
				buf_printf(out, "%.*s:", STR_ARG(e->key));
			put_value(out, e->value);
			buf_printf(out, "@%u%s", e->line, e->next != NULL ? " " : "");
		}
		buf_putc(out, v->kind == LOADER_LIST ? ']' : '}');
		break;
	}
}

static void
check_parse(const char *text, const char *shown)
{
	struct buf b = BUF_INIT(0);

	if (parse(str_of(text)) != KODO_OK)
		scratch_fail("%s gave %s", text, why.text);
	put_value(&b, root);
	assert_string_equal(buf_z(&b), shown);
	buf_free(&b);
}

static void
test_values(void **state)
{
	static const char *const rows[][2] = {
		{ "", "null" },
		{ "# nothing\n", "null" },
		{ "---\n", "null" },
		{ "- a: 1\n- b: true\n", "[{a:\"1\"@1}@1 {b:\"true\"@2}@2]" },
		{ "a: x\nb:\n  - y\n  - ~\n", "{a:\"x\"@1 b:[\"y\"@3 null@4]@2}" },
		{ "a: null\nb: NULL\nc: Null\nd:\ne: ''\nf: \"~\"\n",
		    "{a:null@1 b:null@2 c:null@3 d:null@4 e:\"\"@5 f:\"~\"@6}" },
		{ "a: !!str null\nb: !!str 1\n", "{a:\"null\"@1 b:\"1\"@2}" },
		{ "a: |\n  x\n  y\nb: >\n  x\n  y\n", "{a:\"x\ny\n\"@1 b:\"x y\n\"@4}" },
		{ "a: [x, 'y', {z: 1}]\n", "{a:[\"x\"@1 \"y\"@1 {z:\"1\"@1}@1]@1}" },
		{ "\xef\xbb\xbf" "a: \xc3\xa4\n", "{a:\"\xc3\xa4\"@1}" },
		{ "\xef\xbb\xbf" "- a: 1\r\n- b: 2\r\n", "[{a:\"1\"@1}@1 {b:\"2\"@2}@2]" },
		{ "a: &x [1]\nb: *x\n", "{a:[\"1\"@1]@1 b:[\"1\"@1]@2}" },
		{ "a: &x 1\nb: &x 2\nc: *x\n", "{a:\"1\"@1 b:\"2\"@2 c:\"2\"@3}" },
		{ "a: \"\\u00e4\\n\"\r\n", "{a:\"\xc3\xa4\n\"@1}" },
		{ "text\n", "\"text\"" },
		/* JSON's pairs of surrogates */
		{ "{\"a\": \"\\ud83d\\ude00\\u00e4\", \"b\": \"\\\\ud83d\"}\n",
		    "{a:\"\xf0\x9f\x98\x80\xc3\xa4\"@1 b:\"\\ud83d\"@1}" },
		{ "a: \"\\uD83D\\uDE00\"\nb: \"\\\\\\ud83d\\ude00\"\n",
		    "{a:\"\xf0\x9f\x98\x80\"@1 b:\"\\\xf0\x9f\x98\x80\"@2}" },
		/* merge keys: the map's own keys win, then the first of a list, the last << */
		{ "- &x {a: 1, b: 2}\n- {b: 3, <<: *x}\n",
		    "[{a:\"1\"@1 b:\"2\"@1}@1 {b:\"3\"@2 a:\"1\"@1}@2]" },
		{ "- &x {a: 1}\n- &y {<<: *x, b: 2}\n- {<<: [*y, {a: 9, c: 3}]}\n",
		    "[{a:\"1\"@1}@1 {b:\"2\"@2 a:\"1\"@1}@2 {b:\"2\"@2 a:\"1\"@1 c:\"3\"@3}@3]" },
		{ "<<: {a: 1}\n<<: {a: 2, b: 3}\n", "{a:\"2\"@2 b:\"3\"@2}" },
		{ "<<: []\n!!merge <<: {a: 1}\n", "{a:\"1\"@2}" },
		{ "- &x {<<: {a: 1}}\n- *x\n", "[{a:\"1\"@1}@1 {a:\"1\"@1}@1]" },
		{ "\"<<\": 1\n", "{<<:\"1\"@1}" },
		{ "[<<, <<]\n", "[\"<<\"@1 \"<<\"@1]" },
		{ "%YAML 1.2\n---\na: yes\nb: 010\nc: 1:30\n...\n",
		    "{a:\"yes\"@3 b:\"010\"@4 c:\"1:30\"@5}" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_parse(rows[i][0], rows[i][1]);
}

static void
test_errors(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "a: 1\nb: 2\na: 3\n", "f:3: \"a\" is given twice, first in line 1" },
		{ "a:\n  - x: 1\n    y: 1\n    x: 2\n",
		    "f:4: \"x\" is given twice, first in line 2" },
		{ "a: !python/object:os.system x\n",
		    "f:1: a !tag has no meaning here: write the value itself" },
		{ "a: 1\nb: !!binary eA==\n",
		    "f:2: a !tag has no meaning here: write the value itself" },
		{ "a: !!set {x}\n", "f:1: a !tag has no meaning here: write the value itself" },
		{ "a: *x\n", "f:1: an *alias without its &anchor before it" },
		{ "a: &x [1, *x]\n", "f:1: an *alias without its &anchor before it" },
		{ "a: 1\n---\nb: 2\n", "f:2: a second document (---): put it into "
		    "a file of its own, and name their folder as loader" },
		{ "a: 1\n[1]: 2\n", "f:2: a key must be a text" },
		{ "a: \"x\\0y\"\n", "f:1: a text holds a NUL or is not UTF-8" },
		{ "a: 1\nb: \xff\n",
		    "f:2: not YAML: invalid leading UTF-8 octet; save it as UTF-8" },
		{ "a: 1\n\tb: 2\n",
		    "f:2: not YAML: found a tab character that violates indentation "
		    "(while scanning a plain scalar from line 1); indent by blanks" },
		{ "a: [1\nb: 2\n", "f:2: not YAML: did not find expected ',' or ']' "
		    "(while parsing a flow sequence from line 1); begin the lines of one list or "
		    "map in one column, and close what was opened" },
		{ "a: \"x\n", "f:2: not YAML: found unexpected end of stream "
		    "(while scanning a quoted scalar from line 1); close the quote, or write the "
		    "file anew: it may be cut off" },
		{ "\t- a: 1\n", "f:1: not YAML: found character that cannot start any token (while "
		    "scanning for the next token from line 1); indent by blanks, and put quotes "
		    "around a value that begins with @ or `" },
		{ "a: b: c\n", "f:1: not YAML: mapping values are not allowed in this context; put "
		    "quotes around a value that holds a colon and a blank, or indent the lines of "
		    "one map alike" },
		{ "a: 1\nb: \"\\ud83d\"\n", "f:2: not YAML: found invalid Unicode character escape "
		    "code (while parsing a quoted scalar from line 2); write the character itself, "
		    "as UTF-8" },
		{ "a: \"C:\\data\"\n", "f:1: not YAML: found unknown escape character (while "
		    "parsing a quoted scalar from line 1); in double quotes a backslash is "
		    "\\\\, in single quotes it is itself" },
		{ "a: 1\n<<: 2\n", "f:2: <<: expected a map, as *alias, or a list of maps" },
		{ "a: 1\n<<: [{b: 2}, 3]\n",
		    "f:2: <<: expected a map, as *alias, or a list of maps" },
		{ "a: 1\n\"<<\": 2\n'<<': 3\n", "f:3: \"<<\" is given twice, first in line 2" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(str_of(rows[i].text)), KODO_EINVAL);
		check_why(rows[i].why);
		assert_null(root);
	}
}

static void
test_ceilings(void **state)
{
	struct buf b = BUF_INIT(0);
	unsigned i;

	(void)state;
	for (i = 0; i < LIMIT_DEPTH; i++)
		buf_putc(&b, '[');
	for (i = 0; i < LIMIT_DEPTH; i++)
		buf_putc(&b, ']');
	assert_int_equal(parse(buf_str(&b)), KODO_OK);
	buf_reset(&b);
	for (i = 0; i < LIMIT_DEPTH + 1; i++)
		buf_putc(&b, '[');
	assert_int_equal(parse(buf_str(&b)), KODO_EINVAL);
	check_why("f:1: nested too deep");
	buf_reset(&b);
	for (i = 0; i < 100000; i++)
		buf_puts(&b, "[{a: ");
	assert_int_equal(parse(buf_str(&b)), KODO_EINVAL);
	buf_reset(&b);
	for (i = 0; i <= LOADER_KEYS; i++)
		buf_printf(&b, "k%u: 1\n", i);
	assert_int_equal(parse(buf_str(&b)), KODO_EINVAL);
	check_why("f:257: too many keys in one map");
	buf_reset(&b);
	for (i = 0; i <= LOADER_ANCHORS; i++)
		buf_printf(&b, "- &a%u x\n", i);
	assert_int_equal(parse(buf_str(&b)), KODO_EINVAL);
	check_why("f:1001: too many &anchors");
	buf_free(&b);
}

/* The famous one: nine times nine times nine; here it stays a handful of values. */
static void
test_laughs(void **state)
{
	struct buf b = BUF_INIT(0);
	unsigned i, j;

	(void)state;
	buf_puts(&b, "a0: &a0 [x]\n");
	for (i = 1; i < 25; i++) {
		buf_printf(&b, "a%u: &a%u [", i, i);
		for (j = 0; j < 9; j++)
			buf_printf(&b, "*a%u,", i - 1);
		buf_puts(&b, "]\n");
	}
	arena_reset(scratch.a);
	assert_int_equal(parse(buf_str(&b)), KODO_OK);
	assert_in_range(arena_used(scratch.a), 1, 65536);
	buf_free(&b);
}

static void
test_options(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "text\n", "f:1: expected options, a list of `- name: value`" },
		{ "- a: 1\n- b\n", "f:2: expected `name: value`, with a blank after the colon" },
		{ "- a: 1\n- [b]\n", "f:2: expected `name: value`, with a blank after the colon" },
		{ "- a: 1\n- b: 2\n- a: 3\n", "f:3: \"a\" is given twice, first in line 1" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(str_of(rows[i].text)), KODO_OK);
		assert_int_equal(loader_options(scratch.a, root, &first, &why), KODO_EINVAL);
		check_why(rows[i].why);
	}
	assert_int_equal(parse(STR("- a: 1\n  b: 2\n- c: 3\n")), KODO_OK);
	assert_int_equal(loader_options(scratch.a, root, &first, &why), KODO_OK);
	assert_true(str_eq(first->key, STR("a")) && str_eq(first->next->key, STR("b")));
	assert_true(str_eq(first->next->next->key, STR("c")) && first->next->next->line == 3);
	assert_null(first->next->next->next);
	assert_int_equal(parse(STR("")), KODO_OK);
	assert_int_equal(loader_options(scratch.a, root, &first, &why), KODO_OK);
	assert_null(first);
}

static void
test_file(void **state)
{
	(void)state;
	scratch_write("l.yaml", "a: 1\n");
	assert_int_equal(read_at("l.yaml"), KODO_OK);
	assert_true(str_eq(first->key, STR("a")));
	assert_string_equal(first->value->file, scratch_path("l.yaml"));
	scratch_write("bad", "a: [\n");
	assert_int_equal(read_at("bad"), KODO_EINVAL);
	check_why_has("/bad:2: not YAML: ");
	assert_int_equal(read_at("none.yaml"), KODO_ENOTFOUND);
	check_why(arena_printf(scratch.a, "there is no loader %s/none.yaml", scratch.path));
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(read_at("fifo"), KODO_EINVAL);
	check_why_has("is neither a file nor a folder");
	assert_int_equal(truncate("l.yaml", (off_t)LOADER_BYTES + 1), 0);
	assert_int_equal(read_at("l.yaml"), KODO_ETOOBIG);
	check_why_has("cannot read loader");
	assert_int_equal(unlink("l.yaml"), 0);
	scratch_write("l.yaml", "\xff\xfe" "a");
	assert_int_equal(read_at("l.yaml"), KODO_EINVAL);
	check_why_has("/l.yaml:1: the text is UTF-16: save it as UTF-8");
}

static void
test_folder(void **state)
{
	struct str *files;
	size_t n;

	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(read_at("d"), KODO_ENOTFOUND);
	check_why_has("no *.yaml in loader");
	scratch_write("d/10.yaml", "b: 2\nx: 1\n");
	scratch_write("d/9.yaml", "c: 3\nx: 2\n");
	scratch_write("d/02-a.YML", "a: 1\n");
	scratch_write("d/.yml", "h: [\n");
	scratch_write("d/#x.yaml#", "h: [\n");
	scratch_write("d/.hidden.yaml", "h: [\n");
	scratch_write("d/notes.txt", "t: [\n");
	scratch_write("d/x.yaml~", "t: [\n");
	assert_int_equal(chmod("d/9.yaml", 0700), 0);
	assert_int_equal(read_at("d"), KODO_OK);
	assert_true(str_eq(first->key, STR("a")));
	assert_true(str_eq(first->next->key, STR("b")));
	assert_true(str_eq(first->next->next->next->key, STR("c")));
	assert_string_equal(first->next->value->file, scratch_path("d/10.yaml"));
	assert_int_equal(
	    loader_files(scratch.a, str_of(scratch_path("d")), &files, &n, &why), KODO_OK);
	assert_int_equal(n, 3);
	assert_string_equal(files[2].p, scratch_path("d/9.yaml"));
	scratch_write("d/a.yaml", "\n\nq: 1\nq: 2\n");
	assert_int_equal(read_at("d"), KODO_EINVAL);
	check_why_has("/d/a.yaml:4: \"q\" is given twice, first in line 3");
}

static void
write_program(const char *name, const char *script)
{
	scratch_write(name, script);
	assert_int_equal(chmod(name, 0700), 0);
}

static void
test_program(void **state)
{
	(void)state;
	assert_int_equal(mkdir("in", 0700), 0);
	write_program(
	    "in/p", "#!/bin/sh\necho \"- a: $(pwd)\"\necho '- b: 2'\necho said >&2\ncat\n");
	assert_int_equal(read_at("in/p"), KODO_OK);
	assert_string_equal(first->value->text.p, scratch.path);
	assert_true(str_eq(first->next->key, STR("b")));
	assert_string_equal(first->value->file, scratch_path("in/p output"));
	assert_string_equal(scratch_read("err"), "said\n");
	why.text[0] = '\0';
	assert_int_equal(loader_read(scratch.a, str_of(scratch_path("in/p")), str_of(scratch.path),
	    false, &first, &texts, &why),
	    KODO_EBUSY);
	check_why_has("is a program, to be run by somebody else");
	/* a name that says what it is outdoes the mode */
	write_program("x.yaml", "a: 1\n");
	assert_int_equal(read_at("x.yaml"), KODO_OK);
	write_program("x.yml", "a: 1\n");
	assert_int_equal(read_at("x.yml"), KODO_OK);
}

static void
test_program_fails(void **state)
{
	(void)state;
	write_program("p", "#!/bin/sh\necho 'a: 1'\nexit 3\n");
	assert_int_equal(read_at("p"), KODO_EIO);
	check_why_has("/p ended with status 3: run it by hand to see why");
	write_program("p", "#!/bin/sh\nkill -9 $$\n");
	assert_int_equal(read_at("p"), KODO_EIO);
	check_why_has("/p was ended by signal 9");
	write_program("p", "#!/nonexistent/sh\n");
	assert_int_equal(read_at("p"), KODO_EIO);
	check_why_has("/p: No such file or directory");
	write_program("p", "#!/bin/sh\necho 'a: 1'\necho 'b: ['\n");
	assert_int_equal(read_at("p"), KODO_EINVAL);
	check_why_has("/p output:3: not YAML");
}

static enum kodo_err
run(const char *script, unsigned timeout_ms, size_t max_bytes, struct str *out)
{
	write_program("p", script);
	return loader_run(
	    scratch.a, scratch_path("p"), scratch.path, timeout_ms, max_bytes, out, &why);
}

/* Killed with its children, and in time. */
static void
test_program_hangs(void **state)
{
	int64_t before = clock_mono_ms();
	struct str out;
	pid_t child;

	(void)state;
	assert_int_equal(
	    run("#!/bin/sh\nsleep 100 &\necho $! > pid\nwait\n", 300, 1000, &out), KODO_EIO);
	check_why_has("did not end in time and was killed");
	assert_in_range(clock_mono_ms() - before, 300, 3000);
	child = (pid_t)strtol(scratch_read("pid"), NULL, 10);
	assert_true(child > 1);
	/* gone, or a zombie that waits for init */
	before = clock_mono_ms();
	while (kill(child, 0) == 0 && clock_mono_ms() - before < 2000) {
		const char *stat =
		    scratch_read(arena_printf(scratch.a, "/proc/%d/stat", (int)child));

		if (strstr(stat, ") Z ") != NULL)
			break;
	}
	assert_true(clock_mono_ms() - before < 2000);
	/* one that has closed its output hangs as well */
	before = clock_mono_ms();
	assert_int_equal(run("#!/bin/sh\nexec >&-\nsleep 100\n", 300, 1000, &out), KODO_EIO);
	assert_in_range(clock_mono_ms() - before, 300, 3000);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void
test_program_output(void **state)
{
	int64_t before = clock_mono_ms();
	struct str out;

	(void)state;
	assert_int_equal(run("#!/bin/sh\nyes\n", 10000, 100000, &out), KODO_ETOOBIG);
	check_why_has("printed over 100000 bytes");
	assert_in_range(clock_mono_ms() - before, 0, 5000);
	assert_null(out.p);
	assert_int_equal(
	    run("#!/bin/sh\nhead -c 3000000 /dev/zero\n", 10000, 4000000, &out), KODO_OK);
	assert_int_equal(out.len, 3000000);
	/* a child that lives on with the output open is not waited for */
	before = clock_mono_ms();
	assert_int_equal(run("#!/bin/sh\necho x\nsleep 3 &\n", 10000, 1000, &out), KODO_OK);
	assert_true(str_eq(out, STR("x\n")));
	assert_in_range(clock_mono_ms() - before, 0, 2000);
	assert_int_equal(run("#!/bin/sh\n", 10000, 1000, &out), KODO_OK);
	assert_int_equal(out.len, 0);
	/* where nobody may wait for children */
	signal(SIGCHLD, SIG_IGN);
	assert_int_equal(run("#!/bin/sh\necho x\n", 10000, 1000, &out), KODO_OK);
	signal(SIGCHLD, SIG_DFL);
	assert_true(str_eq(out, STR("x\n")));
}

static void
check_find(const char *name, const char *value)
{
	struct str out;

	why.text[0] = '\0';
	if (loader_find(scratch.a, str_of(scratch_path(name)), "cache_data", &out, &why) != KODO_OK)
		scratch_fail("%s", why.text);
	if (value == NULL)
		assert_null(out.p);
	else if (!str_eq(out, str_of(value)))
		scratch_fail("%.*s is not %s", STR_ARG(out), value);
}

static void
test_find(void **state)
{
	static const char *const rows[][2] = {
		{ "- url: x\n- cache_data: ./a.json\n- flows: [\n", "./a.json" },
		{ "url: x\ncache_data: 'b.json'\n", "b.json" },
		{ "- {url: x, cache_data: c}\n", "c" },
		{ "- url: x\n", NULL },
		{ "- cache_data:\n- url: x\n", NULL },
		{ "- cache_data: [x]\n- url: x\n", NULL },
		{ "", NULL },
		{ "- flows:\n  - cache_data: x\n    y: {cache_data: x}\n", NULL },
		{ "- flows:\n  - name: cache_data\n    url: x\n- cache_data: y\n", "y" },
		{ "- url: cache_data\n- organization: x\n- cache_data: y\n", "y" },
		{ "- url: [cache_data, {a: b}]\n- organization: *x\n  cache_data: y\n", "y" },
		{ "- organization: |\n    - cache_data: x\n- cache_data: y\n", "y" },
		/* not YAML before it: a line that looks like it */
		{ "- flows: [\n- cache_data: ./z.json\r\n", "./z.json" },
		{ "\t- x\ncache_data: \"z z\"\n", "z z" },
		{ "\t- cache_data: z\n", NULL },
		{ "\t- x\nCache-Data: z\n", "z" },
		/* as the whole reader takes it */
		{ "- CACHE_DATA: y\n", "y" },
		{ "{\"organization\": \"\\ud83d\\ude00\", \"cache_data\": \"x\"}\n", "x" },
		{ "- url: &u x\n- cache_data: *u\n", "x" },
		{ "- flows: [&b {cache_data: x}]\n- <<: *b\n", "x" },
		{ "- flows: [&b {cache_data: x}]\n- {<<: *b, cache_data: y}\n", "y" },
		{ "- url: &u x\n- &n cache_data\n", NULL },
		{ "- organization: &n cache_data\n- *n : x\n", "x" },
		{ "- organization: &n cache_data\n- log_file: *n\n- url: y\n", NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		scratch_write("l.yaml", rows[i][0]);
		check_find("l.yaml", rows[i][1]);
	}
	assert_int_equal(mkdir("d", 0700), 0);
	scratch_write("d/1.yaml", "cache_data: one\n");
	scratch_write("d/2.yaml", "cache_data: two\n");
	scratch_write("d/3.yaml", "url: x\n");
	check_find("d", "two");
	write_program("p", "#!/bin/sh\ntouch ran\ncat <<E\ncache_data: x\nE\n");
	check_find("p", NULL);
	assert_int_equal(access("ran", F_OK), -1);
}

/* Wherever in a long file it is, and at the end of what is read first. */
static void
test_find_far(void **state)
{
	static const size_t places[] = { 0, 10, 32000, 32750, 32768, 65500, 65520, 65530, 65536,
		200000 };
	struct buf b = BUF_INIT(0);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		buf_reset(&b);
		while (b.len < places[i])
			buf_puts(&b, "#\n");
		buf_puts(&b, "- cache_data: some/where.json\n");
		while (b.len < 300000)
			buf_puts(&b, "- x: \xc3\xa4\n");
		scratch_write("l.yaml", buf_z(&b));
		check_find("l.yaml", "some/where.json");
	}
	buf_free(&b);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_values),
		TEST(test_errors),
		TEST(test_ceilings),
		TEST(test_laughs),
		TEST(test_options),
		TEST(test_file),
		TEST(test_folder),
		TEST(test_program),
		TEST(test_program_fails),
		TEST(test_program_hangs),
		TEST(test_program_output),
		TEST(test_find),
		TEST(test_find_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
