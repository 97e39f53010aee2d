/*
 * A word and the store: what it changes is written, what follows is carried out, and nothing is
 * left of one that failed. Which statement wins is test_rules.c's.
 */
#include "core/merge/resolve.h"
#include "core/records/outbox.h"
#include "core/records/peer.h"
#include "core/registry/startup.h"
#include "statement_help.h"

static struct {
	unsigned writes, fail_at; /* 0: none fails */
} faults;

enum kodo_err __real_store_put(
    struct txn *t, enum store_table table, struct str key, struct str value);
enum kodo_err __wrap_store_put(
    struct txn *t, enum store_table table, struct str key, struct str value);
enum kodo_err __real_store_put_pair(struct txn *t, enum store_table table, struct str key,
    struct str first, struct str second);
enum kodo_err __wrap_store_put_pair(struct txn *t, enum store_table table, struct str key,
    struct str first, struct str second);
enum kodo_err __real_store_del(struct txn *t, enum store_table table, struct str key);
enum kodo_err __wrap_store_del(struct txn *t, enum store_table table, struct str key);

enum kodo_err
__wrap_store_put(struct txn *t, enum store_table table, struct str key, struct str value)
{
	return ++faults.writes == faults.fail_at ? KODO_EIO
						 : __real_store_put(t, table, key, value);
}

enum kodo_err
__wrap_store_put_pair(struct txn *t, enum store_table table, struct str key, struct str first,
    struct str second)
{
	return ++faults.writes == faults.fail_at
	    ? KODO_EIO
	    : __real_store_put_pair(t, table, key, first, second);
}

enum kodo_err
__wrap_store_del(struct txn *t, enum store_table table, struct str key)
{
	return ++faults.writes == faults.fail_at ? KODO_EIO : __real_store_del(t, table, key);
}

/* One word of a peer, or with PEER_TOMB of nobody. */
struct act {
	uint32_t peer;
	const char *url;
	struct rules_word w;
	bool renumber;
	/* after */
	uint32_t node;
	bool is_view_changed;
};

static enum kodo_err
act_fn(struct change *e, void *arg)
{
	struct act *a = arg;
	struct peer *p = NULL;
	struct str key = STR_NULL;
	enum kodo_err err = url_key(e->a, str_of(a->url), &key);

	a->w.url = str_of(a->url);
	a->w.now_us = e->now_us;
	if (err == KODO_OK && a->peer != PEER_TOMB)
		err = change_peer(e, a->peer, &p);
	if (err == KODO_OK)
		err = node_make(e->t, &e->head, key, &a->node);
	return err == KODO_OK ? resolve_word(e, p, a->node, key, &a->w, a->renumber) : err;
}

static enum kodo_err
act(struct fixture *f, struct act *a)
{
	const struct change_type type = { .fn = act_fn };
	struct change_run run = { .type = &type, .r = f->r, .now_us = ++f->now_us, .arg = a };
	enum kodo_err err;

	faults.writes = 0;
	err = registry_change(&run);
	faults.fail_at = 0;
	a->is_view_changed = run.is_view_changed;
	return err;
}

static struct act
says(struct fixture *f, uint32_t peer, const char *url, uint64_t version, const char *form,
    size_t n)
{
	struct act a = { .peer = peer,
		.url = url,
		.w = { .kind = RULES_SAYS,
		    .version = version,
		    .is_list = true,
		    .bytes = node_bytes(f, url, form, n) } };

	must(act(f, &a));
	return a;
}

static struct act
word(struct fixture *f, uint32_t peer, enum rules_kind kind, uint64_t version)
{
	struct act a = { .peer = peer, .url = NODE, .w = { .kind = kind, .version = version } };

	must(act(f, &a));
	return a;
}

static void
start(struct fixture *f)
{
	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
}

/* --- what is written --- */

static void
difference_is_written(void **state)
{
	struct fixture *f = *state;
	struct search_result res;
	uint32_t a, b;

	start(f);
	a = provider_make(f, "http://a:1", true, true);
	b = provider_make(f, "http://b:1", true, true);
	assert_true(says(f, a, NODE, 5, "Alpha", 2).is_view_changed);
	assert_string_equal(known_of(f, NODE), arena_printf(f->a, "%u:5(2)*", a));
	assert_int_equal(total_of(f), 2);
	assert_string_not_equal(stated_of(f, a), "");
	/* a shadow */
	assert_false(says(f, b, NODE, 4, "Beta", 3).is_view_changed);
	assert_string_equal(known_of(f, NODE), arena_printf(f->a, "%u:5(2)* %u:4(3)", a, b));
	assert_string_equal(stated_of(f, b), stated_of(f, a));
	assert_int_equal(total_of(f), 2);
	check_clean(f);
	/* it wins, and trades places */
	assert_true(says(f, b, NODE, 6, "Beta", 3).is_view_changed);
	assert_string_equal(known_of(f, NODE), arena_printf(f->a, "%u:5(2) %u:6(3)*", a, b));
	assert_int_equal(total_of(f), 3);
	assert_non_null(strstr(flows_of(f, "", "", 0, 10, &res), "Beta 2"));
	assert_null(strstr(flows_of(f, "", "", 0, 10, &res), "Alpha"));
	check_clean(f);
	/* a tombstone; what the speaker said goes with its place */
	assert_true(word(f, b, RULES_REMOVES, 7).is_view_changed);
	assert_string_equal(
	    known_of(f, NODE), arena_printf(f->a, "%u:5(2) #7@%u " NODE, a, b));
	assert_string_equal(stated_of(f, b), "");
	assert_int_equal(total_of(f), 0);
	check_clean(f);
	/* it is over, and what it hid is seen again */
	assert_true(word(f, PEER_TOMB, RULES_EXPIRES, 0).is_view_changed);
	assert_string_equal(known_of(f, NODE), arena_printf(f->a, "%u:5(2)*", a));
	assert_int_equal(total_of(f), 2);
	check_clean(f);
}

/* What was seen becomes a shadow, whoever ends it; a new source of the same is a change too. */
static void
winner_of_another_stays_known(void **state)
{
	struct fixture *f = *state;
	uint32_t a, b;

	start(f);
	a = provider_make(f, "http://a:1", true, true);
	b = provider_make(f, "http://b:1", true, true);
	says(f, a, NODE, 5, "Alpha", 2);
	assert_true(says(f, b, NODE, 6, "Alpha", 2).is_view_changed);
	assert_string_equal(known_of(f, NODE), arena_printf(f->a, "%u:5(2) %u:6(2)*", a, b));
	assert_true(word(f, a, RULES_REMOVES, 7).is_view_changed);
	assert_string_equal(known_of(f, NODE), arena_printf(f->a, "%u:6(2) #7@%u " NODE, b, a));
	/* a tombstone that its peer has lost becomes ours */
	says(f, a, NODE, 4, "Alpha", 2);
	assert_string_equal(
	    known_of(f, NODE), arena_printf(f->a, "%u:4(2) %u:6(2) #7@0 " NODE, a, b));
	word(f, PEER_TOMB, RULES_EXPIRES, 0);
	assert_string_equal(known_of(f, NODE), arena_printf(f->a, "%u:4(2) %u:6(2)*", a, b));
	check_clean(f);
}

/* Without versions the places of the providers decide, also of those that are read again. */
static void
first_provider_wins_without_versions(void **state)
{
	struct fixture *f = *state;
	uint32_t id[6];
	size_t i;

	start(f);
	for (i = 0; i < 6; i++)
		id[i] = provider_make(f, arena_printf(f->a, "http://p%zu:1", i), true, true);
	for (i = 6; i-- > 0;) {
		says(f, id[i], NODE, 0, "P", 1 + i);
		assert_int_equal(total_of(f), 1 + i);
	}
	says(f, id[3], NODE, 0, "Q", 9);
	assert_int_equal(total_of(f), 1);
	word(f, id[0], RULES_WITHDRAWS, 0);
	assert_int_equal(total_of(f), 2);
	word(f, id[1], RULES_WITHDRAWS, 0);
	word(f, id[2], RULES_WITHDRAWS, 0);
	assert_int_equal(total_of(f), 9);
	check_clean(f);
}

static void
repeated_word_writes_nothing(void **state)
{
	struct fixture *f = *state;
	struct str before, order;
	uint32_t a, b;

	start(f);
	a = provider_make(f, "http://a:1", true, true);
	b = provider_make(f, "http://b:1", true, true);
	says(f, a, NODE, 5, "Alpha", 2);
	says(f, b, NODE, 4, "Beta", 2);
	before = tables_read(f, T_NODE, T_ORDER);
	assert_false(says(f, a, NODE, 5, "Alpha", 2).is_view_changed);
	assert_false(says(f, b, NODE, 4, "Beta", 2).is_view_changed);
	assert_true(str_eq(tables_read(f, T_NODE, T_ORDER), before));
	/* another version of the same leaves the order of the flows alone */
	order = tables_read(f, T_ORDER, T_ORDER);
	assert_false(says(f, a, NODE, 6, "Alpha", 2).is_view_changed);
	assert_true(str_eq(tables_read(f, T_ORDER, T_ORDER), order));
	assert_false(str_eq(tables_read(f, T_NODE, T_NODE), before));
	check_clean(f);
}

static void
places_stay_or_are_new(void **state)
{
	struct fixture *f = *state;
	struct act first, second;
	uint32_t a;

	start(f);
	a = provider_make(f, "http://a:1", true, true);
	first = says(f, a, "http://m:1", 5, "M", 1);
	second = says(f, a, NODE, 5, "N", 1);
	says(f, a, "http://m:1", 6, "Other", 1);
	assert_string_equal(
	    stated_of(f, a), arena_printf(f->a, "%u %u", first.node, second.node));
	/* also of what is not changed */
	first.renumber = true;
	first.w.version = 6;
	first.w.bytes = node_bytes(f, "http://m:1", "Other", 1);
	must(act(f, &first));
	assert_string_equal(
	    stated_of(f, a), arena_printf(f->a, "%u %u", second.node, first.node));
	check_clean(f);
}

static void
node_of_which_nothing_is_known_goes(void **state)
{
	struct fixture *f = *state;
	struct store_stat st;
	uint32_t a;

	start(f);
	a = provider_make(f, "http://a:1", true, true);
	word(f, a, RULES_REMOVES, 0);
	assert_string_equal(known_of(f, NODE), "none");
	says(f, a, NODE, 5, "Alpha", 2);
	word(f, a, RULES_WITHDRAWS, 0);
	assert_string_equal(known_of(f, NODE), "#6@0 " NODE);
	word(f, PEER_TOMB, RULES_EXPIRES, 0);
	assert_string_equal(known_of(f, NODE), "none");
	must(store_stat(registry_store(f->r), &st));
	assert_int_equal(st.entries[T_NODE_URL], 0);
	assert_int_equal(st.entries[T_STATED], 0);
	check_clean(f);
}

/* Whichever write fails, the store is as before. */
static void
failed_word_leaves_nothing(void **state)
{
	static const struct {
		enum rules_kind kind;
		uint64_t version;
	} words[] = { { RULES_SAYS, 7 }, { RULES_SAYS, 3 }, { RULES_REMOVES, 7 },
		{ RULES_WITHDRAWS, 0 } };
	struct fixture *f = *state;
	struct str before;
	unsigned failed, i;
	uint32_t a, b;

	start(f);
	a = provider_make(f, "http://a:1", true, true);
	b = provider_make(f, "http://b:1", true, true);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct act again = { .peer = b,
			.url = NODE,
			.w = { .kind = words[i].kind,
			    .version = words[i].version + 100 * i,
			    .is_list = true,
			    .bytes = node_bytes(f, NODE, "Gamma", 3) } };

		says(f, a, NODE, 5 + 100 * i, "Alpha", 2);
		says(f, b, NODE, 6 + 100 * i, "Beta", 1);
		before = tables_read(f, T_META, T_CHANGED);
		for (failed = 1;; failed++) {
			enum kodo_err err;

			faults.fail_at = failed;
			err = act(f, &again);
			if (err == KODO_OK)
				break;
			assert_int_equal(err, KODO_EIO);
			assert_true(str_eq(tables_read(f, T_META, T_CHANGED), before));
		}
		/* the head, two or three records, the order, what others must learn */
		assert_true(failed > 4);
		check_clean(f);
	}
}

/* --- what follows --- */

static void
others_are_notified(void **state)
{
	struct fixture *f = *state;
	uint32_t a, b, silent, node;
	struct peer p;

	start(f);
	a = provider_make(f, "http://a:1", true, true);
	b = provider_make(f, "http://b:1", true, true);
	silent = provider_make(f, "http://s:1", false, true);
	node = says(f, a, NODE, 5, "Alpha", 2).node;
	assert_false(is_told_next(f, a, node));
	assert_true(is_told_next(f, b, node));
	assert_false(is_told_next(f, silent, node));
	peer_read(f, b, &p);
	assert_true(p.filed.has_pos && p.out.work[WORK_NOTIFY] == 0); /* by its position */
	/* a peer with another statement is notified, if it is a subscriber */
	news_forget(f);
	says(f, b, NODE, 4, "Beta", 2);
	assert_true(is_told_next(f, b, node));
	assert_false(is_told_next(f, a, node));
	news_forget(f);
	says(f, silent, NODE, 4, "Silent", 2);
	assert_false(is_told_next(f, silent, node));
	peer_read(f, silent, &p);
	assert_int_equal(p.out.work[WORK_RECONNECT], 0);
	/* and asked to connect again, if it is none, whenever another is seen */
	says(f, a, NODE, 6, "Gamma", 2);
	assert_true(is_told_next(f, b, node));
	peer_read(f, silent, &p);
	assert_true(p.out.work[WORK_RECONNECT] != 0);
	peer_read(f, b, &p);
	assert_int_equal(p.out.work[WORK_RECONNECT], 0);
	/* also where nothing is seen any more */
	provider_make(f, "http://s:1", false, true);
	says(f, silent, NODE, 4, "Silent", 2);
	word(f, b, RULES_REMOVES, 7);
	peer_read(f, silent, &p);
	assert_true(p.out.work[WORK_RECONNECT] != 0);
	check_clean(f);
}

static void
same_statement_is_not_asked_about(void **state)
{
	struct fixture *f = *state;
	uint32_t a, silent;
	struct peer p;

	start(f);
	a = provider_make(f, "http://a:1", true, true);
	silent = provider_make(f, "http://s:1", false, true);
	says(f, silent, NODE, 4, "Gamma", 2);
	says(f, a, NODE, 5, "Alpha", 2);
	peer_read(f, silent, &p);
	assert_true(p.out.work[WORK_RECONNECT] != 0);
	provider_make(f, "http://s:1", false, true);	/* it does */
	says(f, silent, NODE, 4, "Gamma", 2);
	says(f, a, NODE, 6, "Gamma", 2);
	peer_read(f, silent, &p);
	assert_int_equal(p.out.work[WORK_RECONNECT], 0);
	check_clean(f);
}

static void
doubtful_update_starts_a_resync(void **state)
{
	struct fixture *f = *state;
	struct act update = { .url = NODE, .w = { .kind = RULES_SAYS } };
	struct peer p;
	uint32_t old;

	start(f);
	old = update.peer = provider_make(f, "http://o:1", true, false);
	says(f, old, NODE, 0, "Alpha", 2);
	update.w.bytes = node_bytes(f, NODE, "Beta", 3);
	must(act(f, &update));
	assert_int_equal(total_of(f), 2);
	peer_read(f, old, &p);
	assert_true(p.out.work[WORK_CONNECT] != 0);
	assert_int_equal(p.resync.n, 1);
	check_clean(f);
}

static void
speakers_are_what_their_peers_are(void **state)
{
	struct fixture *f = *state;
	uint32_t a, owner, silent;

	start(f);
	a = provider_make(f, "http://a:1", true, true);
	owner = provider_make(f, NODE, false, true);
	silent = provider_make(f, "http://s:1", false, false);
	/* an owner's word is raised over all that is known */
	says(f, a, NODE, 5, "Alpha", 2);
	says(f, owner, NODE, 3, "Owner", 3);
	assert_string_equal(known_of(f, NODE),
	    arena_printf(
		f->a, "%u:5(2) %u:%llu(3)*", a, owner, (unsigned long long)f->now_us));
	/* so is that of a legacy peer that does not feed, but not when it says it again */
	says(f, silent, "http://m:1", 0, "Silent", 1);
	says(f, a, "http://m:1", (uint64_t)f->now_us + 9, "Alpha", 2);
	says(f, silent, "http://m:1", 0, "Silent", 1);
	assert_non_null(strstr(known_of(f, "http://m:1"), "(2)*"));
	says(f, silent, "http://m:1", 0, "News", 4);
	assert_non_null(strstr(known_of(f, "http://m:1"), "(4)*"));
	/* the own node is seen, whatever others say, and raised over it */
	says(f, PEER_SELF, "http://localhost:3367", 0, "Own", 2);
	assert_string_equal(known_of(f, "http://localhost:3367"),
	    arena_printf(f->a, "0:%llu(2)*", (unsigned long long)f->now_us));
	says(f, a, "http://localhost:3367", (uint64_t)f->now_us + 9, "Ghost", 3);
	assert_non_null(strstr(known_of(f, "http://localhost:3367"), "(2)*"));
	check_clean(f);
}

/* A legacy peer that does not feed speaks for its owners, but not for this service. */
static void
own_node_behind_a_silent_peer(void **state)
{
	struct fixture *f = *state;
	const char *known;
	uint32_t silent, other, node;

	start(f);
	silent = provider_make(f, "http://s:1", false, false);
	other = provider_make(f, "http://b:1", true, true);
	node = says(f, silent, "http://localhost:3367", 0, "Ghost", 1).node;
	assert_int_equal(total_of(f), 0);
	known = known_of(f, "http://localhost:3367");
	assert_non_null(strstr(known, "#"));
	news_forget(f);
	says(f, silent, "http://localhost:3367", 0, "Ghost", 1);
	assert_string_equal(known_of(f, "http://localhost:3367"), known);
	assert_false(is_told_next(f, other, node));
	check_clean(f);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(difference_is_written),
		T(winner_of_another_stays_known),
		T(first_provider_wins_without_versions),
		T(repeated_word_writes_nothing),
		T(places_stay_or_are_new),
		T(node_of_which_nothing_is_known_goes),
		T(failed_word_leaves_nothing),
		T(others_are_notified),
		T(same_statement_is_not_asked_about),
		T(doubtful_update_starts_a_resync),
		T(speakers_are_what_their_peers_are),
		T(own_node_behind_a_silent_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
