/*
 * The file of an issuer's keys: written and read, seen as new, left alone where it is broken; and
 * when the keys are due again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/auth/key_file.h"
#include "core/base/path.h"
#include "core/storage/run_history.h"
#include "tests/unit/scratch.h"

#define S		1000000ll
#define T		(1900000000 * S)
#define ISSUER		STR("http://issuer/certs")

static struct state folder;

static int
set_up(void **state)
{
	char path[PATH_BYTES];

	if (scratch_setup(state) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/t.lmdb", scratch.path);
	return state_open(&folder, str_of(path), true, NULL) == KODO_OK ? 0 : -1;
}

static void
test_round(void **state)
{
	const struct key_file f = { .url = ISSUER, .fetched_us = T, .tried_us = T + 1,
		.n_failures = 3, .error = STR("it answers 500"), .json = STR("{\n\"keys\":[]}\n") };
	struct state_secret_stamp seen = { 0 };
	struct key_file got;

	(void)state;
	assert_false(key_file_is_new(&folder, &seen));
	assert_int_equal(key_file_read(scratch.a, &folder, &got), KODO_ENOTFOUND);
	assert_int_equal(key_file_write(&folder, &f), KODO_OK);
	assert_true(key_file_is_new(&folder, &seen));
	assert_false(key_file_is_new(&folder, &seen));
	assert_int_equal(key_file_read(scratch.a, &folder, &got), KODO_OK);
	assert_true(str_eq(got.url, f.url) && str_eq(got.error, f.error));
	assert_true(str_eq(got.json, f.json));
	assert_true(got.fetched_us == f.fetched_us && got.tried_us == f.tried_us &&
	    got.n_failures == f.n_failures);
	assert_int_equal(key_file_write(&folder, &f), KODO_OK);
	assert_true(key_file_is_new(&folder, &seen));	/* another file, if its text is the same */
}

static void
test_broken(void **state)
{
	static const char *const texts[] = { "", "http://x", "http://x\n1\n2\n",
		"http://x\na\n2\n3\n\n",
		"http://x\n1\n-2\n3\n\n", "http://x\n1\n2\n99999999999999999999999999\n\n" };
	char path[PATH_BYTES];
	struct key_file got;
	size_t i;

	(void)state;
	assert_int_equal(state_file(&folder, KEY_FILE, path), KODO_OK);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(path_replace_text(path, 0600, str_of(texts[i])), KODO_OK);
		assert_int_equal(key_file_read(scratch.a, &folder, &got), KODO_ENOTFOUND);
		assert_null(got.json.p);
	}
}

static void
test_due(void **state)
{
	static const struct {
		uint64_t n_failures;
		int64_t wanted_us, due_s;	/* after the last attempt */
	} rows[] = {
		{ 0, 0, 3600 },
		{ 0, T - 1, 3600 },	/* wanted before that attempt */
		{ 0, T + 1, 300 },
		{ 0, T + 4000 * S, 300 },
		{ 1, 0, 10 },
		{ 2, 0, 20 },
		{ 3, T + 1, 40 },
		{ 5, 0, 160 },
		{ 6, 0, 300 },
		{ 7, T + 1, 300 },
		{ UINT64_MAX, 0, 300 },
	};
	struct key_file f = { .url = ISSUER, .tried_us = T };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		f.n_failures = rows[i].n_failures;
		assert_int_equal(
		    key_file_due_us(&f, ISSUER, rows[i].wanted_us, INT64_MAX),
		    T + rows[i].due_s * S);
	}
	assert_int_equal(key_file_due_us(&f, STR("http://other/certs"), 0, INT64_MAX), 0);
	f = (struct key_file){ .tried_us = 0 };
	assert_int_equal(key_file_due_us(&f, ISSUER, 0, INT64_MAX), 0);
}

static void
test_wanted(void **state)
{
	(void)state;
	assert_int_equal(run_history_noted_us(&folder, KEY_FILE_WANTED), 0);
	key_file_want(&folder);
	assert_true(run_history_noted_us(&folder, KEY_FILE_WANTED) > T - T / 2);
}

int
main(void)
{
#define TEST(f)	cmocka_unit_test_setup_teardown(f, set_up, scratch_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_round),
		TEST(test_broken),
		TEST(test_due),
		TEST(test_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
