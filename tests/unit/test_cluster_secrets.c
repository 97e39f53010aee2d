/* The secrets that are one for all machines: which of two is taken, and what etcd is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cron/cluster/context.c"
#include "cron/cluster/identity.c"
#include "cron/cluster/log_size.c"
#include "scratch.h"

static struct {
	struct etcd_done claims[CONTEXT_SECRETS];
	unsigned n_claims, n_puts;
} etcd;

enum kodo_err
etcd_claim(struct etcd *e, struct str key, struct str value, uint64_t lease, struct etcd_done done)
{
	(void)e, (void)key, (void)value, (void)lease;
	assert_true(etcd.n_claims < CONTEXT_SECRETS);
	etcd.claims[etcd.n_claims++] = done;
	return KODO_OK;
}

enum kodo_err
etcd_put(struct etcd *e, struct str key, struct str value, uint64_t lease, struct etcd_done done)
{
	(void)e, (void)key, (void)value, (void)lease, (void)done;
	etcd.n_puts++;
	return KODO_OK;
}

static void
assert_ok(enum kodo_err err)
{
	assert_int_equal(err, KODO_OK);
}

static void
begin(struct context *e, struct state *folder)
{
	struct why why = { "" };

	assert_int_equal(
	    state_open(folder, str_of(scratch_path("state")), true, &why), KODO_OK);
	memset(&etcd, 0, sizeof(etcd));
	*e = (struct context){ .state = folder, .prefix = "k/c/", .applied = 10 };
}

/* What etcd answers to the claim of that secret: another machine's is there. */
static void
answer(unsigned i, const char *value, uint64_t revision)
{
	const struct etcd_kv kv = { .value = str_of(value) };
	const struct etcd_answer an = { .kvs = &kv, .n_kvs = 1, .cluster_id = 7,
		.revision = revision };

	etcd.claims[i].fn(etcd.claims[i].arg, &an);
}

static const char other[] = "00112233445566778899aabbccddeeff";

/* The log goes on while etcd is asked: that is no etcd that was restored. */
static void
an_answer_may_be_older_than_what_is_applied(void **state)
{
	struct state folder;
	struct context e;
	char key[STATE_KEY_BYTES];

	(void)state;
	begin(&e, &folder);
	assert_false(identity_tick(&e));
	assert_int_equal(etcd.n_claims, 2);
	e.applied = 13;
	answer(1, other, 11);
	assert_string_equal(e.status.stopped, "");
	assert_ok(state_key(e.state, key));
	assert_string_equal(key, other);
	/* but one that is older than what was applied then */
	e.secrets[1].is_known = false;
	etcd.n_claims = 1;
	e.secrets[0].is_asked = true;
	identity_tick(&e);
	answer(1, other, 12);
	assert_non_null(strstr(e.status.stopped, "restored"));
}

/* The next process must know which one was that of all: else it would undo a rotation. */
static void
what_was_taken_is_told_at_once(void **state)
{
	struct state folder;
	struct context e;

	(void)state;
	begin(&e, &folder);
	identity_tick(&e);
	answer(1, other, 11);
	assert_int_equal(strlen(e.status.admin), 16);
	assert_true(e.is_changed);
	e.is_changed = false;
	assert_true(identity_event(&e, STR("admin"), str_of(other)));
	assert_false(e.is_changed);
}

/* What is no key is never written; what all have stays. */
static void
what_is_no_key_is_not_taken(void **state)
{
	struct state folder;
	char key[STATE_KEY_BYTES], after[STATE_KEY_BYTES];
	struct context e;
	const char *const bad[] = { "", "short", "32 characters: that is no base 16",
		"00112233445566778899aabbccddeeff0", "00112233445566778899AABBCCDDEEFF" };
	size_t i;

	(void)state;
	begin(&e, &folder);
	assert_ok(state_key(e.state, key));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		etcd.n_claims = 0;
		identity_tick(&e);
		answer(i == 0, bad[i], 11);
		assert_ok(state_key(e.state, after));
		assert_string_equal(key, after);
		assert_false(e.secrets[1].is_known);
		e.secrets[0].is_asked = true;
	}
	assert_int_equal(etcd.n_puts, 0);
}

/* One that was rotated here, and another one there: etcd is told of this one. */
static void
a_rotation_here_is_not_lost(void **state)
{
	struct state folder;
	char own[STATE_KEY_BYTES], after[STATE_KEY_BYTES];
	struct context e;

	(void)state;
	begin(&e, &folder);
	identity_tick(&e);
	answer(1, other, 11);
	assert_ok(state_key_rotate(e.state, own));
	assert_true(identity_event(&e, STR("admin"), str_of(other)));
	assert_ok(state_key(e.state, after));
	assert_string_equal(own, after);
	identity_tick(&e);
	assert_int_equal(etcd.n_puts, 1);
	assert_false(identity_event(&e, STR("leader"), str_of(other)));
}

/* The watch may tell of a rotation before the answer comes that does not know of it. */
static void
an_answer_that_a_rotation_overtook_is_asked_for_anew(void **state)
{
	struct state folder;
	struct context e;
	char key[STATE_KEY_BYTES];

	(void)state;
	begin(&e, &folder);
	identity_tick(&e);
	assert_true(identity_event(&e, STR("admin"), STR("ffffffffffffffffffffffffffffffff")));
	answer(1, other, 11);
	assert_false(e.secrets[1].is_known);
	etcd.n_claims = 1;
	identity_tick(&e);
	assert_int_equal(etcd.n_claims, 2);
	answer(1, "ffffffffffffffffffffffffffffffff", 12);
	assert_ok(state_key(e.state, key));
	assert_string_equal(key, "ffffffffffffffffffffffffffffffff");
}

#define T(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_answer_may_be_older_than_what_is_applied),
		T(what_was_taken_is_told_at_once),
		T(what_is_no_key_is_not_taken),
		T(a_rotation_here_is_not_lost),
		T(an_answer_that_a_rotation_overtook_is_asked_for_anew),
	};

	return cmocka_run_group_tests_name("cluster_secrets", tests, NULL, NULL);
}
