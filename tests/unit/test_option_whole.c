/* Options against what they were read from before: nothing of a file in the middle of a write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "core/base/buf.h"
#include "core/base/path.h"
#include "option_load.h"

#define URL	"- url: http://a:1\n"
#define GOOD	URL "- connect: [http://b:1]\n- registry: false\n- feed: false\n"

static struct str before;

static void
hosted(const char *loader)
{
	why.text[0] = '\0';
	if (option_load_hosted(scratch.a, loader, true, &o, &why) != KODO_OK)
		scratch_fail("%s", why.text);
}

static void
set_before(const char *loader)
{
	struct buf b = BUF_INIT(0);

	hosted(loader);
	option_put_sources(&b, &o);
	assert_int_equal(arena_str(scratch.a, buf_str(&b), &before), KODO_OK);
	buf_free(&b);
}

static enum kodo_err
check(const char *loader, bool may_wait)
{
	hosted(loader);
	return option_check_whole(scratch.a, &o, before, may_wait, &why);
}

/* As if it was left alone for so long. */
static void
age(const char *path, long seconds)
{
	struct timespec times[2] = { { 0, UTIME_OMIT }, { time(NULL) - seconds, 0 } };

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void
test_files(void **state)
{
	static const struct {
		const char *before, *now;
		long age_s;
		enum kodo_err err;
		const char *why;
	} rows[] = {
		{ GOOD, GOOD, 0, KODO_OK, NULL },
		{ GOOD, GOOD "- organization: x\n", 0, KODO_OK, NULL },
		{ GOOD, URL "- connect: [http://c:1]\n- feed: false\n", 0, KODO_OK, NULL },
		/* nothing */
		{ GOOD, "", 0, KODO_EINVAL, "/l.yaml: it is empty, or holds comments only" },
		{ GOOD, "\n \r\n", 60, KODO_EINVAL, "/l.yaml: it is empty" },
		{ GOOD, "# a comment\n", 60, KODO_EINVAL, "/l.yaml: it is empty" },
		{ GOOD, "%YAML 1.1\n---\n...\n", 60, KODO_EINVAL, "/l.yaml: it is empty" },
		{ GOOD, "\xef\xbb\xbf", 60, KODO_EINVAL, "/l.yaml: it is empty" },
		{ "# none\n", "", 60, KODO_OK, NULL },
		/* no url any more */
		{ GOOD, "- organization: x\n", 60, KODO_EINVAL, "it gives no url any more" },
		{ "- organization: x\n", "- organization: y\n", 0, KODO_OK, NULL },
		/* cut off within a line */
		{ "- url: http://a:12\n", "- url: http://a:1", 60, KODO_EINVAL,
		    "/l.yaml:1: the file ends in the middle of what was a line" },
		{ GOOD "- retry: 10", GOOD "- retry: 1", 60, KODO_EINVAL,
		    "/l.yaml:5: the file ends" },
		{ GOOD "- retry: 10", GOOD "- retry: 1\n", 60, KODO_OK, NULL },
		{ "url: http://a:1\r\nretry: 1\r\n", "url: http://a:1\r\nretry:", 60, KODO_EINVAL,
		    "/l.yaml:2: the file ends" },
		/* cut off at the end of one: it counts when left so */
		{ GOOD, URL, 0, KODO_EBUSY, "/l.yaml:1: the file ends where it went on before" },
		{ GOOD, "- url: http://a:1", 0, KODO_EBUSY, "where it went on before" },
		{ "url: http://a:1\r\nretry: 1\r\n", "url: http://a:1", 0, KODO_EBUSY,
		    "where it went on before" },
		{ GOOD, URL, 8, KODO_EBUSY, "where it went on before" },
		{ GOOD, URL, 11, KODO_OK, NULL },
		{ GOOD, URL, -60, KODO_OK, NULL },
		/* something else, cut off within its last value */
		{ GOOD, URL "- organization: Aft", 0, KODO_EBUSY,
		    "/l.yaml:2: the last line has no end, which it had before" },
		{ GOOD, GOOD "- organization: Aft", 0, KODO_EBUSY, "the last line has no end" },
		{ GOOD, URL "- organization: Aft", 11, KODO_OK, NULL },
		{ URL "- retry: 1", URL "- organization: Aft", 0, KODO_OK, NULL },
		/* nothing of it is lost */
		{ GOOD "\n# a comment\n", GOOD, 0, KODO_OK, NULL },
		{ GOOD, "- url: http://a:1\n- connect: [http://b:1]\n- registry: false\n"
		    "- feed: false", 0, KODO_OK, NULL },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		scratch_write("l.yaml", rows[i].before);
		set_before("l.yaml");
		scratch_write("l.yaml", rows[i].now);
		age("l.yaml", rows[i].age_s);
		if (check("l.yaml", true) != rows[i].err)
			scratch_fail("%zu: %s", i, why.text);
		if (rows[i].why != NULL)
			check_why(rows[i].why);
		/* a start does not wait, but refuses what no wait mends */
		if ((check("l.yaml", false) == KODO_EINVAL) != (rows[i].err == KODO_EINVAL))
			scratch_fail("%zu at a start: %s", i, why.text);
	}
}

/* Whoever has it open may not be through, whatever is in it so far. */
static void
test_being_written(void **state)
{
	const char *text = URL "- organization: new\n";
	int fd;

	(void)state;
	scratch_write("l.yaml", GOOD);
	set_before("l.yaml");
	fd = open("l.yaml", O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(check("l.yaml", true), KODO_EBUSY);
	check_why("/l.yaml: it is being written");
	assert_int_equal(check("l.yaml", false), KODO_OK);
	age("l.yaml", 11);
	assert_int_equal(check("l.yaml", true), KODO_OK);
	age("l.yaml", 0);
	close(fd);
	assert_int_equal(check("l.yaml", true), KODO_OK);
	assert_false(path_is_being_written("l.yaml", strlen(text)));
	assert_true(path_is_being_written("l.yaml", strlen(text) - 1));
	assert_false(path_is_being_written("nosuch", 0));
	assert_false(path_is_being_written(".", 0));
}

static void
test_folder(void **state)
{
	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	scratch_write("d/.env", "");
	scratch_write("d/1.yaml", GOOD);
	scratch_write("d/2.yml", "- flows: [{url: /a, name: A}]\n");
	set_before("d");
	scratch_write("d/2.yml", "");
	age("d/2.yml", 60);
	assert_int_equal(check("d", true), KODO_EINVAL);
	check_why("/d/2.yml: it is empty");
	/* gone, as while an editor replaces it: that counts when it stays so */
	assert_int_equal(unlink("d/2.yml"), 0);
	assert_int_equal(check("d", true), KODO_EBUSY);
	check_why("/d/2.yml: the file is gone");
	assert_int_equal(check("d", false), KODO_OK);
	age("d", 11);
	assert_int_equal(check("d", true), KODO_OK);
	assert_int_equal(o.n_flows, 0);
	/* one more */
	scratch_write("d/0.yaml", "- organization: x\n");
	set_before("d");
	scratch_write("d/3.yaml", "- organization: y\n");
	assert_int_equal(check("d", true), KODO_OK);
}

/* What .env says counts like what the loader says. */
static void
test_env(void **state)
{
	(void)state;
	scratch_write("l.yaml", "- flows: []\n");
	scratch_write(".env", "KODO_URL=http://a:1\nKODO_CONNECT=http://b:1\n");
	set_before("l.yaml");
	scratch_write(".env", "KODO_URL=http://a:1\n");
	assert_int_equal(check("l.yaml", true), KODO_EBUSY);
	check_why("/.env:1: the file ends where it went on before");
	scratch_write(".env", "KODO_URL=http://a:1\nKODO_CONNECT=http://b");
	assert_int_equal(check("l.yaml", true), KODO_EINVAL);
	check_why("/.env:2: the file ends in the middle");
	scratch_write(".env", "");
	assert_int_equal(check("l.yaml", true), KODO_EINVAL);
	check_why("/.env: it is empty");
	scratch_write(".env", "DEBUG=1\n");
	assert_int_equal(check("l.yaml", true), KODO_EINVAL);
	check_why("it gives no url any more");
}

static void
test_program(void **state)
{
	(void)state;
	scratch_write("p", "#!/bin/sh\ncat text\n");
	assert_int_equal(chmod("p", 0700), 0);
	scratch_write("text", GOOD);
	set_before("p");
	scratch_write("text", "");
	assert_int_equal(check("p", true), KODO_EINVAL);
	check_why("/p output: it is empty");
	scratch_write("text", "- url: http://a");
	assert_int_equal(check("p", true), KODO_EINVAL);
	check_why("/p output:1: the file ends in the middle");
	scratch_write("text", "- url: http://b:1\n- organization: Aft");
	assert_int_equal(check("p", true), KODO_EINVAL);
	check_why("/p output:2: the last line has no end, as if the program");
	/* it has no time, and whole lines are what programs print */
	scratch_write("text", URL);
	assert_int_equal(check("p", true), KODO_OK);
}

/* A long file is compared as far as it was kept. */
static void
test_long(void **state)
{
	struct buf b = BUF_INIT(0);
	unsigned i;

	(void)state;
	buf_puts(&b, URL "- flows:\n");
	for (i = 0; i < 60000; i++)
		buf_printf(&b, "  - {url: /f%u, name: name of a flow}\n", i);
	assert_true(b.len > (size_t)2 << 20);
	scratch_write("l.yaml", buf_z(&b));
	set_before("l.yaml");
	assert_in_range(before.len, 1 << 20, (1 << 20) + 200);
	for (b.len -= 100000; b.p[b.len - 1] != '\n'; b.len--)
		;
	scratch_write("l.yaml", buf_z(&b));
	assert_int_equal(check("l.yaml", true), KODO_EBUSY);
	age("l.yaml", 11);
	assert_int_equal(check("l.yaml", true), KODO_OK);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_files),
		TEST(test_being_written),
		TEST(test_folder),
		TEST(test_env),
		TEST(test_program),
		TEST(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
