#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <dirent.h>
#include <sys/stat.h>

#include "core/base/path.h"
#include "scratch.h"

static size_t
count_files(void)
{
	DIR *d = opendir(".");
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static enum kodo_err
fill_half(int fd, void *arg)
{
	enum kodo_err err = path_write(fd, STR("half"));

	errno = ENOSPC;
	return err == KODO_OK ? *(enum kodo_err *)arg : err;
}

/* A file is there whole, with its mode, or as it was; nothing lies beside it. */
static void
test_replace(void **state)
{
	enum kodo_err full = KODO_EFULL, ok = KODO_OK;
	mode_t mask = umask(077);
	size_t before = count_files();

	(void)state;
	assert_int_equal(path_replace_text("f", 0660, STR("first")), KODO_OK);
	assert_string_equal(scratch_read("f"), "first");
	assert_int_equal(scratch_mode("f"), 0660);
	assert_int_equal(path_replace_text("f", 0600, STR("")), KODO_OK);
	assert_string_equal(scratch_read("f"), "");
	assert_int_equal(scratch_mode("f"), 0600);
	assert_int_equal(path_replace("f", 0600, fill_half, &full), KODO_EFULL);
	assert_int_equal(errno, ENOSPC);
	assert_string_equal(scratch_read("f"), "");
	assert_int_equal(count_files(), before + 1);
	assert_int_equal(path_replace("f", 0600, fill_half, &ok), KODO_OK);
	assert_string_equal(scratch_read("f"), "half");
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(path_replace_text("d", 0600, STR("x")), KODO_EIO);
	assert_int_equal(errno, EISDIR);
	assert_int_equal(path_replace_text("missing/f", 0600, STR("x")), KODO_EIO);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(count_files(), before + 2);
	umask(mask);
}

static void
test_write(void **state)
{
	(void)state;
	assert_int_equal(path_write(-1, STR("")), KODO_OK);
	assert_int_equal(path_write(-1, STR("x")), KODO_EIO);
	assert_int_equal(path_replace_text("/dev/null/x", 0600, STR("x")), KODO_EIO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_replace, scratch_setup, scratch_teardown),
		cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
