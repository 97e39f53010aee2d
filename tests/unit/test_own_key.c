/*
 * The key of a state: made once, the same after, another after a rotation that the old one signed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/trust/own_key.h"

static struct state folder;
static char path[] = "/tmp/kodo-own-key.XXXXXX";

static int
set_up(void **state)
{
	(void)state;
	return mkdtemp(path) != NULL &&
	    state_open(&folder, str_of(path), true, NULL) == KODO_OK ? 0 : -1;
}

static void
file_of(char out[PATH_BYTES])
{
	assert_int_equal(state_file(&folder, "identity", out), KODO_OK);
}

static int
tear_down(void **state)
{
	char file[PATH_BYTES];

	(void)state;
	file_of(file);
	unlink(file);
	return rmdir(path);
}

static void
test_made_once(void **state)
{
	struct own_key first, again;
	char file[PATH_BYTES];
	struct stat st;

	(void)state;
	assert_int_equal(own_key_get(&folder, 5000000, &first), KODO_OK);
	assert_int_equal(own_key_get(&folder, 9000000, &again), KODO_OK);
	assert_memory_equal(first.key, again.key, sizeof(first.key));
	assert_int_equal(again.since_us, 5000000);
	assert_int_equal(again.n_former, 0);
	file_of(file);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 037, 0);
}

static void
test_rotations(void **state)
{
	struct own_key keys[OWN_KEY_FORMER + 3], read;
	const size_t last = OWN_KEY_FORMER + 2;
	struct rotation bad;
	size_t i;

	(void)state;
	assert_int_equal(own_key_get(&folder, 1, &keys[0]), KODO_OK);
	for (i = 1; i <= last; i++)
		assert_int_equal(
		    own_key_rotate(&folder, (int64_t)i * 1000000, &keys[i]), KODO_OK);
	assert_int_equal(own_key_get(&folder, 1, &read), KODO_OK);
	assert_memory_equal(read.key, keys[last].key, sizeof(read.key));
	assert_int_equal(read.n_former, OWN_KEY_FORMER);
	for (i = 0; i < last; i++) {
		const bool kept = i >= last - OWN_KEY_FORMER;

		assert_int_equal(rotation_leads(key_bytes(keys[i].key), read.former, read.n_former,
		    key_bytes(read.key)), kept ? KODO_OK : KODO_EINVAL);
	}
	/* not to another key, nor with another's signature */
	assert_int_equal(rotation_leads(key_bytes(keys[last - 1].key), read.former, read.n_former,
	    key_bytes(keys[0].key)), KODO_EINVAL);
	assert_int_equal(rotation_leads(key_bytes(read.key), read.former, read.n_former,
	    key_bytes(read.key)), KODO_EINVAL);
	bad = read.former[OWN_KEY_FORMER - 1];
	bad.signature[7] ^= 1;
	assert_int_equal(rotation_leads(key_bytes(bad.key), &bad, 1, key_bytes(read.key)),
	    KODO_EINVAL);
}

static void
test_damaged(void **state)
{
	static const char *const lines[] = { "", "x", "0123", "zz", NULL };
	struct own_key k;
	size_t i;

	(void)state;
	for (i = 0; lines[i] != NULL; i++) {
		assert_int_equal(state_secret_write(&folder, "identity", lines[i], true), KODO_OK);
		assert_int_equal(own_key_get(&folder, 1, &k), KODO_ECORRUPT);
		assert_int_equal(own_key_rotate(&folder, 1, &k), KODO_ECORRUPT);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_once),
		cmocka_unit_test(test_rotations),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
