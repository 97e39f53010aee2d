/* What the process of a cluster's log tells others, and which options are of one machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/config/option.h"
#include "core/storage/cluster_status.h"
#include "core/storage/machine.h"
#include "scratch.h"

static void
test_what_is_written_is_read(void **state)
{
	struct cluster_status st = { .cluster_id = UINT64_MAX, .revision = 7, .token = 5,
		.send_until_us = -3, .has_quorum = true, .n_members = 2 }, back = { .revision = 0 };
	struct buf b = BUF_INIT(0);

	(void)state;
	str_copy(st.stopped, sizeof(st.stopped), STR("a=b, and more"));
	str_copy(st.members[0].name, sizeof(st.members[0].name), STR("m1"));
	str_copy(st.members[1].name, sizeof(st.members[1].name), STR("m2"));
	st.members[1].applied = 9;
	st.members[1].is_live = true;
	cluster_status_write(&b, &st);
	cluster_status_parse(&back, buf_str(&b));
	assert_memory_equal(&back, &st, sizeof(st));
	buf_free(&b);
}

/* Texts of another machine: whatever is in them. */
static void
test_texts_that_are_none_change_nothing(void **state)
{
	static const char *const texts[] = { "", "\n\n", "=", "member", "revision", "token=x",
		"unknown=1\n", "member=\nmember=\nname=\xff\n" };
	struct cluster_status st = { .revision = 1 };
	struct buf many = BUF_INIT(0);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cluster_status_parse(&st, str_of(texts[i]));
	for (i = 0; i < 100; i++)
		buf_puts(&many, "member=\nname=0123456789\n");
	cluster_status_parse(&st, buf_str(&many));
	assert_int_equal(st.n_members, CLUSTER_MEMBERS);
	assert_string_equal(st.members[CLUSTER_MEMBERS - 1].name, "0123456789");
	buf_free(&many);
}

static void
test_settled_is_who_has_all_and_keeps_nothing_back(void **state)
{
	const int64_t now_us = cluster_boot_us();
	struct cluster_status st = { .told_us = now_us };

	(void)state;
	assert_true(cluster_is_settled(&st));
	st.queued = 1;
	assert_false(cluster_is_settled(&st));
	st.queued = 0;
	st.behind_us = now_us - 1;
	assert_false(cluster_is_settled(&st));
}

static void
test_who_is_not_to_be_asked(void **state)
{
	const int64_t now_us = cluster_boot_us();
	struct cluster_status st = { .told_us = now_us };

	(void)state;
	assert_null(cluster_unready(&st));
	st.behind_us = now_us - CLUSTER_LAG_US / 2;
	assert_null(cluster_unready(&st));
	st.behind_us = now_us - CLUSTER_LAG_US * 2;
	assert_non_null(cluster_unready(&st));
	/* nobody tells anything any more */
	st.behind_us = 0;
	st.told_us = now_us - CLUSTER_LAG_US * 2;
	assert_non_null(strstr(cluster_unready(&st), "does not run"));
	st.told_us = now_us;
	st.is_catching_up = true;
	assert_non_null(cluster_unready(&st));
	str_copy(st.stopped, sizeof(st.stopped), STR("for this"));
	assert_string_equal(cluster_unready(&st), "for this");
}

static void
test_who_is_behind(void **state)
{
	struct cluster_status st = { .revision = 30 };
	struct cluster_member m = { .applied = 10, .behind = 2, .is_live = true };

	(void)state;
	assert_int_equal(cluster_behind(&st, &m), 2);
	m.is_live = false;
	assert_int_equal(cluster_behind(&st, &m), 20);
	m.applied = 31;
	assert_int_equal(cluster_behind(&st, &m), 0);
}

/* Its clock may be a day off: that says nothing of when it was heard. */
static void
test_when_a_machine_was_heard_is_of_this_clock(void **state)
{
	const int64_t day_us = 86400ll * 1000000, now_us = 100 * day_us, s_us = 1000000;
	struct cluster_member m = { .seen_us = now_us - day_us };
	int64_t ago_us;

	(void)state;
	assert_true(cluster_heard_us(&m, now_us) == now_us - day_us);
	m.heard_us = cluster_boot_us() - 2 * s_us;
	ago_us = now_us - cluster_heard_us(&m, now_us);
	assert_true(ago_us >= 2 * s_us && ago_us < 60 * s_us);
}

/* The clock of these times begins anew with the machine. */
static void
test_what_was_told_before_the_machine_started_has_no_times(void **state)
{
	const int64_t later_us = cluster_boot_us() + INT64_C(3600000000);
	struct cluster_status st = { .cluster_id = 3, .token = 5, .told_us = later_us,
		.send_until_us = later_us, .has_quorum = true, .n_members = 1,
		.members[0].heard_us = later_us }, back;
	char dir[] = "/tmp/kodo-status-XXXXXX";
	struct buf b = BUF_INIT(0);
	struct state s;
	int i;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(state_open(&s, str_of(dir), false, NULL), KODO_OK);
	assert_int_equal(machine_write(&s, MACHINE_FILE, STR("cluster=x\n"), false), KODO_OK);
	for (i = 0; i < 2; i++) {
		if (i == 1)
			state_boot_id(st.boot);
		buf_reset(&b);
		cluster_status_write(&b, &st);
		assert_int_equal(
		    machine_write(&s, MACHINE_STATUS, buf_str(&b), false), KODO_OK);
		assert_int_equal(cluster_status_read(&s, &back), KODO_OK);
		assert_int_equal(back.cluster_id, 3);
		assert_int_equal(back.token, i == 0 ? 0 : 5);
		assert_int_equal(back.told_us, i == 0 ? 0 : later_us);
		assert_int_equal(back.send_until_us, i == 0 ? 0 : later_us);
		assert_int_equal(back.has_quorum, i == 1);
		assert_int_equal(back.members[0].heard_us, i == 0 ? 0 : later_us);
		if (i == 0)
			assert_non_null(cluster_unready(&back));
	}
	buf_free(&b);
	machine_remove(&s, MACHINE_STATUS);
	machine_remove(&s, MACHINE_FILE);
	assert_int_equal(rmdir(dir), 0);
}

static void
test_each_machine_has_some_options_for_itself(void **state)
{
	static const char stored[] = "url=http://r.test\ncluster=http://127.0.0.1:1\nmachine=m1\n"
	    "listen=127.0.0.1:1001\naudit_file=/one/audit\ntimeout=7\n";
	static const char own[] = "cluster=http://127.0.0.1:2\nmachine=m2\nlisten=127.0.0.1:1002\n"
	    "timeout=9\n";
	struct options o;

	(void)state;
	assert_int_equal(
	    option_read_here(scratch.a, str_of(stored), str_of(own), &o), KODO_OK);
	assert_true(str_eq(o.machine, STR("m2")));
	assert_true(str_eq(o.cluster, STR("http://127.0.0.1:2")));
	assert_int_equal(o.listen_port, 1002);
	/* what it has not is not the other one's */
	assert_null(o.audit_file.p);
	/* what all have is what is stored */
	assert_int_equal(o.timeout_s, 7);
	assert_true(str_eq(o.url, STR("http://r.test")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_texts_that_are_none_change_nothing),
		cmocka_unit_test(test_settled_is_who_has_all_and_keeps_nothing_back),
		cmocka_unit_test(test_who_is_not_to_be_asked),
		cmocka_unit_test(test_who_is_behind),
		cmocka_unit_test(test_when_a_machine_was_heard_is_of_this_clock),
		cmocka_unit_test(test_what_was_told_before_the_machine_started_has_no_times),
		cmocka_unit_test(test_each_machine_has_some_options_for_itself),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
