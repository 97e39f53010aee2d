/* Whose a state folder is, and what may be done in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/wait.h>

#include "core/storage/state.h"
#include "scratch.h"

static struct state st;
static struct why why;

static enum kodo_err
open_at(const char *name, bool create)
{
	why.text[0] = '\0';
	return state_open(&st, str_of(scratch_path(name)), create, &why);
}

/* What holds a store can be read although it cannot be written. */
static void
test_open_read_only(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	assert_int_equal(mkdir("x.lmdb", 0700), 0);
	scratch_write("x.lmdb/data.mdb", "x");
	assert_int_equal(chown("x.lmdb/data.mdb", 65534, 65534), geteuid() == 0 ? 0 : -1);
	assert_int_equal(chmod("x.lmdb", 0555), 0);
	assert_int_equal(chmod(".", 0755), 0);
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(2);
		_exit(open_at("x.lmdb", true) == KODO_OK && st.is_read_only &&
		    strstr(why.text, "cannot be written by uid") != NULL ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int
root_among_others(void)
{
	struct stat sb;
	int fd;

	/* nothing is made in their folders, but in one that is for a group */
	if (open_at("theirs", true) != KODO_ECONFLICT ||
	    strstr(why.text, "runuser -u") == NULL ||
	    open_at("theirs/new/x.lmdb", true) != KODO_ECONFLICT ||
	    access("theirs/new", F_OK) == 0 ||
	    open_at("ours/x.lmdb", true) != KODO_OK || open_at("group/x.lmdb", true) != KODO_OK)
		return 1;
	/* nor where links of theirs lead, though it is ours */
	if (open_at("theirs/link/x.lmdb", true) != KODO_ECONFLICT ||
	    open_at("theirs/link", true) != KODO_ECONFLICT || access("ours/x2.lmdb", F_OK) == 0 ||
	    open_at("by_root/x.lmdb", true) != KODO_OK)
		return 3;
	/* what is there is used as its owner would */
	if (open_at("theirs", false) != KODO_OK ||
	    state_lock(&st, "a.lock", NULL, &fd, NULL) != KODO_OK || fstat(fd, &sb) != 0 ||
	    sb.st_uid != 65534 || open("precious", O_WRONLY) >= 0)
		return 2;
	return 0;
}

static void
test_root_in_a_foreign_folder(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	scratch_write("precious", "kept");
	assert_int_equal(chmod(".", 0755), 0);
	assert_int_equal(mkdir("theirs", 0700) | mkdir("group", 0700) | mkdir("ours", 0700), 0);
	assert_int_equal(chown("theirs", 65534, 65534) | chown("group", 65534, 65534), 0);
	assert_int_equal(chmod("group", 02770), 0);
	assert_int_equal(symlink("../ours", "theirs/link") | symlink("ours", "by_root"), 0);
	assert_int_equal(lchown("theirs/link", 65534, 65534), 0);
	pid = fork();
	if (pid == 0)
		_exit(root_among_others());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_open_read_only, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
		    test_root_in_a_foreign_folder, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
