/* Rate limits that several processes share, and what may have become of their file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "core/base/address.h"
#include "core/storage/rate_table.h"
#include "scratch.h"

#define PROCESSES 4

static struct state st;
static struct rate_table table;

static int
setup(void **state)
{
	struct why why;

	table = (struct rate_table)RATE_TABLE_INIT;
	return scratch_setup(state) != 0 ||
	    state_open(&st, str_of(scratch_path("state")), true, &why) != KODO_OK;
}

static int
teardown(void **state)
{
	rate_table_close(&table);
	return scratch_teardown(state);
}

static const char *
path(void)
{
	return scratch_path("state/" RATE_TABLE_FILE);
}

static struct rate_verdict
ask(const char *key, unsigned per_minute)
{
	return rate_table_take(&table, &st, str_of(key), per_minute);
}

/* How many of n requests may go on. */
static unsigned
admitted(const char *key, unsigned per_minute, unsigned n)
{
	unsigned i, yes = 0;

	for (i = 0; i < n; i++)
		yes += ask(key, per_minute).wait_s == 0;
	return yes;
}

static void
wait_ms(unsigned ms)
{
	const struct timespec t = { ms / 1000, (long)(ms % 1000) * 1000000 };

	nanosleep(&t, NULL);
}

static size_t
complaints(void)
{
	const char *text = scratch_read(scratch_path("err"));
	size_t n = 0;

	while ((text = strstr(text, "so no rate is limited")) != NULL) {
		text++;
		n++;
	}
	return n;
}

/* As many as a minute's at once, then what time gives; others are not concerned. */
static void
test_a_minute(void **state)
{
	static const unsigned rates[] = { 1, 7, 600, 3000, 44000, RATE_PER_MINUTE_MAX };
	char key[16];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		unsigned yes;

		snprintf(key, sizeof(key), "rate %u", rates[i]);
		yes = admitted(key, rates[i], 2 * rates[i]);
		if (yes < rates[i] || yes > rates[i] + rates[i] / 10)
			fail_msg("%u of %u", yes, rates[i]);
	}
	assert_int_equal(ask("another", 1).wait_s, 0);
	assert_in_range(ask("another", 1).wait_s, 59, 61);
	assert_in_range(ask("rate 7", 7).wait_s, 1, 9);
	(void)admitted("rate 60000", RATE_PER_MINUTE_MAX, 1000);
	wait_ms(200);
	assert_in_range(admitted("rate 60000", RATE_PER_MINUTE_MAX, 1000), 150, 800);
}

/* It begins once, and again after half a minute's worth of calm alone. */
static void
test_begins_once(void **state)
{
	struct rate_verdict v;
	unsigned i, n = 0;

	(void)state;
	for (i = 0; i < 2000; i++) {
		v = ask("k", 600);
		n += v.begins;
		assert_true(v.wait_s > 0 || !v.begins);
		if (i > 1990)
			wait_ms(60);	/* some are admitted in between */
	}
	assert_int_equal(n, 1);
}

/* Of all processes together, though one of them was killed in the middle. */
static void
test_processes(void **state)
{
	unsigned *yes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned i, sum = 0;
	pid_t pids[PROCESSES + 1];

	(void)state;
	assert_true(yes != MAP_FAILED);
	for (i = 0; i <= PROCESSES; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			table = (struct rate_table)RATE_TABLE_INIT;
			for (; i == PROCESSES;)
				(void)ask("of the killed", 1000);
			yes[i] = admitted("k", 3000, 6000);
			_exit(0);
		}
	}
	wait_ms(100);
	kill(pids[PROCESSES], SIGKILL);
	for (i = 0; i <= PROCESSES; i++)
		assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
	for (i = 0; i < PROCESSES; i++)
		sum += yes[i];
	assert_in_range(sum, 3000, 3300);
	/* a token may have come meanwhile */
	assert_in_range(admitted("k", 3000, 500), 0, 400);
	assert_in_range(admitted("of the killed", 1000, 500), 0, 400);
	assert_int_equal(ask("another", 3000).wait_s, 0);
}

/* Many more keys than there is room for: who asked most stays limited. */
static void
test_full(void **state)
{
	char key[16];
	unsigned i;

	(void)state;
	assert_int_equal(admitted("k", 10, 20), 10);
	for (i = 0; i < 300000; i++) {
		snprintf(key, sizeof(key), "%u", i);
		assert_int_equal(ask(key, 10).wait_s, 0);
	}
	assert_int_not_equal(ask("k", 10).wait_s, 0);
}

static void
damage(unsigned how)
{
	char junk[4096];
	unsigned i;
	int fd;

	memset(junk, 0xa5, sizeof(junk));
	switch (how) {
	case 0:
		assert_int_equal(truncate(path(), 0), 0);
		break;
	case 1:
		assert_int_equal(truncate(path(), 5000), 0);
		break;
	case 2:
		assert_int_equal(truncate(path(), 1 << 22), 0);
		break;
	case 3:
		unlink(path());
		break;
	case 4:		/* another begin */
	case 5:		/* bytes of all kinds behind a good begin */
		fd = open(path(), O_WRONLY);
		assert_true(fd >= 0);
		for (i = how == 4 ? 0 : 1; i < 128; i++)
			assert_int_equal(pwrite(fd, junk, sizeof(junk), 4096 * i), sizeof(junk));
		close(fd);
		break;
	default:
		unlink(path());
		assert_int_equal(symlink("/dev/zero", path()), 0);
	}
}

/* Served without limits for a moment, or with a new file; and none of it ends the process. */
static void
test_damage(void **state)
{
	unsigned how;
	char key[8];

	(void)state;
	for (how = 0; how < 7; how++) {
		snprintf(key, sizeof(key), "k%u", how);
		assert_int_equal(ask("before", 10).wait_s == 0, how == 0);
		(void)admitted("before", 10, 20);
		damage(how);
		assert_int_equal(ask(key, 10).wait_s, 0);
		assert_in_range(admitted(key, 10, 40), 9, 10);
		(void)admitted("before", 10, 20);
		rate_table_close(&table);
		assert_int_not_equal(ask(key, 10).wait_s, 0);
	}
	assert_int_equal(complaints(), 0);
}

static void
test_unusable(void **state)
{
	struct rlimit none = { 0, RLIM_INFINITY }, before;

	(void)state;
	assert_int_equal(mkdir(path(), 0700), 0);
	assert_int_equal(admitted("k", 10, 100), 100);
	assert_int_equal(complaints(), 1);
	assert_int_equal(rmdir(path()), 0);
	rate_table_close(&table);
	table = (struct rate_table)RATE_TABLE_INIT;
	/* as a full disk */
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(admitted("k", 10, 100), 100);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(access(path(), F_OK), -1);
	table.file.tried_ms = 0;
	assert_int_equal(admitted("k", 10, 100), 10);
}

static void
test_report(void **state)
{
	struct rate_report r;
	struct in6_addr a;
	char text[INET6_ADDRSTRLEN];

	(void)state;
	assert_int_equal(rate_table_report(&st, &r), KODO_ENOTFOUND);
	(void)ask("k", 1);
	assert_int_equal(rate_table_report(&st, &r), KODO_OK);
	assert_int_equal(r.n, 0);
	assert_int_equal(r.last_s, 0);
	assert_true(address_read(str_of("8.8.4.4"), &a));
	rate_table_note(&table, &a, 7000000);
	rate_table_note(&table, &a, 9000000);
	assert_int_equal(rate_table_report(&st, &r), KODO_OK);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.last_s, 9);
	assert_string_equal(address_text(&r.last, text), "8.8.4.4");
	assert_int_equal(truncate(path(), 100), 0);
	assert_int_equal(rate_table_report(&st, &r), KODO_ECORRUPT);
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_a_minute), TEST(test_begins_once),
		TEST(test_processes), TEST(test_full), TEST(test_damage), TEST(test_unusable),
		TEST(test_report) };

	return cmocka_run_group_tests_name("rate_table", tests, NULL, NULL);
}
