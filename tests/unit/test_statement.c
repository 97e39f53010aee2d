/* Statements, removals and tombstones as peers send them; the rules are test_rules.c's. */
#include "core/merge/statement.h"
#include "core/records/peer.h"
#include "core/registry/startup.h"
#include "statement_help.h"

#define DAY_US (86400ll * 1000000)

enum deed { TAKE, TAKE_GONE, DROP, DROP_ALL, EXPIRE };

struct act {
	enum deed deed;
	uint32_t peer;
	const char *url;
	struct str bytes;
	uint64_t version;
	int64_t before_us;
	bool is_list, renumber;
	uint32_t node;
};

static enum kodo_err
act_fn(struct change *e, void *arg)
{
	struct act *a = arg;
	struct peer *p;
	struct str key = STR_NULL;
	enum kodo_err err = change_peer(e, a->peer, &p);

	if (err == KODO_OK && a->url != NULL)
		err = url_key(e->a, str_of(a->url), &key);
	if (err != KODO_OK)
		return err;
	e->is_list = a->is_list;
	switch (a->deed) {
	case TAKE:
		a->node = 0;
		return statement_take(e, p, key, a->bytes, a->version, a->renumber, &a->node);
	case TAKE_GONE:
		return statement_take_gone(e, p, str_of(a->url), key, a->version);
	case DROP:
		return statement_drop(e, p, a->node);
	case DROP_ALL:
		return statement_drop_all(e, p);
	case EXPIRE:
		return statement_expire(e, a->before_us);
	}
	return KODO_EINVAL;
}

static enum kodo_err
act(struct fixture *f, struct act *a)
{
	const struct change_type type = { .fn = act_fn };
	struct change_run run = { .type = &type, .r = f->r, .now_us = ++f->now_us, .arg = a };

	return registry_change(&run);
}

static uint32_t
take(struct fixture *f, uint32_t peer, const char *url, uint64_t version, const char *form,
    size_t n)
{
	struct act a = { .deed = TAKE, .peer = peer, .url = url, .version = version };

	a.bytes = node_bytes(f, url, form, n);
	must(act(f, &a));
	return a.node;
}

static void
gone(struct fixture *f, uint32_t peer, const char *url, uint64_t version)
{
	struct act a = { .deed = TAKE_GONE, .peer = peer, .url = url, .version = version };

	must(act(f, &a));
}

static void
start(struct fixture *f, bool feed)
{
	fixture_options(f, "http://localhost:3367", true, feed, NULL, 0);
	fixture_apply(f, START_NOW);
}

static void
node_is_shown_under_its_own_url(void **state)
{
	struct fixture *f = *state;
	uint32_t a;

	start(f, true);
	a = provider_make(f, "http://a:1", true, true);
	/* the same node, whatever it is written like */
	assert_int_equal(
	    take(f, a, "HTTP://N:1", 5, "Alpha", 1), take(f, a, NODE, 6, "Alpha", 1));
	take(f, a, "HTTP://N:1", 7, "Alpha", 1);
	gone(f, a, NODE, 8);
	assert_string_equal(known_of(f, NODE), arena_printf(f->a, "#8@%u " NODE, a));
	/* a withdrawn one leaves the url that was shown last */
	take(f, a, "HTTP://N:1", 9, "Alpha", 1);
	{
		struct act drop = { .deed = DROP, .peer = a };

		drop.node = take(f, a, "HTTP://N:1", 9, "Alpha", 1);
		must(act(f, &drop));
		assert_string_equal(known_of(f, NODE), "#10@0 HTTP://N:1");
		/* it has no statement of it any more */
		must(act(f, &drop));
		assert_string_equal(known_of(f, NODE), "#10@0 HTTP://N:1");
	}
	check_clean(f);
}

static void
what_cannot_be_read_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct act bad = { .deed = TAKE, .url = NODE, .bytes = STR("no node"), .version = 5 };
	struct str before;

	start(f, true);
	bad.peer = provider_make(f, "http://a:1", true, true);
	before = tables_read(f, T_META, T_CHANGED);
	assert_int_not_equal(act(f, &bad), KODO_OK);
	assert_true(str_eq(tables_read(f, T_META, T_CHANGED), before));
}

/* A list holds all statements of a legacy peer, an update may be an echo. */
static void
list_and_update_differ(void **state)
{
	struct fixture *f = *state;
	struct act a = { .deed = TAKE, .url = NODE };
	uint32_t kodo;

	start(f, true);
	kodo = provider_make(f, "http://a:1", true, true);
	a.peer = provider_make(f, "http://o:1", true, false);
	take(f, kodo, NODE, 5, "Alpha", 1);
	a.bytes = node_bytes(f, NODE, "Beta", 2);
	must(act(f, &a));
	assert_string_equal(known_of(f, NODE), arena_printf(f->a, "%u:5(1)*", kodo));
	a.is_list = true;
	must(act(f, &a));
	assert_int_equal(total_of(f), 2);
	check_clean(f);
}

static void
list_chunks_give_new_places(void **state)
{
	struct fixture *f = *state;
	struct act a = { .deed = TAKE, .url = NODE, .version = 5, .renumber = true };
	uint32_t n, m;

	start(f, true);
	a.peer = provider_make(f, "http://a:1", true, true);
	n = take(f, a.peer, NODE, 5, "N", 1);
	m = take(f, a.peer, "http://m:1", 5, "M", 1);
	assert_string_equal(stated_of(f, a.peer), arena_printf(f->a, "%u %u", n, m));
	a.bytes = node_bytes(f, NODE, "N", 1);
	must(act(f, &a));
	assert_string_equal(stated_of(f, a.peer), arena_printf(f->a, "%u %u", m, n));
	check_clean(f);
}

static void
provider_goes_with_all_its_statements(void **state)
{
	struct fixture *f = *state;
	struct act all = { .deed = DROP_ALL };
	struct store_stat st;
	struct peer p;
	uint32_t a, b, m;

	start(f, true);
	a = all.peer = provider_make(f, "http://a:1", true, true);
	b = provider_make(f, "http://b:1", true, true);
	take(f, a, NODE, 5, "N", 1);
	m = take(f, a, "http://m:1", 5, "M", 2);
	take(f, b, "http://m:1", 6, "Other", 3);
	assert_true(is_told_next(f, a, m));
	must(act(f, &all));
	assert_string_equal(stated_of(f, a), "");
	assert_string_equal(known_of(f, NODE), "#6@0 " NODE);
	assert_string_equal(known_of(f, "http://m:1"), arena_printf(f->a, "%u:6(3)*", b));
	/* it is no provider, and learns nothing more */
	peer_read(f, a, &p);
	assert_int_equal(p.flags & PEER_PROVIDER, 0);
	assert_int_equal(p.order, 0);
	assert_int_equal(p.out.work[WORK_NOTIFY], 0);
	assert_false(is_told_next(f, a, m));
	must(store_stat(registry_store(f->r), &st));
	assert_int_equal(st.entries[T_PROVIDER], 1);
	check_clean(f);
	/* again: nothing */
	must(act(f, &all));
	check_clean(f);
}

static void
old_tombstones_are_forgotten(void **state)
{
	struct fixture *f = *state;
	struct act expire = { .deed = EXPIRE };
	int64_t between_us;
	uint32_t a, b;

	start(f, true);
	a = provider_make(f, "http://a:1", true, true);
	b = provider_make(f, "http://b:1", true, true);
	take(f, b, NODE, 3, "Beta", 2);
	gone(f, a, NODE, 5);
	gone(f, a, "http://k:1", 5);
	between_us = f->now_us + DAY_US;
	f->now_us += 2 * DAY_US;
	gone(f, a, "http://m:1", 5);
	take(f, a, "http://l:1", 5, "L", 1);
	/* just as old is not older */
	expire.before_us = between_us - DAY_US - 1;
	must(act(f, &expire));
	assert_string_equal(known_of(f, NODE), arena_printf(f->a, "%u:3(2) #5@%u " NODE, b, a));
	expire.before_us = between_us;
	must(act(f, &expire));
	assert_string_equal(known_of(f, NODE), arena_printf(f->a, "%u:3(2)*", b));
	assert_string_equal(known_of(f, "http://k:1"), "none");
	assert_string_equal(
	    known_of(f, "http://m:1"), arena_printf(f->a, "#5@%u http://m:1", a));
	assert_string_equal(known_of(f, "http://l:1"), arena_printf(f->a, "%u:5(1)*", a));
	check_clean(f);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(node_is_shown_under_its_own_url),
		T(what_cannot_be_read_changes_nothing),
		T(list_and_update_differ),
		T(list_chunks_give_new_places),
		T(provider_goes_with_all_its_statements),
		T(old_tombstones_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
