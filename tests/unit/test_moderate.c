#include <arpa/inet.h>

#include "core/registry/moderate.h"
#include "core/registry/registry_private.h"
#include "core/registry/requests.h"
#include "core/trust/pin.h"
#include "registry_help.h"

#define PROVIDER "http://p:1"

static enum moderate_outcome
moderate(struct fixture *f, const char *pattern, enum verdict verdict)
{
	enum moderate_outcome done;
	struct moderation_entry e;
	struct why why = { "" };

	if (moderation_parse(f->a, str_of(pattern), &e, &why) != KODO_OK)
		fail_msg("%s", why.text);
	e.verdict = verdict;
	e.since_us = f->now_us;
	must(registry_moderate(f->r, &e, false, ++f->now_us, INT64_MAX, &done));
	check_clean(f);
	return done;
}

/* What the runner does of it; how often. */
static unsigned
follow(struct fixture *f, int64_t limit_us)
{
	struct moderate_pass at = { .ticket = 0 };
	unsigned n = 0;
	bool more = true;

	for (; more; n++)
		must(moderate_follow(f->r, &at, ++f->now_us, limit_us, &more));
	check_clean(f);
	return n;
}

/* A post of that url from that address. true: the runner is woken by it. */
static bool
say_as(struct fixture *f,
    enum kodo_err (*post)(struct registry *, const struct wire_body *, int64_t, struct receipt *),
    const char *url, const char *nodes, const char *address)
{
	struct wire_body b = body_of(f, url, false, nodes, NULL);
	/* with a key, by which it may speak from anywhere */
	struct speaker who = { .has_address = true, .is_signed = true };
	struct receipt in;

	assert_true(address_read(str_of(address), &who.address));
	b.speaker = &who;
	f->now_us++;
	must(post(f->r, &b, f->now_us, &in));
	return in.wake;
}

/* A connect. */
static void
say(struct fixture *f, const char *nodes, const char *address)
{
	(void)say_as(f, registry_connect, PROVIDER, nodes, address);
	check_clean(f);
}

/* n nodes of two flows. */
static const char *
nodes_json(struct fixture *f, unsigned n)
{
	struct buf b = BUF_INIT(0);
	struct str text;
	unsigned i;

	buf_putc(&b, '[');
	for (i = 0; i < n; i++) {
		const char *url = arena_printf(f->a, "http://n%u:1", i);

		buf_printf(&b, "%s%s", i > 0 ? "," : "",
		    node_json(f, url, arena_printf(f->a, "f%u", i), 2));
	}
	buf_putc(&b, ']');
	must(arena_str(f->a, buf_str(&b), &text));
	buf_free(&b);
	return text.p;
}

static uint64_t
logged_of(struct fixture *f)
{
	struct view v;
	uint64_t logged;

	must(view_begin(f->r, f->now_us, &v));
	logged = v.head.logged;
	view_end(&v);
	return logged;
}

static uint32_t
unfinished(struct fixture *f)
{
	struct moderation m;
	struct view v;

	must(view_begin(f->r, f->now_us, &v));
	must(moderation_get(&v.t, f->a, &m));
	view_end(&v);
	return m.unfinished;
}

static void
start(struct fixture *f)
{
	fixture_options(f, "http://r:1", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
}

static void
any_address_of_it_counts(void **state)
{
	struct fixture *f = *state;
	const char *nodes = nodes_json(f, 2);

	start(f);
	say(f, nodes, "192.0.2.5");
	assert_int_equal(total_of(f), 5);
	assert_int_equal(moderate(f, "address:192.0.2.0/24", VERDICT_DENIED), MODERATE_SET);
	assert_int_equal(total_of(f), 1);
	/* from elsewhere, too: it is still whoever spoke from there */
	say(f, nodes, "198.51.100.1");
	assert_int_equal(total_of(f), 1);
	assert_int_equal(moderate(f, "address:198.51.100.1", VERDICT_SHOWN), MODERATE_EXCEPTED);
	assert_int_equal(total_of(f), 5);
	assert_int_equal(moderate(f, "address:192.0.2.5", VERDICT_HIDDEN), MODERATE_SET);
	/* two that are as long as each other: the stricter one */
	assert_int_equal(total_of(f), 1);
	assert_int_equal(follow(f, 0), 1);
}

/* It speaks from a denied address, of one node: the others follow, in the runner's rounds. */
static void
another_address_and_all_follows(void **state)
{
	struct fixture *f = *state;
	uint64_t logged;

	start(f);
	say(f, nodes_json(f, 450), "203.0.113.1");
	assert_int_equal(moderate(f, "address:192.0.2.0/24", VERDICT_DENIED), MODERATE_SET);
	assert_int_equal(total_of(f), 901);
	assert_false(say_as(f, registry_update, PROVIDER, nodes_json(f, 1), "203.0.113.2"));
	assert_int_equal(follow(f, 0), 1);
	assert_int_equal(total_of(f), 901);
	logged = logged_of(f);
	assert_true(say_as(f, registry_update, PROVIDER, nodes_json(f, 1), "192.0.2.5"));
	/* 200 at a time, and the one that takes note of each */
	assert_true(follow(f, 0) >= 3);
	assert_int_equal(total_of(f), 1);
	/* once each, among the numbers of the transactions */
	assert_in_range(logged_of(f), logged + 450, logged + 500);
	assert_int_equal(follow(f, 0), 1);
	/* PIN_ADDRESSES others: the first one stays, that one is forgotten */
	for (unsigned i = 0; i < PIN_ADDRESSES; i++)
		(void)say_as(f, registry_update, PROVIDER, "[]",
		    arena_printf(f->a, "203.0.113.%u", 10 + i));
	(void)follow(f, 0);
	assert_int_equal(total_of(f), 901);
}

/* What was judged before its verdict changed again is judged again. */
static void
wanted_again_meanwhile(void **state)
{
	struct fixture *f = *state;
	struct moderate_pass at = { .ticket = 0 };
	bool more;

	start(f);
	say(f, nodes_json(f, 450), "203.0.113.1");
	assert_int_equal(moderate(f, "address:192.0.2.0/24", VERDICT_DENIED), MODERATE_SET);
	(void)say_as(f, registry_update, PROVIDER, "[]", "192.0.2.5");
	must(moderate_follow(f->r, &at, ++f->now_us, 0, &more));
	must(moderate_follow(f->r, &at, ++f->now_us, 0, &more));
	assert_true(more);
	assert_in_range(total_of(f), 2, 900);
	for (unsigned i = 0; i < PIN_ADDRESSES; i++)
		(void)say_as(f, registry_update, PROVIDER, "[]",
		    arena_printf(f->a, "203.0.113.%u", 10 + i));
	(void)follow(f, 0);
	assert_int_equal(total_of(f), 901);
}

/* Then all nodes are judged, whosoever they are. */
static void
too_many_wait(void **state)
{
	struct fixture *f = *state;
	const unsigned n = 1005;
	unsigned i;

	start(f);
	for (i = 0; i < n; i++)
		(void)say_as(f, registry_connect, arena_printf(f->a, "http://p%u:1", i),
		    arena_printf(f->a, "[%s]",
			node_json(f, arena_printf(f->a, "http://n%u:1", i), "f", 1)),
		    "203.0.113.1");
	assert_int_equal(total_of(f), n + 1);
	assert_int_equal(moderate(f, "address:192.0.2.0/24", VERDICT_DENIED), MODERATE_SET);
	for (i = 0; i < n; i++)
		(void)say_as(f, registry_update, arena_printf(f->a, "http://p%u:1", i), "[]",
		    "192.0.2.5");
	assert_int_not_equal(unfinished(f), 0);
	(void)follow(f, 0);
	assert_int_equal(total_of(f), 1);
	assert_int_equal(unfinished(f), 0);
}

static void
all_nodes_follow(void **state)
{
	struct fixture *f = *state;

	start(f);
	say(f, nodes_json(f, 450), "192.0.2.5");
	assert_int_equal(total_of(f), 901);
	/* behind many that stay */
	assert_int_equal(moderate(f, "http://n449:1", VERDICT_DENIED), MODERATE_SET);
	assert_int_equal(total_of(f), 899);
	assert_int_equal(moderate(f, "http://n449:1", VERDICT_SHOWN), MODERATE_UNDONE);
	assert_int_equal(total_of(f), 901);
	assert_int_equal(moderate(f, "organization:*", VERDICT_HIDDEN), MODERATE_SET);
	assert_int_equal(total_of(f), 1); /* the own node is not moderated */
	assert_int_equal(moderate(f, "http://n7:1", VERDICT_SHOWN), MODERATE_EXCEPTED);
	assert_int_equal(total_of(f), 3);
	assert_int_equal(moderate(f, "organization:*", VERDICT_DENIED), MODERATE_SET);
	assert_int_equal(moderate(f, "organization:*", VERDICT_DENIED), MODERATE_NOTHING);
	assert_int_equal(total_of(f), 3);
	assert_int_equal(moderate(f, "organization:*", VERDICT_SHOWN), MODERATE_UNDONE);
	assert_int_equal(total_of(f), 901);
}

static void
denied_ends_and_comes_back_denied(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_int_equal(moderate(f, "http://n1:1", VERDICT_DENIED), MODERATE_SET);
	say(f, nodes_json(f, 2), "192.0.2.5");
	assert_int_equal(total_of(f), 3);
	say(f, nodes_json(f, 1), "192.0.2.5");
	assert_int_equal(total_of(f), 3);
	say(f, nodes_json(f, 2), "192.0.2.5");
	assert_int_equal(total_of(f), 3);
	assert_int_equal(moderate(f, "http://n1:1", VERDICT_SHOWN), MODERATE_UNDONE);
	assert_int_equal(total_of(f), 5);
}

static enum kodo_err
list_only(struct change *ch, void *arg)
{
	return moderation_put(ch->t, arg);
}

/* The command was killed once the list was changed. */
static void
interrupted_is_finished(void **state)
{
	struct fixture *f = *state;
	struct moderation m = { .n = 0, .unfinished = 1 };
	const struct change_type type = { .fn = list_only };
	struct change_run run = { .type = &type, .r = f->r, .arg = &m };
	struct moderation_entry e;

	start(f);
	say(f, nodes_json(f, 2), "192.0.2.5");
	must(moderation_parse(f->a, STR("http://n1:1"), &e, NULL));
	e.verdict = VERDICT_DENIED;
	must(moderation_set(f->a, &m, &e));
	run.now_us = f->now_us;
	must(registry_change(&run));
	assert_int_equal(total_of(f), 5);
	follow(f, INT64_MAX / 2);
	assert_int_equal(total_of(f), 3);
	check_clean(f);
}

/*
 * The list is changed while the nodes of another change follow, and then the process ends: that the
 * first pass is through does not say that the second one is.
 */
static void
two_at_once(void **state)
{
	struct fixture *f = *state;
	enum moderate_outcome done;
	struct moderation_entry e;
	uint32_t first, second;

	start(f);
	say(f, nodes_json(f, 2), "192.0.2.1");
	must(moderation_parse(f->a, STR("http://n0:1"), &e, NULL));
	e.verdict = VERDICT_DENIED;
	must(moderate_list(f->r, &e, false, ++f->now_us, &done, &first));
	must(moderation_parse(f->a, STR("http://n1:1"), &e, NULL));
	e.verdict = VERDICT_DENIED;
	must(moderate_list(f->r, &e, false, ++f->now_us, &done, &second));
	assert_int_not_equal(first, second);
	must(moderate_sweep(f->r, first, ++f->now_us, INT64_MAX));
	assert_int_equal(unfinished(f), second);
	follow(f, INT64_MAX / 2);
	assert_int_equal(unfinished(f), 0);
	assert_int_equal(total_of(f), 1);
	check_clean(f);
}

/*
 * All nodes follow in steps of one transaction, where the command was ended at once; a change of
 * the list between begins anew.
 */
static void
interrupted_is_finished_in_steps(void **state)
{
	struct fixture *f = *state;
	struct moderate_pass at = { .ticket = 0 };
	enum moderate_outcome done;
	struct moderation_entry e;
	uint32_t ticket;
	bool more;
	unsigned n;

	start(f);
	say(f, nodes_json(f, 1000), "192.0.2.1");
	must(moderation_parse(f->a, STR("address:192.0.2.0/24"), &e, NULL));
	e.verdict = VERDICT_DENIED;
	must(moderate_list(f->r, &e, false, ++f->now_us, &done, &ticket));
	must(moderate_follow(f->r, &at, ++f->now_us, 0, &more));
	assert_true(more && unfinished(f) == ticket);
	assert_in_range(total_of(f), 801, 2000);
	e.verdict = VERDICT_HIDDEN;
	must(moderate_list(f->r, &e, false, ++f->now_us, &done, &ticket));
	must(moderate_follow(f->r, &at, ++f->now_us, 0, &more));
	assert_int_equal(at.ticket, ticket);
	for (n = 0; more; n++)
		must(moderate_follow(f->r, &at, ++f->now_us, 0, &more));
	assert_in_range(n, 5, 20);
	assert_int_equal(unfinished(f), 0);
	assert_int_equal(total_of(f), 1);
	check_clean(f);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_address_of_it_counts),
		TEST(another_address_and_all_follows),
		TEST(wanted_again_meanwhile),
		TEST(too_many_wait),
		TEST(all_nodes_follow),
		TEST(denied_ends_and_comes_back_denied),
		TEST(interrupted_is_finished),
		TEST(two_at_once),
		TEST(interrupted_is_finished_in_steps),
	};

	return cmocka_run_group_tests_name("moderate", tests, NULL, NULL);
}
