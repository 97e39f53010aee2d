/* How often a commit of the store waits for the disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/syscall.h>

#include "core/storage/store.h"
#include "scratch.h"

static struct store *
open_store(enum store_open how)
{
	static struct state state;
	struct why why = { "" };
	struct store *st;

	assert_int_equal(
	    state_open(&state, str_of(scratch_path("s")), how == STORE_MAKE, &why), KODO_OK);
	assert_int_equal(store_open(&state, how, (uint64_t)1 << 30, &why, &st), KODO_OK);
	return st;
}

static void
check_value(struct store *st, const char *want)
{
	struct txn t;
	struct str v;

	assert_int_equal(store_begin(st, STORE_READ, &t), KODO_OK);
	assert_int_equal(store_get(&t, T_META, STR("k"), &v), KODO_OK);
	assert_true(str_eq(v, str_of(want)));
	assert_int_equal(store_end(&t, KODO_OK), KODO_OK);
}

static unsigned n_syncs;	/* of LMDB: calls, and writes by a descriptor that syncs each */

int
fdatasync(int fd)
{
	n_syncs++;
	return (int)syscall(SYS_fdatasync, fd);
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t at)
{
	n_syncs += (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
	return syscall(SYS_pwrite64, fd, p, n, at);
}

static unsigned
syncs_of_a_commit(struct store *st, const char *value)
{
	struct txn t;

	n_syncs = 0;
	assert_int_equal(store_begin(st, STORE_WRITE, &t), KODO_OK);
	assert_int_equal(store_put(&t, T_META, STR("k"), str_of(value)), KODO_OK);
	assert_int_equal(store_end(&t, KODO_OK), KODO_OK);
	return n_syncs;
}

static void
test_last_commit_is_synced_with_the_next(void **unused)
{
	struct store *st, *other;

	(void)unused;
	st = open_store(STORE_MAKE);
	assert_int_equal(syncs_of_a_commit(st, "1"), 2);
	store_defer_last(st);
	assert_int_equal(syncs_of_a_commit(st, "2"), 1);
	check_value(st, "2");
	n_syncs = 0;
	assert_int_equal(store_sync(st), KODO_OK);
	assert_int_equal(n_syncs, 1);
	store_close(st);
	/* of that process alone */
	other = open_store(STORE_FIND);
	check_value(other, "2");
	assert_int_equal(syncs_of_a_commit(other, "3"), 2);
	store_close(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_last_commit_is_synced_with_the_next, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests_name("store_syncs", tests, NULL, NULL);
}
