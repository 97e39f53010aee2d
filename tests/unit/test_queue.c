/* What a machine of a cluster has taken alone: order, size, what the next process finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cron/cluster/queue.c"
#include "scratch.h"

static struct state folder;

static void
open_it(struct queue **q, size_t max_bytes)
{
	struct why why = { "" };

	assert_int_equal(
	    state_open(&folder, str_of(scratch_path("state")), true, &why), KODO_OK);
	assert_int_equal(queue_open(&folder, max_bytes, q, &why), KODO_OK);
}

static void
put(struct queue *q, unsigned i, enum kodo_err wanted)
{
	char key[16];
	uint64_t number;

	snprintf(key, sizeof(key), "log/m/b/%u", i);
	assert_int_equal(queue_put(q, str_of(key), STR("entry\0of zeroes"), &number), wanted);
}

static void
assert_is(struct queue *q, uint64_t behind, uint64_t wanted, const char *wanted_key)
{
	struct str key, entry;
	uint64_t number;

	assert_int_equal(queue_next(q, behind, &number, &key, &entry), KODO_OK);
	assert_int_equal(number, wanted);
	assert_true(str_eq(key, str_of(wanted_key)));
	assert_true(str_eq(entry, STR("entry\0of zeroes")));
}

static void
test_records_stay_in_their_order(void **state)
{
	struct queue *q;
	struct str key, entry;
	uint64_t number;
	unsigned i;

	(void)state;
	open_it(&q, QUEUE_BYTES);
	assert_true(queue_is_there(&folder));
	assert_int_equal(queue_next(q, 0, &number, &key, &entry), KODO_ENOTFOUND);
	for (i = 1; i <= 300; i++)
		put(q, i, KODO_OK);
	assert_int_equal(queue_commit(q), KODO_OK);
	put(q, 301, KODO_OK);	/* and is not there, as the process ends */
	queue_close(q);

	open_it(&q, QUEUE_BYTES);
	assert_int_equal(queue_length(q), 300);
	assert_int_equal(queue_last(q), 300);
	assert_is(q, 0, 1, "log/m/b/1");
	assert_is(q, 255, 256, "log/m/b/256");
	for (i = 1; i <= 299; i++)
		assert_int_equal(queue_remove(q, i), KODO_OK);
	assert_int_equal(queue_remove(q, 7), KODO_OK);
	assert_int_equal(queue_commit(q), KODO_OK);
	assert_int_equal(queue_length(q), 1);
	assert_is(q, 0, 300, "log/m/b/300");
	put(q, 302, KODO_OK);
	assert_is(q, 300, 301, "log/m/b/302");
	queue_close(q);
}

static void
test_what_is_over_its_size_is_not_taken(void **state)
{
	struct queue *q;
	unsigned i;

	(void)state;
	open_it(&q, 1000);
	for (i = 0; queue_length(q) < 38; i++)
		put(q, 10 + i, KODO_OK);	/* 10, a zero, 15 bytes */
	for (; i < 1000; i++)
		put(q, 10 + i, KODO_EFULL);
	assert_int_equal(queue_commit(q), KODO_OK);
	assert_int_equal(queue_remove(q, 1), KODO_OK);
	put(q, 10, KODO_OK);
	assert_int_equal(queue_commit(q), KODO_OK);
	assert_int_equal(queue_length(q), 38);
	queue_close(q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_records_stay_in_their_order, scratch_setup,
		    scratch_teardown),
		cmocka_unit_test_setup_teardown(test_what_is_over_its_size_is_not_taken,
		    scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
