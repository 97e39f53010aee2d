#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

#include "core/base/path.h"
#include "core/base/spawn.h"
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

static void
wait_ms(unsigned ms)
{
	const struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

static bool
has_file(const char *name)
{
	return access(name, F_OK) == 0;
}

/* Wait at most 5 s for a file that another process makes. */
static void
wait_for_file(const char *name)
{
	unsigned i;

	for (i = 0; i < 500 && !has_file(name); i++)
		wait_ms(10);
	assert_true(has_file(name));
}

static void
test_paths(void **state)
{
	static const struct {
		const char *base, *path, *out;
	} rows[] = {
		{ "/a", "b", "/a/b" },
		{ "/a", "./b/./c//d/", "/a/b/c/d" },
		{ "/a/", "/x", "/x" },
		{ "/a", "../b", "/a/../b" },
		{ "/", "b.json", "/b.json" },
		{ "/a", ".", "/a" },
		{ "/a", "/", "/" },
		{ "/a", ".b/..c", "/a/.b/..c" },
	};
	struct str out;
	char long_path[PATH_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
		    path_absolute(scratch.a, str_of(rows[i].base), str_of(rows[i].path), &out),
		    KODO_OK);
		assert_string_equal(out.p, rows[i].out);
		assert_int_equal(out.len, strlen(rows[i].out));
	}
	assert_int_equal(path_absolute(scratch.a, STR("/a"), STR(""), &out), KODO_EINVAL);
	assert_int_equal(path_absolute(scratch.a, STR("/a"), STR("a\0b"), &out), KODO_EINVAL);
	memset(long_path, 'x', sizeof(long_path));
	assert_int_equal(path_absolute(scratch.a, STR("/a"),
	    (struct str){ long_path, sizeof(long_path) - 3 }, &out), KODO_ETOOBIG);
	assert_true(str_eq(path_folder(STR("/a/b")), STR("/a")));
	assert_true(str_eq(path_folder(STR("/a")), STR("/")));
	assert_true(str_eq(path_name(STR("/a/bc")), STR("bc")));
}

static void
test_open_makes(void **state)
{
	(void)state;
	assert_int_equal(open_at("a/b/c.lmdb", false), KODO_ENOTFOUND);
	assert_string_equal(why.text,
	    arena_printf(scratch.a, "there is no state folder %s/a/b/c.lmdb", scratch.path));
	assert_false(has_file("a"));
	umask(0777);
	assert_int_equal(open_at("a/b/c.lmdb/", true), KODO_OK);
	umask(022);
	assert_string_equal(st.path, scratch_path("a/b/c.lmdb"));
	assert_int_equal(st.file_mode, 0600);
	assert_int_equal(scratch_mode("a"), 0700);
	assert_int_equal(scratch_mode("a/b/c.lmdb"), 0700);
	assert_int_equal(open_at("a/b/c.lmdb", false), KODO_OK);
}

/* The modes of a folder decide, and are left as they are. */
static void
test_open_group(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(mkdir("g", 0700), 0);
	assert_int_equal(chmod("g", 02770), 0);
	umask(077);
	assert_int_equal(open_at("g/x.lmdb", true), KODO_OK);
	assert_int_equal(scratch_mode("g/x.lmdb"), 02770);
	assert_int_equal(st.file_mode, 0660);
	assert_int_equal(state_lock(&st, "a.lock", NULL, &fd, NULL), KODO_OK);
	assert_int_equal(scratch_mode("g/x.lmdb/a.lock"), 0660);
	close(fd);
	assert_int_equal(state_wake_open(&st, &fd), KODO_OK);
	assert_int_equal(scratch_mode("g/x.lmdb/wake"), 0660);
	close(fd);
	umask(022);
	assert_int_equal(chmod("g/x.lmdb", 0770), 0);
	assert_int_equal(open_at("g/x.lmdb", true), KODO_OK);
	assert_int_equal(scratch_mode("g/x.lmdb"), 0770);
	assert_int_equal(st.file_mode, 0660);
}

static void
check_refused(const char *name, enum kodo_err err, const char *part)
{
	assert_int_equal(open_at(name, true), err);
	if (strstr(why.text, part) == NULL)
		scratch_fail("\"%s\" is not in \"%s\"", part, why.text);
}

static void
test_open_refuses(void **state)
{
	char name[5000];

	(void)state;
	scratch_write("plain", "");
	check_refused("plain", KODO_EIO, "/plain: Not a directory; make it, or set cache_data");
	check_refused("plain/x", KODO_EIO, "cannot make state folder");
	assert_int_equal(open_at("plain", false), KODO_EIO);
	assert_non_null(strstr(why.text, "plain is not a folder"));
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	check_refused(name, KODO_ETOOBIG, "path of the state folder is over 4032 bytes");
	assert_int_equal(state_open(&st, STR("a/b"), true, &why), KODO_EINVAL);
	assert_int_equal(state_open(&st, STR(""), true, &why), KODO_EINVAL);
	/* the one file system that every machine has and that nobody can make folders on */
	assert_int_equal(state_open(&st, STR("/proc/kodo.lmdb"), true, &why), KODO_EIO);
}

/* In a child, for root may write everywhere. */
static void
test_open_not_ours(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	assert_int_equal(mkdir("x.lmdb", 0700), 0);
	assert_int_equal(chmod("x.lmdb", 0500), 0);
	assert_int_equal(chmod(".", 0755), 0);
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(2);
		_exit(open_at("x.lmdb", true) == KODO_EIO &&
		    strstr(why.text, "cannot be written by uid") != NULL ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_network(void **state)
{
	static const unsigned long types[] = { 0x6969, 0xff534d42, 0xfe534d42, 0x01021997,
		0x65735546, 0x5346414f, 0x00c36400, 0x517b };
	static const unsigned long local[] = { 0xef53, 0x01021994, 0x58465342, 0x9123683e,
		0x794c7630, 0x2fc12fc1 };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_non_null(state_network_fs(types[i]));
	for (i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		assert_null(state_network_fs(local[i]));
	assert_string_equal(state_network_fs(0x6969), "NFS");
	/* f_type is a signed int on some machines */
	assert_string_equal(state_network_fs((unsigned long)(long)(int)0xff534d42), "CIFS");
}

static void
test_lock(void **state)
{
	char owner[2100];
	int fd, other;

	(void)state;
	assert_int_equal(open_at("x", true), KODO_OK);
	assert_int_equal(
	    state_lock(&st, "service.lock", "http://localhost:3366", &fd, owner), KODO_OK);
	assert_string_equal(owner, "");
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(scratch_mode("x/service.lock"), 0600);
	assert_int_equal(state_lock(&st, "service.lock", "other", &other, owner), KODO_EBUSY);
	assert_int_equal(other, -1);
	assert_string_equal(owner, "http://localhost:3366");
	assert_int_equal(state_lock(&st, "service.lock", NULL, &other, NULL), KODO_EBUSY);
	assert_int_equal(state_lock(&st, "runner.lock", NULL, &other, owner), KODO_OK);
	close(other);
	close(fd);
	assert_string_equal(scratch_read("x/service.lock"), "http://localhost:3366\n");
	assert_int_equal(state_lock(&st, "service.lock", "x", &fd, NULL), KODO_OK);
	assert_string_equal(scratch_read("x/service.lock"), "x\n");
	close(fd);
	assert_int_equal(state_lock(&st, "service.lock", NULL, &fd, NULL), KODO_OK);
	assert_string_equal(scratch_read("x/service.lock"), "x\n");
	close(fd);
	scratch_write("victim", "whole\n");
	assert_int_equal(symlink("../victim", "x/evil.lock"), 0);
	assert_int_equal(state_lock(&st, "evil.lock", "x", &fd, NULL), KODO_EIO);
	assert_string_equal(scratch_read("victim"), "whole\n");
}

/* A query of a lock names its holder, and is never in the way of one who takes it. */
static void
test_lock_owner(void **state)
{
	char owner[2100];
	int fd, fds[2], i, status;
	pid_t pid;

	(void)state;
	assert_int_equal(open_at("x", true), KODO_OK);
	assert_int_equal(state_lock_owner(&st, "service.lock", owner), KODO_ENOTFOUND);
	assert_int_equal(access("x/service.lock", F_OK), -1);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(state_lock(&st, "service.lock", "http://localhost:3366", &fd, NULL),
	    KODO_OK);
	pid = fork();
	if (pid == 0) {
		if (state_lock_owner(&st, "service.lock", owner) != KODO_OK ||
		    strcmp(owner, "http://localhost:3366") != 0)
			_exit(1);
		close(fd);	/* or it would be held on here */
		(void)!write(fds[1], "x", 1);
		for (;;)
			if (state_lock_owner(&st, "service.lock", owner) == KODO_EIO)
				_exit(2);
	}
	close(fds[1]);
	if (read(fds[0], owner, 1) != 1)
		fail_msg("the owner is not found");
	close(fd);
	for (i = 0; i < 2000; i++) {
		assert_int_equal(state_lock(&st, "service.lock", "x", &fd, NULL), KODO_OK);
		close(fd);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(state_lock_owner(&st, "service.lock", owner), KODO_ENOTFOUND);
	close(fds[0]);
}

static void
test_wake(void **state)
{
	struct pollfd p = { .events = POLLIN };
	unsigned i;

	(void)state;
	assert_int_equal(open_at("x", true), KODO_OK);
	assert_int_equal(state_wake(&st), KODO_ENOTFOUND);
	assert_false(state_has_runner(&st));
	assert_int_equal(state_wake_open(&st, &p.fd), KODO_OK);
	assert_true(state_has_runner(&st));
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_true((fcntl(p.fd, F_GETFD) & FD_CLOEXEC) != 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(state_wake(&st), KODO_OK);
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_int_equal(p.revents, POLLIN);
	state_wake_drain(p.fd);
	/* the waker has closed: no end of file */
	assert_int_equal(poll(&p, 1, 0), 0);
	/* a full pipe wakes as well */
	for (i = 0; i < 70000; i++)
		assert_int_equal(state_wake(&st), KODO_OK);
	state_wake_drain(p.fd);
	assert_int_equal(poll(&p, 1, 0), 0);
	close(p.fd);
	assert_int_equal(state_wake(&st), KODO_ENOTFOUND);
	assert_false(state_has_runner(&st));
	assert_int_equal(state_wake_open(&st, &p.fd), KODO_OK);
	assert_true(state_has_runner(&st));
	assert_int_equal(poll(&p, 1, 0), 0);
	assert_int_equal(state_wake(&st), KODO_OK);
	close(p.fd);
}

static void
test_wake_no_fifo(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(open_at("x", true), KODO_OK);
	scratch_write("x/wake", "");
	assert_int_equal(state_wake(&st), KODO_EIO);
	assert_int_equal(state_wake_open(&st, &fd), KODO_EIO);
	assert_int_equal(fd, -1);
	assert_string_equal(scratch_read("x/wake"), "");
}

static void
spawn_script(const char *script, bool keep_stderr)
{
	char sh[] = "/bin/sh", c[] = "-c", *text = arena_strz(scratch.a, str_of(script));
	char *const argv[] = { sh, c, text, NULL };

	assert_int_equal(spawn_detached(sh, argv, keep_stderr, &why), KODO_OK);
}

static void
test_spawn(void **state)
{
	unsigned long long ignored;
	sigset_t term;
	int leak;

	(void)state;
	/*
	 * what a worker may hold: signals blocked and ignored, descriptors that are not
	 * close-on-exec
	 */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	signal(SIGPIPE, SIG_IGN);
	leak = open("/dev/null", O_RDONLY);
	assert_true(leak > 2);
	assert_int_equal(fcntl(leak, F_DUPFD, 200), 200);
	spawn_script("fds=$(ls -l /proc/$$/fd); echo \"$fds\" > tmp; "
	    "while read -r l; do case $l in Sig*) echo \"$l\" >> tmp;; esac; done < "
	    "/proc/$$/status; "
	    "mv tmp done",
	    false);
	wait_for_file("done");
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	signal(SIGPIPE, SIG_DFL);
	close(200);
	close(leak);
	assert_non_null(strstr(scratch_read("done"), " 0 -> /dev/null\n"));
	assert_non_null(strstr(scratch_read("done"), " 1 -> /dev/null\n"));
	assert_non_null(strstr(scratch_read("done"), " 2 -> /dev/null\n"));
	assert_null(strstr(scratch_read("done"), " 200 -> "));
	assert_null(strstr(scratch_read("done"), arena_printf(scratch.a, " %d -> ", leak)));
	assert_non_null(strstr(scratch_read("done"), "SigBlk:\t0000000000000000\n"));
	/* signals 32 and 33 are glibc's own */
	ignored = strtoull(strstr(scratch_read("done"), "SigIgn:") + 7, NULL, 16);
	assert_int_equal(ignored & 0x7fffffffu, 0);
}

static void
test_spawn_session(void **state)
{
	unsigned long pid, sid;
	char *end;

	(void)state;
	spawn_script("echo words >&2; cut -d' ' -f1,6 /proc/$$/stat > tmp; mv tmp done", true);
	wait_for_file("done");
	pid = strtoul(scratch_read("done"), &end, 10);
	sid = strtoul(end, NULL, 10);
	assert_true(pid > 0);
	assert_int_equal(pid, sid);
	assert_non_null(strstr(scratch_read("err"), "words\n"));
}

static void
test_spawn_fails(void **state)
{
	char none[] = "/nonexistent/kodo-reconnect";
	char *const argv[] = { none, NULL };

	(void)state;
	assert_int_equal(spawn_detached(none, argv, false, &why), KODO_EIO);
	assert_string_equal(why.text,
	    "cannot start /nonexistent/kodo-reconnect: No such file or directory");
}

static void
test_spawn_reaps(void **state)
{
	(void)state;
	spawn_script("touch done", false);
	wait_for_file("done");
	wait_ms(100);
	spawn_reap();
	/* no zombie is left */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void
test_key(void **state)
{
	char one[33], two[33];

	(void)state;
	assert_int_equal(open_at("x", true), KODO_OK);
	umask(0);
	assert_int_equal(state_key(&st, one), KODO_OK);
	umask(022);
	assert_int_equal(strlen(one), 32);
	assert_int_equal(strspn(one, "0123456789abcdef"), 32);
	assert_int_equal(state_key(&st, two), KODO_OK);
	assert_string_equal(one, two);
	assert_int_equal(scratch_mode("x/key"), 0600);
	assert_int_equal(unlink("x/key"), 0);
	assert_int_equal(chmod("x", 02770), 0);
	assert_int_equal(open_at("x", true), KODO_OK);
	assert_int_equal(state_key(&st, two), KODO_OK);
	assert_string_not_equal(one, two);
	assert_int_equal(scratch_mode("x/key"), 0640);
	scratch_write("x/key", "short\n");
	assert_int_equal(state_key(&st, one), KODO_ECORRUPT);
	assert_string_equal(one, "");
}

/* Processes that make it at the same moment end up with the same one. */
static void
test_key_race(void **state)
{
	char keys[8][33];
	int ends[2], go[2];
	unsigned round, i;

	(void)state;
	assert_int_equal(open_at("x", true), KODO_OK);
	for (round = 0; round < 20; round++) {
		(void)unlink("x/key");
		assert_int_equal(pipe(ends) + pipe(go), 0);
		for (i = 0; i < 8; i++) {
			if (fork() != 0)
				continue;
			close(go[1]);
			_exit(read(go[0], keys[0], 1) != 0 || state_key(&st, keys[0]) != KODO_OK ||
			    write(ends[1], keys[0], 33) != 33);
		}
		close(go[0]);
		close(go[1]);
		for (i = 0; i < 8; i++) {
			assert_int_equal(read(ends[0], keys[i], 33), 33);
			assert_string_equal(keys[0], keys[i]);
			assert_true(wait(NULL) > 0);
		}
		close(ends[0]);
		close(ends[1]);
	}
}

static void
test_boot_id(void **state)
{
	char one[64], two[64];

	(void)state;
	state_boot_id(one);
	state_boot_id(two);
	assert_string_equal(one, two);
	assert_int_equal(strlen(one), has_file("/proc/sys/kernel/random/boot_id") ? 36 : 0);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

static void
test_boots_seen(void **state)
{
	char one[STATE_BOOTS_BYTES], two[STATE_BOOTS_BYTES], id[STATE_BOOT_BYTES];
	struct str seen = STR_NULL;
	unsigned i;

	(void)state;
	assert_false(state_boot_is_seen(seen, "a-1"));
	assert_true(state_boot_is_seen(seen, ""));	/* which nobody can say */
	seen = state_boot_note(seen, "a-1", one);
	seen = state_boot_note(seen, "b-2", two);
	assert_true(state_boot_is_seen(seen, "a-1") && state_boot_is_seen(seen, "b-2"));
	assert_true(str_eq(state_boot_note(seen, "", one), seen));
	assert_true(str_eq(state_boot_note(seen, "a-1", one), seen));
	for (i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "01234567-89ab-cdef-0123-4567890000%02u", i);
		seen = state_boot_note(seen, id, i % 2 == 0 ? one : two);
		assert_true(seen.len < STATE_BOOTS_BYTES && state_boot_is_seen(seen, id));
	}
	assert_false(state_boot_is_seen(seen, "a-1"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_paths),
		TEST(test_open_makes),
		TEST(test_open_group),
		TEST(test_open_refuses),
		TEST(test_open_not_ours),
		TEST(test_network),
		TEST(test_lock),
		TEST(test_lock_owner),
		TEST(test_wake),
		TEST(test_wake_no_fifo),
		TEST(test_spawn),
		TEST(test_spawn_session),
		TEST(test_spawn_fails),
		TEST(test_spawn_reaps),
		TEST(test_key),
		TEST(test_key_race),
		TEST(test_boot_id),
		TEST(test_boots_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
