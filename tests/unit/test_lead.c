/* What the lease's file asks of etcd, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cron/cluster/context.c"
#include "cron/cluster/lead.c"
#include "cron/cluster/log_size.c"

static unsigned n_status;
static struct etcd_done status_done;

enum kodo_err
etcd_status(struct etcd *e, struct etcd_done done)
{
	(void)e;
	n_status++;
	status_done = done;
	return KODO_OK;
}

enum kodo_err
etcd_alarms(struct etcd *e, struct etcd_done done)
{
	(void)e, (void)done;
	return KODO_OK;
}

enum kodo_err
etcd_grant(struct etcd *e, unsigned ttl_s, struct etcd_done done)
{
	(void)e, (void)ttl_s, (void)done;
	return KODO_EBUSY;
}

enum kodo_err
etcd_keep_alive(struct etcd *e, uint64_t lease, struct etcd_done done)
{
	(void)e, (void)lease, (void)done;
	return KODO_EBUSY;
}

enum kodo_err
etcd_revoke(struct etcd *e, uint64_t lease, struct etcd_done done)
{
	(void)e, (void)lease, (void)done;
	return KODO_EBUSY;
}

enum kodo_err
etcd_claim(struct etcd *e, struct str key, struct str value, uint64_t lease, struct etcd_done done)
{
	(void)e, (void)key, (void)value, (void)lease, (void)done;
	return KODO_EBUSY;
}

enum kodo_err
etcd_put(struct etcd *e, struct str key, struct str value, uint64_t lease, struct etcd_done done)
{
	(void)e, (void)key, (void)value, (void)lease, (void)done;
	return KODO_EBUSY;
}

enum kodo_err
etcd_range(struct etcd *e, struct str key, struct str end, unsigned limit, bool keys_only,
    struct etcd_done done)
{
	(void)e, (void)key, (void)end, (void)limit, (void)keys_only, (void)done;
	return KODO_EBUSY;
}

void
etcd_wait(struct etcd *e, struct etcd_fd *fds, size_t n, int timeout_ms)
{
	(void)e, (void)fds, (void)n, (void)timeout_ms;
}

bool
identity_tick(struct context *e)
{
	(void)e;
	return true;
}

bool
identity_event(struct context *e, struct str key, struct str text)
{
	(void)e, (void)key, (void)text;
	return false;
}

void
compare_tick(struct comparer *c, uint64_t lease)
{
	(void)c, (void)lease;
}

void
compare_event(struct comparer *c, struct str machine, const struct etcd_kv *kv)
{
	(void)c, (void)machine, (void)kv;
}

/* Of a machine that has just started its clock says 5 s: what etcd has in use is not known yet. */
static void
etcd_is_looked_at_at_once(void **state)
{
	const int64_t s_us = 1000000;
	struct context e = { .quota = 1 << 30 };
	struct etcd_answer an = { .used_bytes = 1 << 30, .revision = 7 };

	(void)state;
	assert_int_equal(lead_new(&e, &e.leader), KODO_OK);
	assert_true(context_has_room(&e, 1));
	look(e.leader, 5 * s_us);
	assert_int_equal(n_status, 1);
	status_done.fn(status_done.arg, &an);
	assert_false(context_has_room(&e, 1));
	look(e.leader, 6 * s_us);
	assert_int_equal(n_status, 1);
	/* and where it says that it is full, which member it is */
	note_full(e.leader, true);
	look(e.leader, 7 * s_us);
	assert_int_equal(n_status, 2);
	look(e.leader, 8 * s_us);
	assert_int_equal(n_status, 2);
	look(e.leader, 38 * s_us);
	assert_int_equal(n_status, 3);
	lead_free(e.leader);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(etcd_is_looked_at_at_once),
	};

	return cmocka_run_group_tests_name("lead", tests, NULL, NULL);
}
