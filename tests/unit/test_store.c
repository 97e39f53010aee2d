/*
 * The store by itself: scopes, cursors, growth of the map, formats, readers that died, writers that
 * stopped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "core/storage/store.h"
#include "scratch.h"

static struct state state;

/* Two processes that take turns: a file says how far one of them is. */
static void
flag_set(const char *name)
{
	close(open(name, O_CREAT | O_WRONLY, 0600));
}

static void
flag_await(const char *name)
{
	while (access(name, F_OK) != 0)
		usleep(1000);
}

static struct store *
open_store(bool create)
{
	struct why why = { "" };
	struct store *st;

	assert_int_equal(state_open(&state, str_of(scratch_path("s")), create, &why), KODO_OK);
	assert_int_equal(store_open(&state, create, (uint64_t)1 << 30, &why, &st), KODO_OK);
	return st;
}

static void
put(struct txn *t, const char *key, const char *value)
{
	assert_int_equal(store_put(t, T_META, str_of(key), str_of(value)), KODO_OK);
}

static void
check_value(struct store *st, const char *key, const char *want)
{
	struct txn t;
	struct str v;
	enum kodo_err err;

	assert_int_equal(store_begin(st, STORE_READ, &t), KODO_OK);
	err = store_get(&t, T_META, str_of(key), &v);
	if (want == NULL)
		assert_int_equal(err, KODO_ENOTFOUND);
	else
		assert_true(err == KODO_OK && str_eq(v, str_of(want)));
	assert_int_equal(store_end(&t, KODO_OK), KODO_OK);
}

static void
test_scopes(void **unused)
{
	struct store *st = open_store(true);
	struct txn t;

	(void)unused;
	assert_int_equal(store_begin(st, STORE_WRITE, &t), KODO_OK);
	put(&t, "kept", "1");
	assert_int_equal(store_end(&t, KODO_OK), KODO_OK);
	assert_int_equal(store_begin(st, STORE_WRITE, &t), KODO_OK);
	put(&t, "dropped", "1");
	assert_int_equal(store_end(&t, KODO_EINVAL), KODO_EINVAL);
	check_value(st, "kept", "1");
	check_value(st, "dropped", NULL);
	store_close(st);
	st = open_store(false);
	check_value(st, "kept", "1");
	store_close(st);
}

static void
test_missing_state(void **unused)
{
	struct why why = { "" };
	struct store *st;

	(void)unused;
	assert_int_equal(state_open(&state, str_of(scratch_path("s")), true, &why), KODO_OK);
	assert_int_equal(store_open(&state, false, 0, &why, &st), KODO_ENOTFOUND);
	assert_null(st);
	assert_non_null(strstr(why.text, "no registry there"));
}

static void
test_scans(void **unused)
{
	static const uint32_t ids[] = { 7, 1, 300, 70000, 2 }, sorted[] = { 1, 2, 7, 300, 70000 };
	struct store *st = open_store(true);
	unsigned char kb[4];
	struct scan s;
	struct str k, v;
	struct txn t;
	size_t i;

	(void)unused;
	assert_int_equal(store_begin(st, STORE_WRITE, &t), KODO_OK);
	for (i = 0; i < 5; i++)
		assert_int_equal(store_put(&t, T_PEER, key_u32(kb, ids[i]), STR("x")), KODO_OK);
	s = scan_prefix(&t, T_PEER, STR_NULL);
	for (i = 0; scan_next(&s); i++)
		assert_int_equal(get_be32(s.k.p), sorted[i]);
	assert_int_equal(i, 5);
	assert_false(scan_next(&s)); /* it stays at its end */
	assert_int_equal(scan_end(&s), KODO_OK);
	s = scan_back(&t, T_PEER);
	for (i = 5; scan_next(&s); i--)
		assert_int_equal(get_be32(s.k.p), sorted[i - 1]);
	assert_int_equal(i, 0);
	assert_false(scan_next(&s));
	assert_int_equal(scan_end(&s), KODO_OK);
	s = scan_back(&t, T_NODE); /* empty */
	assert_false(scan_next(&s));
	assert_int_equal(scan_end(&s), KODO_OK);
	/* from a key that is not there, over all behind it, and below a prefix only */
	assert_int_equal(scan_first(scan_from(&t, T_PEER, key_u32(kb, 8), 0), &k, &v), KODO_OK);
	assert_int_equal(get_be32(k.p), 300);
	assert_int_equal(
	    scan_first(scan_from(&t, T_PEER, key_u32(kb, 70001), 0), &k, &v), KODO_ENOTFOUND);
	assert_int_equal(
	    scan_first(scan_from(&t, T_PEER, key_u32(kb, 8), 4), &k, &v), KODO_ENOTFOUND);
	s = scan_prefix(&t, T_PEER, (struct str){ "\0\0\1", 3 });
	assert_true(scan_next(&s));
	assert_int_equal(get_be32(s.k.p), 300);
	assert_false(scan_next(&s));
	assert_int_equal(scan_end(&s), KODO_OK);
	/* an error ends it, and stays */
	s = scan_prefix(&t, T_PEER, STR_NULL);
	assert_true(scan_next(&s));
	s.err = KODO_ENOTFOUND;
	assert_false(scan_next(&s));
	assert_int_equal(scan_end(&s), KODO_ENOTFOUND);
	assert_int_equal(store_del(&t, T_PEER, key_u32(kb, 7)), KODO_OK);
	assert_int_equal(store_del(&t, T_PEER, key_u32(kb, 7)), KODO_OK);	/* was not there */
	assert_int_equal(store_get(&t, T_PEER, key_u32(kb, 7), &v), KODO_ENOTFOUND);
	assert_int_equal(store_end(&t, KODO_OK), KODO_OK);
	store_close(st);
}

#define BIG_BYTES	((size_t)1 << 20)

static unsigned tries;

/* More than the 64 MiB that a map has at first. */
static enum kodo_err
fill(struct txn *t, void *arg)
{
	const unsigned *n = arg;
	static char big[BIG_BYTES];
	unsigned char kb[4];
	enum kodo_err err = KODO_OK;
	unsigned i;

	tries++;
	for (i = 0; i < *n && err == KODO_OK; i++)
		err = store_put(t, T_NODE, key_u32(kb, i), (struct str){ big, sizeof(big) });
	return err;
}

/* --- gets, puts and dels in any order: a write transaction looks from where it was last --- */

#define KEYS 3000u

static struct {
	uint32_t len[KEYS]; /* of its value, and 1; 0: there is none */
	unsigned seed;
} model;

static unsigned
draw(unsigned below)
{
	model.seed = model.seed * 1103515245u + 12345u;
	return (model.seed >> 8) % below;
}

static void
model_put(struct txn *t, uint32_t key)
{
	static const unsigned sizes[] = { 1, 20, 300, 3000, 9000 };
	static char bytes[9000];
	const uint32_t len = draw(sizes[draw(5)]);
	unsigned char kb[4];

	memset(bytes, (int)(key + len), len);
	assert_int_equal(
	    store_put(t, T_PEER, key_u32(kb, key), (struct str){ bytes, len }), KODO_OK);
	model.len[key] = len + 1;
}

static void
model_get(struct txn *t, uint32_t key)
{
	unsigned char kb[4];
	struct str v;

	if (model.len[key] == 0) {
		assert_int_equal(store_get(t, T_PEER, key_u32(kb, key), &v), KODO_ENOTFOUND);
		return;
	}
	assert_int_equal(store_get(t, T_PEER, key_u32(kb, key), &v), KODO_OK);
	assert_int_equal(v.len + 1, model.len[key]);
	assert_true(v.len == 0 ||
	    (v.p[0] == (char)(key + v.len) && v.p[v.len - 1] == (char)(key + v.len)));
}

static void
model_del(struct txn *t, uint32_t key)
{
	unsigned char kb[4];

	assert_int_equal(store_del(t, T_PEER, key_u32(kb, key)), KODO_OK);
	model.len[key] = 0;
}

/* All keys that are like it but for the last byte. */
static void
model_del_under(struct txn *t, uint32_t key)
{
	unsigned char kb[4];
	uint32_t i;

	key_u32(kb, key);
	assert_int_equal(
	    store_del_under(t, T_PEER, (struct str){ (const char *)kb, 3 }), KODO_OK);
	for (i = key & ~255u; i < KEYS && i <= (key | 255u); i++)
		model.len[i] = 0;
}

static void
model_compare(struct txn *t)
{
	struct scan s = scan_prefix(t, T_PEER, STR_NULL);
	uint32_t key = 0;

	while (scan_next(&s)) {
		for (; key < KEYS && model.len[key] == 0; key++)
			;
		assert_true(key < KEYS);
		assert_int_equal(get_be32(s.k.p), key);
		assert_int_equal(s.v.len + 1, model.len[key++]);
	}
	assert_int_equal(scan_end(&s), KODO_OK);
	for (; key < KEYS; key++)
		assert_int_equal(model.len[key], 0);
}

static void
test_random_access(void **unused)
{
	static void (*const steps[])(struct txn *t, uint32_t key) = { model_put, model_put,
		model_put, model_get, model_get, model_del };
	struct store *st = open_store(true);
	unsigned round, i, n;
	struct txn t;

	(void)unused;
	memset(&model, 0, sizeof(model));
	for (round = 0; round < 60; round++) {
		assert_int_equal(store_begin(st, STORE_WRITE, &t), KODO_OK);
		for (i = 0; i < 40; i++) {
			/* runs of keys, up or alone, of one kind or mixed */
			uint32_t key = draw(KEYS);
			const unsigned kind = draw(8);

			for (n = draw(2) * draw(100); n-- > 0 && key < KEYS; key++)
				steps[kind < 6 ? kind : draw(6)](&t, key);
			if (draw(40) == 0)
				model_del_under(&t, draw(KEYS));
			model_get(&t, draw(KEYS));
		}
		model_compare(&t);
		assert_int_equal(store_end(&t, KODO_OK), KODO_OK);
	}
	store_close(st);
}

static void
test_map_grows_to_its_ceiling(void **unused)
{
	struct store *st = open_store(true), *other;
	struct store_stat stat;
	struct why why = { "" };
	unsigned n = 150;

	(void)unused;
	tries = 0;
	assert_int_equal(store_write(st, fill, &n), KODO_OK);
	assert_true(tries > 1);
	assert_int_equal(store_stat(st, &stat), KODO_OK);
	assert_int_equal(stat.entries[T_NODE], 150);
	store_set_map_max(st, (uint64_t)256 << 20);
	n = 400;
	assert_int_equal(store_write(st, fill, &n), KODO_EFULL);
	assert_int_equal(store_stat(st, &stat), KODO_OK);
	assert_int_equal(stat.entries[T_NODE], 150);	/* nothing half written */
	store_close(st);
	/* who opens it later finds the size in the file */
	assert_int_equal(store_open(&state, false, 0, &why, &other), KODO_OK);
	assert_int_equal(store_stat(other, &stat), KODO_OK);
	assert_int_equal(stat.entries[T_NODE], 150);
	assert_int_equal(stat.map_bytes, (uint64_t)256 << 20);
	store_close(other);
}

/* Another process makes the map larger: this one sees MDB_MAP_RESIZED and goes on. */
static void
test_map_grown_by_another_process(void **unused)
{
	struct store *st;
	unsigned n = 150;
	int status;
	pid_t pid;

	(void)unused;
	store_close(open_store(true));
	pid = fork();
	if (pid == 0) {
		flag_await("open");
		st = open_store(false);
		_exit(store_write(st, fill, &n) == KODO_OK ? 0 : 1);
	}
	st = open_store(false);
	check_value(st, "nothing", NULL);
	flag_set("open");	/* with the first size */
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	check_value(st, "nothing", NULL);
	n = 160;
	assert_int_equal(store_write(st, fill, &n), KODO_OK);
	store_close(st);
}

static void
make_store_of_another_format(const char *format)
{
	struct store *st = open_store(true);
	struct txn t;

	assert_int_equal(store_begin(st, STORE_WRITE, &t), KODO_OK);
	put(&t, "format", format);
	assert_int_equal(store_end(&t, KODO_OK), KODO_OK);
	store_close(st);
}

static void
test_other_format_is_refused(void **unused)
{
	struct why why = { "" };
	struct store *st;

	(void)unused;
	make_store_of_another_format("\x01\x02\x03");
	assert_int_equal(store_open(&state, true, 0, &why, &st), KODO_EVERSION);
	assert_non_null(strstr(why.text, "newer than this program"));
	assert_non_null(strstr(why.text, "kodo restore"));
}

/* LMDB's own version, in the second meta page: nothing to be upgraded, and no crash. */
static void
test_other_lmdb_is_refused(void **unused)
{
	const uint32_t version = 2;
	struct why why = { "" };
	struct store *st;
	int fd;

	(void)unused;
	store_close(open_store(true));
	fd = open(scratch_path("s/data.mdb"), O_RDWR);
	assert_int_equal(pwrite(fd, &version, sizeof(version), sysconf(_SC_PAGESIZE) + 20), 4);
	close(fd);
	assert_int_equal(store_open(&state, STORE_MAKE, 0, &why, &st), KODO_EVERSION);
	assert_non_null(strstr(why.text, "another version of LMDB"));
	assert_int_equal(store_open_raw(&state, &why, &st), KODO_EVERSION);
}

/* In LMDB's file the table gets a name that nobody asks for, in the same place of the order. */
static void
table_hide(const char *name, const char *hidden)
{
	static char file[1 << 20];
	int fd = open(scratch_path("s/data.mdb"), O_RDWR);
	ssize_t n = read(fd, file, sizeof(file));
	char *at = file;
	unsigned found = 0;

	assert_true(n > 0);
	while ((at = memmem(at, (size_t)(file + n - at), name, strlen(name))) != NULL) {
		memcpy(at, hidden, strlen(name));
		found++;
	}
	assert_true(found > 0);
	assert_int_equal(pwrite(fd, file, (size_t)n, 0), n);
	close(fd);
}

/* An older program had fewer tables: the message names the format, not the missing table. */
static void
test_older_format_has_fewer_tables(void **unused)
{
	struct why why = { "" };
	struct store *st;

	(void)unused;
	make_store_of_another_format("\x65");
	table_hide("part", "pbrt");
	assert_int_equal(store_open(&state, true, 0, &why, &st), KODO_EVERSION);
	assert_non_null(strstr(why.text, "kodo export"));
	assert_int_equal(store_open(&state, false, 0, &why, &st), KODO_EVERSION);
}

/* While another process has it open, or LMDB would begin with a new table of readers. */
static void
test_dead_reader_is_cleared(void **unused)
{
	struct store *st;
	struct store_stat stat;
	struct txn t;
	int status;
	pid_t pid, other;

	(void)unused;
	store_close(open_store(true));
	other = fork();
	if (other == 0) {
		st = open_store(false);
		flag_set("open");
		flag_await("seen");
		_exit(0);
	}
	flag_await("open");
	pid = fork();
	if (pid == 0) {
		st = open_store(false);
		if (store_begin(st, STORE_READ, &t) == KODO_OK)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	st = open_store(false);	/* clears it */
	assert_int_equal(store_stat(st, &stat), KODO_OK);
	flag_set("seen");
	assert_int_equal(waitpid(other, &status, 0), other);
	assert_int_equal(stat.readers_cleared, 0);
	store_close(st);
}

/* A writer waits for the lock of another; that lock goes with its process. */
static void
test_writers_take_turns(void **unused)
{
	struct store *st;
	struct txn t;
	char path[4096];
	int fd, status;
	pid_t pid;

	(void)unused;
	store_close(open_store(true));
	pid = fork();
	if (pid == 0) {
		assert_int_equal(state_file(&state, "write.lock", path), KODO_OK);
		fd = open(path, O_RDWR);
		flock(fd, LOCK_EX);
		flag_set("held");
		usleep(300000);
		flag_set("ending");
		_exit(0);
	}
	flag_await("held");
	st = open_store(false);
	assert_int_equal(store_begin(st, STORE_WRITE, &t), KODO_OK);
	assert_int_equal(access("ending", F_OK), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(store_end(&t, KODO_OK), KODO_OK);
	store_close(st);
}

/* While a lost alarm is tried, times are shortened, and the first alarm comes too early. */
static bool is_alarm_lost;

static struct timeval
shortened(const struct timeval *t)
{
	return (struct timeval){ 0, t->tv_sec * 10000 + t->tv_usec / 100 };
}

int
setitimer(__itimer_which_t which, const struct itimerval *value, struct itimerval *old)
{
	struct itimerval one = *value;

	if (is_alarm_lost) {
		one.it_value = shortened(&value->it_value);
		one.it_interval = shortened(&value->it_interval);
	}
	return (int)syscall(SYS_setitimer, which, &one, old);
}

int
flock(int fd, int operation)
{
	if (is_alarm_lost && operation == LOCK_EX)
		pause();	/* until the alarm has come */
	return (int)syscall(SYS_flock, fd, operation);
}

static void
test_alarm_before_the_wait_is_not_the_last(void **unused)
{
	struct store *st;
	struct txn t;
	char path[4096];
	int fd, status;
	pid_t pid;

	(void)unused;
	st = open_store(true);
	assert_int_equal(state_file(&state, "write.lock", path), KODO_OK);
	fd = open(path, O_RDWR);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	pid = fork();
	if (pid == 0) {
		is_alarm_lost = true;
		_exit((int)store_begin(st, STORE_WRITE, &t));
	}
	for (int i = 0; i < 500 && waitpid(pid, &status, WNOHANG) == 0; i++)
		usleep(10000);
	if (kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid)
		fail_msg("it waits for ever");
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), KODO_EBUSY);
	close(fd);
	store_close(st);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, scratch_setup, scratch_teardown)
	const struct CMUnitTest tests[] = {
		T(test_scopes),
		T(test_missing_state),
		T(test_scans),
		T(test_random_access),
		T(test_map_grows_to_its_ceiling),
		T(test_map_grown_by_another_process),
		T(test_other_format_is_refused),
		T(test_other_lmdb_is_refused),
		T(test_older_format_has_fewer_tables),
		T(test_dead_reader_is_cleared),
		T(test_writers_take_turns),
		T(test_alarm_before_the_wait_is_not_the_last),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
