/* Clocks that were months ahead, and are right again. */
#include "exchange_help.h"

#include "core/base/limit.h"
#include "core/records/head.h"
#include "core/merge/rules.h"
#include "core/records/known.h"
#include "core/registry/requests.h"

#define DAY_US (86400 * SECOND_US)
#define PEER "http://p:1"
#define NODE "http://n:1"
#define RIGHT "2025-11-24T16:00:00Z"
#define AHEAD "2026-01-23T16:00:00Z"

static void
says_at(struct fixture *f, bool is_update, const char *now, const char *nodes, const char *kodo)
{
	const char *text = arena_printf(f->a,
	    "{\"url\":\"" PEER "\",\"organization\":null,\"registry\":true,\"feed\":true,"
	    "\"idle\":true,\"now\":\"%s\",\"message\":[],\"nodes\":%s,\"kodo\":%s}",
	    now, nodes, kodo);
	struct wire_refusal no;
	struct wire_body b;
	struct receipt in;

	must(wire_read(
	    f->a, WIRE_CONNECT, str_of(text), f->now_us, STR_NULL, &b, &no));
	if (is_update)
		must(registry_update(f->r, &b, f->now_us, &in));
	else
		must(registry_connect(f->r, &b, f->now_us, &in));
}

static void
connects_at(struct fixture *f, const char *now, const char *nodes, const char *kodo)
{
	says_at(f, false, now, nodes, kodo);
}

static struct known
known_of(struct fixture *f, const char *url)
{
	struct known kn = { .version = 0 };
	struct str key;
	struct txn t;
	uint32_t node;
	enum kodo_err err;

	must(url_key(f->a, str_of(url), &key));
	must(store_begin(registry_store(f->r), STORE_READ, &t));
	err = node_find(&t, key, &node);
	if (err == KODO_OK)
		must(known_get(&t, node, &kn));
	must(store_end(&t, KODO_OK));
	return kn;
}

static const char *
node_of(struct fixture *f, const char *url)
{
	return arena_printf(f->a, "[%s]", node_json(f, url, "N", 1));
}

/* What the service itself, its node, and a peer said while its clock was 60 days ahead. */
static void
versions_of_a_wrong_clock(struct fixture *f)
{
	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	f->now_us += 60 * DAY_US;
	fixture_apply(f, START_NOW);
	connects_at(f, RIGHT, arena_printf(f->a, "[%s,%s]", node_json(f, PEER, "P", 1),
	    node_json(f, NODE, "N", 1)),
	    arena_printf(f->a, "{\"versions\":{\"" NODE "\":%lld}}", (long long)f->now_us - 5));
	f->now_us -= 60 * DAY_US;
	assert_true(known_of(f, "http://localhost:3367").version >
	    (uint64_t)(f->now_us + LIMIT_VERSION_AHEAD_US));
}

static void
own_version_is_of_today_again(void **state)
{
	struct fixture *f = *state;
	const uint64_t before = (uint64_t)f->now_us;

	versions_of_a_wrong_clock(f);
	f->now_us += SECOND_US;
	connects_at(f, RIGHT, "[]", "{}");
	assert_true(known_of(f, "http://localhost:3367").is_seen);
	assert_within((int64_t)known_of(f, "http://localhost:3367").version, (int64_t)before,
	    f->now_us);
	check_clean(f);
}

/* An owner's word stays; what was relayed has to be said anew. */
static void
words_of_others(void **state)
{
	struct fixture *f = *state;

	versions_of_a_wrong_clock(f);
	assert_true(known_of(f, NODE).is_seen && known_of(f, PEER).is_seen);
	f->now_us += SECOND_US;
	connects_at(f, RIGHT, node_of(f, PEER), "{}");
	assert_true(known_of(f, PEER).is_seen);
	assert_true(known_of(f, PEER).version <= (uint64_t)f->now_us + RULES_GIVEN);
	assert_false(known_of(f, NODE).is_seen);
	connects_at(f, RIGHT,
	    arena_printf(f->a, "[%s,%s]", node_json(f, PEER, "P", 1), node_json(f, NODE, "N", 1)),
	    "{\"versions\":{\"" NODE "\":7}}");
	assert_true(known_of(f, NODE).is_seen);
	assert_int_equal(known_of(f, NODE).version, 7);
	check_clean(f);
}

/* A tombstone of that time hides what was said before, and nothing of today. */
static void
tombstone_is_of_today(void **state)
{
	struct fixture *f = *state;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	f->now_us += 60 * DAY_US;
	fixture_apply(f, START_NOW);
	connects_at(f, RIGHT, node_of(f, PEER), "{}");
	connects_at(f, RIGHT, "[]", "{}");
	assert_false(known_of(f, PEER).is_seen);
	f->now_us -= 60 * DAY_US - SECOND_US;
	connects_at(f, RIGHT, "[]", "{}");
	assert_true(known_of(f, PEER).is_gone);
	assert_true(known_of(f, PEER).tomb.version <= (uint64_t)f->now_us);
	f->now_us += SECOND_US;
	connects_at(f, RIGHT, node_of(f, PEER), "{}");
	assert_true(known_of(f, PEER).is_seen);
	check_clean(f);
}

/* A clock that is behind by months sees far versions everywhere: nobody agrees with it. */
static void
nothing_is_reset_by_a_clock_that_is_behind(void **state)
{
	struct fixture *f = *state;
	uint64_t version;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	connects_at(f, RIGHT, node_of(f, PEER), "{}");
	version = known_of(f, PEER).version;
	f->now_us -= 60 * DAY_US;
	connects_at(f, RIGHT, node_of(f, PEER), "{}");
	assert_int_equal(known_of(f, PEER).version, version);
}

/* What was left out while a clock was wrong is asked for. */
static void
list_is_asked_for_when_clocks_agree(void **state)
{
	struct fixture *f = *state;
	struct exchange_job job;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	connects_at(f, RIGHT, "[]", "{}");
	strangers_prove(f);
	says_at(f, true, AHEAD, "[]", "{}");
	assert_int_equal(peer_of(f, PEER).in.skew_us / DAY_US, 60);
	assert_int_equal(nothing_until(f), INT64_MAX);
	says_at(f, true, RIGHT, "[]", "{}");
	assert_int_equal(peer_of(f, PEER).in.skew_us / DAY_US, 0);
	next_is(f, EXCHANGE_RECONNECT, &job);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(own_version_is_of_today_again),
		T(words_of_others),
		T(tombstone_is_of_today),
		T(nothing_is_reset_by_a_clock_that_is_behind),
		T(list_is_asked_for_when_clocks_agree),
	};

	return cmocka_run_group_tests_name("clocks", tests, NULL, NULL);
}
