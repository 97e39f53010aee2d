/* Counters that several processes share, however these end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/metrics/metrics.h"
#include "scratch.h"

#define PROCESSES	4u
#define TIMES		50000u

static struct state st;

static int
setup(void **state)
{
	struct why why;

	if (scratch_setup(state) != 0 ||
	    state_open(&st, str_of(scratch_path("state")), true, &why) != KODO_OK)
		return 1;
	metrics_use(&st);
	return 0;
}

static int
teardown(void **state)
{
	metrics_use(NULL);
	return scratch_teardown(state);
}

static uint64_t
value(const char *family, const char *label)
{
	assert_true(metrics_are_ready());
	return metrics_get(&(struct metric){ family, { label } });
}

static void
test_names(void **state)
{
	(void)state;
	assert_int_equal(value("a", "b"), 0);
	metrics_add(&(struct metric){ "a", { "b" } }, 2);
	metrics_add(&(struct metric){ "a", { "b" } }, 3);
	metrics_add(&(struct metric){ "ab", { NULL } }, 7);
	metrics_add(&(struct metric){ "a", { "b", "" } }, 11);
	metrics_add(&(struct metric){ "a", { "", "b" } }, 13);
	assert_int_equal(value("a", "b"), 5);
	assert_int_equal(value("ab", NULL), 7);
	assert_int_equal(value("b", "a"), 0);
	assert_int_equal(metrics_get(&(struct metric){ "a", { "b", "" } }), 11);
	metrics_note("n", 9);
	metrics_note("n", 4);
	assert_int_equal(metrics_noted("n"), 4);
	assert_int_equal(metrics_noted("m"), 0);
	/* with another state they are others; back at this one they are there */
	metrics_use(NULL);
	metrics_add(&(struct metric){ "a", { "b" } }, 1);
	assert_false(metrics_are_ready());
	metrics_use(&st);
	assert_int_equal(value("a", "b"), 5);
}

static void
count_time(const char *family, const char *label, uint64_t us)
{
	const struct metric_count one = { { family, { label } }, true, us };

	metrics_count(&one, 1);
}

static void
test_times(void **state)
{
	static const struct {
		uint64_t us;
		unsigned bucket;
	} rows[] = { { 0, 0 }, { 250, 0 }, { 251, 1 }, { 500, 1 }, { 1000000, 11 },
		{ 10000000, 14 }, { 10000001, 15 }, { UINT64_C(1) << 40, 15 } };
	struct metrics_histogram h;
	uint64_t wanted[METRICS_BUCKETS] = { 0 }, sum = 0;
	size_t i;

	(void)state;
	assert_true(metrics_are_ready());
	assert_false(metrics_get_times(&(struct metric){ "t", { "x" } }, &h));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		count_time("t", "x", rows[i].us);
		wanted[rows[i].bucket]++;
		sum += rows[i].us;
	}
	assert_true(metrics_get_times(&(struct metric){ "t", { "x" } }, &h));
	assert_memory_equal(h.buckets, wanted, sizeof(wanted));
	assert_int_equal(h.count, sizeof(rows) / sizeof(rows[0]));
	assert_int_equal(h.sum_us, sum);
	assert_int_equal(value("t", "x"), 0);
}

static pid_t
start(unsigned n)
{
	pid_t child = fork();
	char label[16];
	unsigned i;

	if (child != 0)
		return child;
	metrics_use(&st);	/* its own map */
	for (i = 0; n == 0 || i < n; i++) {
		snprintf(label, sizeof(label), "%u", i % 50);
		metrics_add(&(struct metric){ "p", { label } }, 1);
		metrics_add(&(struct metric){ "p", { "all" } }, 1);
		count_time("q", label, 1);
	}
	_exit(0);
}

/* Each count arrives, also where two processes take the slot of a counter at the same time. */
static void
test_processes(void **state)
{
	char label[16];
	pid_t child[PROCESSES];
	unsigned i;
	int status;

	(void)state;
	for (i = 0; i < PROCESSES; i++)
		child[i] = start(TIMES);
	for (i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(child[i], &status, 0), child[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(value("p", "all"), PROCESSES * TIMES);
	for (i = 0; i < 50; i++) {
		snprintf(label, sizeof(label), "%u", i);
		assert_int_equal(value("p", label), PROCESSES * TIMES / 50);
	}
}

/* Killed anywhere: nothing is held, and a time that was counted halfway is in no bucket. */
static void
test_killed(void **state)
{
	struct metrics_histogram h;
	unsigned i, round;
	uint64_t n, times;
	pid_t child;

	(void)state;
	for (round = 0; round < 200; round++) {
		struct timespec ts = { 0, (long)(round % 40) * 50000 };

		child = start(0);
		nanosleep(&ts, NULL);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
	}
	for (i = 0, n = 0, times = 0; i < 50; i++) {
		char label[16];

		snprintf(label, sizeof(label), "%u", i);
		n += value("p", label);
		if (!metrics_get_times(&(struct metric){ "q", { label } }, &h))
			continue;
		times += h.count;
		assert_true(h.sum_us >= h.count);
	}
	assert_true(n > 1000 && times <= n && n <= times + 200);
	metrics_add(&(struct metric){ "p", { "0" } }, 1);
}

/* More counters than there is room for: those that are there go on. */
static void
test_full(void **state)
{
	char label[16];
	unsigned i, there = 0;

	(void)state;
	for (i = 0; i < 3 * METRICS_SLOTS; i++) {
		snprintf(label, sizeof(label), "%u", i);
		metrics_add(&(struct metric){ "f", { label } }, i + 1);
	}
	for (i = 0; i < 3 * METRICS_SLOTS; i++) {
		snprintf(label, sizeof(label), "%u", i);
		assert_true(value("f", label) == 0 || value("f", label) == i + 1);
		there += value("f", label) != 0;
	}
	assert_true(there > METRICS_SLOTS * 9 / 10 && there <= METRICS_SLOTS);
	metrics_add(&(struct metric){ "f", { "0" } }, 1);
	assert_int_equal(value("f", "0"), 2);
}

static void
test_read_only(void **state)
{
	(void)state;
	st.is_read_only = true;
	metrics_add(&(struct metric){ "a", { "b" } }, 1);
	assert_false(metrics_are_ready());
	assert_int_equal(access(scratch_path("state/" METRICS_FILE), F_OK), -1);
	st.is_read_only = false;
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_names), TEST(test_times),
		TEST(test_processes), TEST(test_killed), TEST(test_full), TEST(test_read_only) };

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
