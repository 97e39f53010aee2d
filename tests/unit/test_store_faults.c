/*
 * The store on a machine that fails: disks that are full or refuse a write, limits, files that were
 * cut off. What LMDB asks of the system comes by the functions here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "core/storage/store.h"
#include "scratch.h"

static struct state state;

/* --- the system, of which LMDB asks writes --- */

static struct {
	int meta_errno;		/* writes of a meta page, which is small, fail with it */
	int64_t room;		/* bytes that may still be written; -1: any number */
	int full_errno;		/* and then */
} disk;

ssize_t fault_pwrite(int fd, const void *p, size_t n, off_t at) __asm__("pwrite");
ssize_t fault_writev(int fd, const struct iovec *v, int n) __asm__("writev");

static ssize_t
granted(size_t n)
{
	if (disk.room < 0)
		return (ssize_t)n;
	if (disk.room == 0) {
		errno = disk.full_errno;
		return -1;
	}
	n = (int64_t)n > disk.room ? (size_t)disk.room : n;
	disk.room -= (int64_t)n;
	return (ssize_t)n;
}

ssize_t
fault_pwrite(int fd, const void *p, size_t n, off_t at)
{
	ssize_t may = granted(n);

	if (disk.meta_errno != 0 && n < 512) {
		errno = disk.meta_errno;
		return -1;
	}
	return may < 0 ? -1 : syscall(SYS_pwrite64, fd, p, (size_t)may, at);
}

ssize_t
fault_writev(int fd, const struct iovec *v, int n)
{
	ssize_t may, done = 0, got;
	size_t all = 0;
	int i;

	for (i = 0; i < n; i++)
		all += v[i].iov_len;
	may = granted(all);
	for (i = 0; i < n && done < may; i++) {
		size_t part = v[i].iov_len;

		part = part > (size_t)(may - done) ? (size_t)(may - done) : part;
		got = write(fd, v[i].iov_base, part);
		if (got < 0)
			return -1;
		done += got;
	}
	return may < 0 ? -1 : done;
}

static int
setup(void **unused)
{
	disk.meta_errno = 0;
	disk.room = -1;
	disk.full_errno = ENOSPC;
	return scratch_setup(unused);
}

/* --- helpers --- */

static struct why why;

static enum kodo_err
try_open(bool create, struct store **st)
{
	why.text[0] = '\0';
	*st = NULL;
	if (state_open(&state, str_of(scratch_path("s")), create, &why) != KODO_OK)
		return KODO_EIO;
	return store_open(&state, create, (uint64_t)4 << 30, &why, st);
}

static struct store *
open_store(bool create)
{
	struct store *st;
	enum kodo_err err = try_open(create, &st);

	if (err != KODO_OK)
		scratch_fail("%s: %s", kodo_err_text(err), why.text);
	return st;
}

struct put {
	unsigned first, n;	/* values */
	size_t bytes;		/* each */
};

static enum kodo_err
put_fn(struct txn *t, void *arg)
{
	static char text[1 << 20];
	const struct put *put = arg;
	enum kodo_err err = KODO_OK;
	unsigned char kb[4];
	unsigned i;

	for (i = 0; i < put->n && err == KODO_OK; i++)
		err = store_put(
		    t, T_NODE, key_u32(kb, put->first + i), (struct str){ text, put->bytes });
	return err;
}

static enum kodo_err
put(struct store *st, unsigned n, size_t bytes)
{
	struct put what = { 0, n, bytes };

	return store_write(st, put_fn, &what);
}

static uint64_t
count(struct store *st)
{
	struct store_stat stat;

	if (store_stat(st, &stat) != KODO_OK)
		return UINT64_MAX;
	return stat.entries[T_NODE];
}

/* In a process of its own, which has limits, or dies. */
static int
in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* --- tests --- */

/* After a failed write of a meta page LMDB says MDB_PANIC for ever. */
static void
test_failed_meta_page(void **unused)
{
	static const struct {
		int failed;
		enum kodo_err err;
	} rows[] = { { EIO, KODO_EIO }, { EDQUOT, KODO_EFULL }, { ENOSPC, KODO_EFULL } };
	struct store *st = open_store(true);
	size_t i;

	(void)unused;
	assert_int_equal(put(st, 1, 100), KODO_OK);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		disk.meta_errno = rows[i].failed;
		assert_int_equal(put(st, 5, 100), rows[i].err);
		/* it still fails, and so does what comes after */
		assert_int_equal(put(st, 5, 100), rows[i].err);
		assert_int_equal(count(st), 1);
		disk.meta_errno = 0;
		assert_int_equal(put(st, 1, 100), KODO_OK);
		assert_int_equal(count(st), 1);
	}
	assert_int_equal(put(st, 7, 100), KODO_OK);
	store_close(st);
	st = open_store(false);
	assert_int_equal(count(st), 7);
	store_close(st);
}

/* LMDB makes EIO of a short write. */
static void
test_full_at_each_step(void **unused)
{
	static const int full[] = { ENOSPC, EDQUOT, EFBIG };
	struct store *st = open_store(true);
	int64_t room;
	unsigned i = 0;

	(void)unused;
	assert_int_equal(put(st, 1, 100), KODO_OK);
	for (room = 0; room < 600000; room += room < 40000 ? 1000 : 50000, i++) {
		disk.room = room;
		disk.full_errno = full[i % 3];
		assert_int_equal(put(st, 30, 20000), KODO_EFULL);
		disk.room = -1;
		assert_int_equal(count(st), 1);
	}
	assert_non_null(strstr(scratch_read("err"), "the disk is full: free some space"));
	assert_non_null(strstr(scratch_read("err"), "ulimit -f"));
	assert_non_null(strstr(scratch_read("err"), "quota"));
	assert_int_equal(put(st, 30, 20000), KODO_OK);
	store_close(st);
}

/* A full disk is no reason to make the map larger. */
static void
test_full_disk_leaves_the_map(void **unused)
{
	struct store *st = open_store(true);
	struct store_stat stat;

	(void)unused;
	disk.room = 100000;
	assert_int_equal(put(st, 30, 20000), KODO_EFULL);
	disk.room = -1;
	assert_int_equal(store_stat(st, &stat), KODO_OK);
	assert_int_equal(stat.map_bytes, (uint64_t)64 << 20);
	store_close(st);
}

/* A first start that finds no room, at each step of it; the next one makes what is missing. */
static void
test_full_at_first_start(void **unused)
{
	struct store *st;
	int64_t room;

	(void)unused;
	for (room = 0; room < 60000; room += 1000) {
		disk.room = room;
		if (try_open(true, &st) == KODO_OK)
			break;
		disk.room = -1;
		st = open_store(true);
		assert_int_equal(put(st, 3, 100), KODO_OK);
		store_close(st);
		unlink("s/data.mdb");
		unlink("s/lock.mdb");
	}
	assert_true(room > 8192);
	store_close(st);
}

/* What a power cut leaves of the first write. A state that tells of commits is not thrown away. */
static void
test_half_of_a_first_write(void **unused)
{
	struct store *st = open_store(true);
	static char good[8192], zero[8192];
	static const off_t sizes[] = { 1, 100, 4096, 5000, 8191 };
	size_t i;
	int fd;

	(void)unused;
	assert_int_equal(put(st, 1, 100), KODO_OK);
	store_close(st);
	fd = open("s/data.mdb", O_RDWR);
	assert_int_equal(pread(fd, good, sizeof(good), 0), sizeof(good));
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(try_open(true, &st), KODO_ECORRUPT);
	memset(good + 16 + 128, 0, 8);		/* the number of the last commit */
	memset(good + 4096 + 16 + 128, 0, 8);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const char *text = i % 2 == 0 ? good : zero;

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, text, (size_t)sizes[i], 0), sizes[i]);
		assert_int_equal(try_open(false, &st), KODO_ECORRUPT);
		assert_non_null(strstr(why.text, "makes it anew"));
		st = open_store(true);
		assert_int_equal(put(st, 2, 100), KODO_OK);
		store_close(st);
	}
	close(fd);
}

static int
grow_with_little_address_space(void)
{
	struct store *st = open_store(false);
	struct put one = { .n = 1, .bytes = (size_t)1 << 20 }, more = { 1000, 60, one.bytes };
	struct rlimit limit;
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	enum kodo_err err = KODO_OK;

	if (f == NULL || fscanf(f, "%lu", &pages) != 1)
		return 10;
	fclose(f);
	limit.rlim_cur = limit.rlim_max = pages * 4096 + ((rlim_t)60 << 20);
	if (setrlimit(RLIMIT_AS, &limit) != 0)
		return 11;
	/* 64 MiB cannot double; a part of it can be had */
	for (; (err = store_write(st, put_fn, &one)) == KODO_OK && one.first < 200; one.first++)
		;
	if (err != KODO_EFULL || one.first <= 64 || count(st) != one.first)
		return 12;
	/* and it still serves */
	if (store_write(st, put_fn, &more) == KODO_OK || count(st) != one.first ||
	    put(st, 1, 100) != KODO_OK)
		return 13;
	store_close(st);
	return strstr(scratch_read("err"), "ulimit -v") != NULL ? 0 : 14;
}

static void
test_limit_of_address_space(void **unused)
{
	(void)unused;
#if defined(__SANITIZE_ADDRESS__)
	skip();
#endif
	store_close(open_store(true));
	assert_int_equal(in_child(grow_with_little_address_space), 0);
}

/* Another process has made the map larger than this one may. */
static int
follow_with_little_address_space(void)
{
	struct rlimit limit = { .rlim_cur = RLIM_INFINITY };
	struct store *st = open_store(false);
	int i;

	while (access("grown", F_OK) != 0)
		usleep(1000);
	limit.rlim_cur = limit.rlim_max = (rlim_t)128 << 20;
	if (setrlimit(RLIMIT_AS, &limit) != 0)
		return 11;
	for (i = 0; i < 3; i++)
		if (count(st) != UINT64_MAX || put(st, 1, 100) != KODO_ENOMEM)
			return 12;
	store_close(st);
	return 0;
}

static void
test_grown_by_another_beyond_the_limit(void **unused)
{
	struct store *st;
	int status;
	pid_t pid;

	(void)unused;
#if defined(__SANITIZE_ADDRESS__)
	skip();
#endif
	store_close(open_store(true));
	pid = fork();
	if (pid == 0)
		_exit(follow_with_little_address_space());
	st = open_store(false);
	assert_int_equal(put(st, 200, (size_t)1 << 20), KODO_OK);
	close(open("grown", O_CREAT | O_WRONLY, 0600));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	store_close(st);
}

static void
test_cut_off(void **unused)
{
	struct store *st = open_store(true);
	struct stat sb;

	(void)unused;
	assert_int_equal(put(st, 100, 3000), KODO_OK);
	store_close(st);
	assert_int_equal(stat("s/data.mdb", &sb), 0);
	assert_int_equal(truncate("s/data.mdb", sb.st_size / 2), 0);
	assert_int_equal(try_open(true, &st), KODO_ECORRUPT);
	assert_non_null(strstr(why.text, "shorter than what it should hold; restore a backup"));
}

static enum kodo_err
take_and_give_back(struct txn *t, void *arg)
{
	static char large[1 << 20];
	enum kodo_err err = put_fn(t, arg);	/* into pages that are free */

	if (err == KODO_OK)
		err = store_put(t, T_OUT, STR("large"), (struct str){ large, sizeof(large) });
	return err == KODO_OK ? store_del(t, T_OUT, STR("large")) : err;
}

/* LMDB does not write what a transaction took at the end and gave back: that is no damage. */
static void
test_last_pages_never_written(void **unused)
{
	struct store *st = open_store(true);
	struct put some = { 0, 50, 3000 };
	struct store_stat stat;
	unsigned i;

	(void)unused;
	for (i = 0; i < 5; i++)
		assert_int_equal(store_write(st, put_fn, &some), KODO_OK);
	some.n = 3;
	assert_int_equal(store_write(st, take_and_give_back, &some), KODO_OK);
	assert_int_equal(store_stat(st, &stat), KODO_OK);
	store_close(st);
	assert_true(stat.file_bytes < stat.used_bytes);	/* or this tests nothing */
	st = open_store(true);
	assert_int_equal(put(st, 50, 100), KODO_OK);
	store_close(st);
	/* what is missing beyond them is damage */
	assert_int_equal(truncate("s/data.mdb", 8192), 0);
	assert_int_equal(try_open(true, &st), KODO_ECORRUPT);
}

static int
read_while_it_is_cut_off(void)
{
	struct store *st;

	signal(SIGBUS, SIG_DFL);	/* cmocka has a handler of its own */
	st = open_store(false);

	if (count(st) != 3000 || truncate("s/data.mdb", 8192) != 0)
		return 1;
	return put(st, 3000, 3000) == KODO_OK ? 2 : 3;
}

static void
test_cut_off_while_open(void **unused)
{
	struct store *st;

	(void)unused;
#if defined(__SANITIZE_ADDRESS__)
	skip();
#endif
	st = open_store(true);
	assert_int_equal(put(st, 3000, 3000), KODO_OK);
	store_close(st);
	assert_int_equal(in_child(read_while_it_is_cut_off), STORE_DAMAGE_STATUS);
	assert_non_null(strstr(scratch_read("err"), "data.mdb is damaged, or its disk fails"));
}

static void
test_planted_links(void **unused)
{
	static const char *const names[] = { "s/lock.mdb", "s/data.mdb", "s/write.lock" };
	struct store *st = open_store(true);
	size_t i;

	(void)unused;
	store_close(st);
	scratch_write("precious", "kept");
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(rename(names[i], "away"), 0);
		assert_int_equal(symlink(scratch_path("precious"), names[i]), 0);
		assert_int_equal(try_open(true, &st), KODO_EIO);
		assert_non_null(strstr(why.text, "is a symbolic link; remove it"));
		assert_string_equal(scratch_read("precious"), "kept");
		assert_int_equal(rename("away", names[i]), 0);
	}
	store_close(open_store(true));
}

/* --- a writer that is stopped --- */

static int
begin_writing(void)
{
	struct store *st = open_store(false);
	struct txn t;
	enum kodo_err err = store_begin(st, STORE_WRITE, &t);

	if (err == KODO_OK)
		err = store_end(&t, KODO_OK);
	store_close(st);
	return (int)err;
}

/* One waits for it, the others are soon free for other requests, and later ones at once. */
static void
test_few_wait_for_a_stopped_writer(void **unused)
{
	unsigned i, n_busy = 0;
	int fd, status;
	time_t begun;
	pid_t pid;

	(void)unused;
	store_close(open_store(true));
	fd = open("s/write.lock", O_RDWR);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	for (i = 0; i < 6; i++)
		if (fork() == 0)
			_exit(begin_writing());
	begun = time(NULL);
	while (n_busy < 5 && (pid = wait(&status)) > 0)
		n_busy += WIFEXITED(status) && WEXITSTATUS(status) == KODO_EBUSY;
	assert_int_equal(n_busy, 5);
	assert_true(time(NULL) - begun <= 5);
	sleep(1);
	begun = time(NULL);
	assert_int_equal(in_child(begin_writing), KODO_EBUSY);
	assert_true(time(NULL) - begun <= 1);
	/* it goes on, and so does the one that waits */
	assert_int_equal(flock(fd, LOCK_UN), 0);
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	assert_int_equal(in_child(begin_writing), KODO_OK);
	close(fd);
}

static int
use_what_is_read_only(void)
{
	struct store *st;

	if (geteuid() == 0 && setuid(65534) != 0)
		return 1;
	st = open_store(false);
	if (count(st) != 1 || put(st, 2, 100) != KODO_EIO || count(st) != 1)
		return 2;
	if (strstr(scratch_read("err"), "read-only") == NULL)
		return 3;
	/* and from the moment that it may be written */
	if (chmod("s", 0700) != 0 || chmod("s/data.mdb", 0600) != 0 ||
	    chmod("s/lock.mdb", 0600) != 0 || put(st, 2, 100) != KODO_OK || count(st) != 2)
		return 4;
	store_close(st);
	return 0;
}

static void
test_read_only(void **unused)
{
	static const char *const names[] = { "s/data.mdb", "s/lock.mdb", "s/write.lock", "s", "." };
	struct store *st = open_store(true);
	size_t i;

	(void)unused;
	assert_int_equal(put(st, 1, 100), KODO_OK);
	store_close(st);
	for (i = 0; geteuid() == 0 && i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(chown(names[i], 65534, 65534), 0);
	assert_int_equal(chmod("s/data.mdb", 0400) | chmod("s/lock.mdb", 0400), 0);
	assert_int_equal(chmod("s", 0500) | chmod("err", 0666), 0);
	assert_int_equal(in_child(use_what_is_read_only), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_failed_meta_page, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_full_at_each_step, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
		    test_full_disk_leaves_the_map, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_full_at_first_start, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
		    test_half_of_a_first_write, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
		    test_limit_of_address_space, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
		    test_grown_by_another_beyond_the_limit, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_cut_off, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
		    test_last_pages_never_written, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_cut_off_while_open, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_planted_links, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(
		    test_few_wait_for_a_stopped_writer, setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_read_only, setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
