#include "core/check/integrity.h"
#include "core/query/query.h"
#include "core/registry/expire.h"
#include "core/registry/requests.h"
#include "core/registry/startup.h"
#include "core/storage/sink.h"
#include "core/views/render.h"
#include "core/views/search.h"
#include "registry_help.h"

static void
connect_node(struct fixture *f, const char *url, const char *prefix, size_t n)
{
	char *list = arena_printf(f->a, "[%s]", node_json(f, url, prefix, n));
	struct wire_body b = body_of(f, url, false, list, NULL);
	struct receipt in;

	f->now_us += 1000;
	must(registry_connect(f->r, &b, f->now_us, &in));
	assert_true(in.known);
}

static void
own_flows_are_seen_and_listed_first(void **state)
{
	struct fixture *f = *state;
	struct search_result res;
	struct sink out = SINK_INIT(NULL);
	struct view v;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 3);
	fixture_apply(f, START_NOW);
	assert_int_equal(total_of(f), 3);
	connect_node(f, "http://a:1", "Alpha", 2);
	assert_int_equal(total_of(f), 5);
	assert_non_null(
	    strstr(flows_of(f, "", "", 0, 10, &res), "\"url\":\"http://a:1/flows/Alpha0\""));
	assert_int_equal(res.total, 5);
	assert_int_equal(res.filtered, 5);
	must(view_begin(f->r, f->now_us, &v));
	must(render_connect(&v, &out));
	view_end(&v);
	assert_true(strstr(buf_z(&out.buf), "/own0") < strstr(buf_z(&out.buf), "/Alpha0"));
	sink_free(&out);
	check_clean(f);
}

static void
connect_replaces_and_update_adds(void **state)
{
	struct fixture *f = *state;
	struct receipt in;
	struct wire_body b;
	struct view v;
	uint64_t before;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	connect_node(f, "http://a:1", "Alpha", 4);
	connect_node(f, "http://a:1", "Alpha", 2);
	assert_int_equal(total_of(f), 2);
	b = body_of(f, "http://a:1", false,
	    arena_printf(f->a, "[%s]", node_json(f, "http://b:2", "Beta", 3)), NULL);
	must(registry_update(f->r, &b, f->now_us, &in));
	assert_true(in.known);
	assert_int_equal(total_of(f), 5);
	check_clean(f);
	connect_node(f, "http://a:1", "Alpha", 1);	/* the other node vanished from its list */
	assert_int_equal(total_of(f), 1);
	b = body_of(f, "http://nobody:1", false, "[]", NULL);
	must(view_begin(f->r, f->now_us, &v));
	before = v.head.state;
	view_end(&v);
	must(registry_update(f->r, &b, f->now_us, &in));
	assert_false(in.known);
	must(registry_reconnect(f->r, &b, f->now_us, &in));
	assert_false(in.known);
	must(view_begin(f->r, f->now_us, &v));
	assert_int_equal(v.head.state, before);	/* nothing was committed for it */
	view_end(&v);
	check_clean(f);
}

static void
disconnect_of_nodes_and_of_the_provider(void **state)
{
	struct fixture *f = *state;
	struct receipt in;
	struct wire_body b;
	uint64_t ticket;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	b = body_of(f, "http://a:1", false,
	    arena_printf(f->a, "[%s,%s]", node_json(f, "http://a:1", "A", 2),
		node_json(f, "http://b:2", "B", 3)),
	    NULL);
	must(registry_connect(f->r, &b, f->now_us, &in));
	b = disconnect_of(f, "http://a:1", "[\"http://b:2\",\"http://nope:1\"]", NULL);
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	assert_int_equal(total_of(f), 2);
	b = disconnect_of(f, "http://a:1", "[\"http://a:1\"]", NULL);
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	assert_true(in.removed);
	assert_int_equal(total_of(f), 0);
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	assert_false(in.known);
	check_clean(f);
}

/*
 * Two providers with versions: the higher wins, also late; a tombstone hides; a newer word ends it.
 */
static void
versions_decide(void **state)
{
	struct fixture *f = *state;
	struct search_result res;
	struct receipt in;
	struct wire_body b;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	b = body_of(f, "http://p:1", true,
	    arena_printf(f->a, "[%s]", node_json(f, "http://n:1", "Old", 1)),
	    "{\"versions\":{\"http://n:1\":10}}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	b = body_of(f, "http://q:1", true,
	    arena_printf(f->a, "[%s]", node_json(f, "http://n:1", "New", 1)),
	    "{\"versions\":{\"http://n:1\":11}}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	assert_non_null(strstr(flows_of(f, "", "", 0, 10, &res), "New 0"));
	assert_int_equal(res.total, 1);
	b = body_of(f, "http://p:1", true,
	    arena_printf(f->a, "[%s]", node_json(f, "http://n:1", "Older", 1)),
	    "{\"versions\":{\"http://n:1\":9}}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	assert_non_null(strstr(flows_of(f, "", "", 0, 10, &res), "New 0"));
	b = body_of(f, "http://p:1", true, "[]", "{\"gone\":{\"http://n:1\":12}}");
	must(registry_update(f->r, &b, f->now_us, &in));
	assert_int_equal(total_of(f), 0);
	check_clean(f);
	b = body_of(f, "http://q:1", true,
	    arena_printf(f->a, "[%s]", node_json(f, "http://n:1", "New", 1)),
	    "{\"versions\":{\"http://n:1\":12}}");
	must(registry_update(f->r, &b, f->now_us, &in));
	assert_int_equal(total_of(f), 0);	/* equal versions: the tombstone */
	b = body_of(f, "http://q:1", true,
	    arena_printf(f->a, "[%s]", node_json(f, "http://n:1", "Back", 2)),
	    "{\"versions\":{\"http://n:1\":13}}");
	must(registry_update(f->r, &b, f->now_us, &in));
	assert_int_equal(total_of(f), 2);
	check_clean(f);
}

/* The owner sends no version: each of his changes is raised over what is known. */
static void
owners_word_wins_at_ingest(void **state)
{
	struct fixture *f = *state;
	struct search_result res;
	struct receipt in;
	struct wire_body b;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	b = body_of(f, "http://q:1", true,
	    arena_printf(f->a, "[%s]", node_json(f, "http://n:1", "Rumour", 1)),
	    arena_printf(
		f->a, "{\"versions\":{\"http://n:1\":%lld}}", (long long)(T0 + 86400ll * 1000000)));
	must(registry_connect(f->r, &b, f->now_us, &in));
	connect_node(f, "http://n:1", "Owner", 3);
	assert_non_null(strstr(flows_of(f, "", "", 0, 10, &res), "Owner 2"));
	assert_int_equal(res.total, 3);
	check_clean(f);
}

static void
own_node_is_defended(void **state)
{
	struct fixture *f = *state;
	struct search_result res;
	struct receipt in;
	struct wire_body b;
	int i;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 2);
	fixture_apply(f, START_NOW);
	for (i = 0; i < 2; i++) {
		b = body_of(f, "http://q:1", true,
		    arena_printf(f->a, "[%s]", node_json(f, "http://localhost:3367", "Fake", 1)),
		    arena_printf(f->a, "{\"versions\":{\"http://localhost:3367\":%lld}}",
			(long long)(T0 + 1000000 * (i + 1))));
		must(i == 0 ? registry_connect(f->r, &b, f->now_us, &in)
			    : registry_update(f->r, &b, f->now_us, &in));
		assert_non_null(strstr(flows_of(f, "", "", 0, 10, &res), "Own 1"));
		assert_int_equal(res.total, 2);
		/* a new peer has ours in the answer, and is probed; any other is notified of it */
		assert_true(in.wake);
		assert_int_equal(is_idle(f), i == 0);
		strangers_prove(f);
	}
	check_clean(f);
}

/*
 * Random connects, updates and disconnects against a plain model; the default order and counts are
 * walked at the end of each round.
 */
static void
random_changes_keep_order_and_counts(void **state)
{
	struct fixture *f = *state;
	size_t flows[20] = { 0 };
	unsigned seed = 4711, round;
	struct search_result res;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 1);
	fixture_apply(f, START_NOW);
	for (round = 0; round < 400; round++) {
		unsigned n = (unsigned)rand_r(&seed) % 20;
		char *url = arena_printf(f->a, "http://n%u:1", n);
		char *prefix = arena_printf(f->a, "P%u", (unsigned)rand_r(&seed) % 7);
		size_t i, want = 1;

		if (rand_r(&seed) % 4 == 0) {
			struct wire_body b =
			    disconnect_of(f, url, arena_printf(f->a, "[\"%s\"]", url), NULL);
			struct receipt in;
			uint64_t ticket;

			must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
			assert_int_equal(in.known, flows[n] > 0);
			flows[n] = 0;
		} else {
			flows[n] = 1 + (size_t)rand_r(&seed) % 40;
			connect_node(f, url, prefix, flows[n]);
		}
		for (i = 0; i < 20; i++)
			want += flows[i];
		assert_int_equal(total_of(f), want);
		if (round % 20 == 0)
			check_clean(f);
		flows_of(f, "", "name:d", 0, 5, &res);
		assert_int_equal(res.filtered, want);
	}
	check_clean(f);
}

/* More flows than one block of the default order holds, and pages at every depth. */
static void
pages_cover_everything_once(void **state)
{
	struct fixture *f = *state;
	struct search_result res;
	char last[64] = "";
	unsigned n, p;
	size_t seen = 0;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	for (n = 0; n < 40; n++)
		connect_node(f, arena_printf(f->a, "http://n%u:1", n),
		    arena_printf(f->a, "Name %c", 'A' + (int)(n * 7 % 26)), 37);
	for (p = 0; ; p++) {
		const char *items = flows_of(f, "", "", p, 100, &res), *at = items;

		while ((at = strstr(at, "\"name\":\"")) != NULL) {
			char name[64];

			at += 8;
			snprintf(name, sizeof(name), "%.*s", (int)(strchr(at, '"') - at), at);
			assert_true(strcmp(last, name) <= 0);
			snprintf(last, sizeof(last), "%s", name);
			seen++;
		}
		if (items[0] == '\0')
			break;
	}
	assert_int_equal(seen, 40 * 37);
	assert_int_equal(p, 15);
	check_clean(f);
}

static void
full_text_and_query(void **state)
{
	struct fixture *f = *state;
	struct search_result res;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	connect_node(f, "http://a:1", "Alpha", 4);
	connect_node(f, "http://b:1", "Beta", 5);
	flows_of(f, "aLPHA 3", "", 0, 10, &res);
	assert_int_equal(res.filtered, 1);
	flows_of(f, "organization == \"Org Beta\"", "", 0, 10, &res);
	assert_int_equal(res.filtered, 5);
	flows_of(f, "@tag(\"t1\") and name ~ \"beta\"", "", 0, 10, &res);
	assert_int_equal(res.filtered, 2);
}

static void
state_survives_reopening(void **state)
{
	struct fixture *f = *state;
	const struct options *o;

	fixture_options(f, "http://localhost:3367", true, true, "http://t:1", 1);
	fixture_apply(f, START_NOW);
	connect_node(f, "http://a:1", "Alpha", 4);
	registry_close(f->r);
	fixture_open(f);
	assert_int_equal(total_of(f), 5);
	must(registry_options(f->r, &o));
	assert_int_equal(o->n_connect, 1);
	check_clean(f);
}

/* A removal is remembered for tombstone_days; its expiry in the runner forgets it after that. */
static void
tombstones_expire(void **state)
{
	struct fixture *f = *state;
	struct receipt in;
	struct wire_body b;
	struct store_stat st;
	uint64_t ticket;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	connect_node(f, "http://a:1", "Alpha", 2);
	b = disconnect_of(f, "http://a:1", "[\"http://a:1\"]", NULL);
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	f->now_us += 29ll * 86400 * 1000000;
	must(expire_run(f->r, f->now_us));
	must(store_stat(registry_store(f->r), &st));
	assert_int_equal(st.entries[T_SHADOW], 1);
	f->now_us += 2ll * 86400 * 1000000;
	must(expire_run(f->r, f->now_us));
	must(store_stat(registry_store(f->r), &st));
	assert_int_equal(st.entries[T_SHADOW], 0);
	assert_int_equal(st.entries[T_NODE_URL], 0);
	check_clean(f);
}

/* The one item that an open view shows, in the fixture's arena. */
static const char *
item_seen(struct fixture *f, struct view *v)
{
	struct search_query fq = { .p = 0, .pp = 10 };
	struct sink out = SINK_INIT(NULL);
	struct search_sink s = { .out = &out };
	struct search_result res;
	const char *text;

	must(query_compile(f->a, STR_NULL, &fq.q));
	must(order_parse(f->a, STR_NULL, &fq.by));
	must(search_flows(v, f->a, &fq, &s, &res));
	text = arena_strz(f->a, buf_str(&out.buf));
	sink_free(&out);
	return text;
}

/* What is cached between requests is that of a commit: neither side of one sees the other's. */
static void
views_see_the_times_of_their_commit(void **state)
{
	struct fixture *f = *state;
	const struct options *o;
	const char *first, *second;
	struct view before, after;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	connect_node(f, "http://a:1", "Alpha", 1);
	must(view_begin(f->r, f->now_us, &before));
	first = item_seen(f, &before);
	f->now_us += 3600ll * 1000000;
	connect_node(f, "http://a:1", "Alpha", 1);
	/* now the newer commit's are kept, while the older view is still read */
	must(registry_options(f->r, &o));
	assert_string_equal(item_seen(f, &before), first);
	view_end(&before);
	must(view_begin(f->r, f->now_us, &after));
	second = item_seen(f, &after);
	assert_string_not_equal(second, first);
	assert_string_equal(item_seen(f, &after), second);
	assert_true(after.head.state > before.head.state);
	view_end(&after);
}

static void
errors_count(void *arg, enum finding kind, const char *line)
{
	(void)line;
	*(unsigned *)arg += kind == FINDING_ERROR;
}

static unsigned
count_errors(struct fixture *f)
{
	unsigned n = 0;

	must(integrity_check(f->r, f->now_us, errors_count, &n));
	return n;
}

/* Empty the table that arg points to. */
static enum kodo_err
empty_table(struct txn *t, void *arg)
{
	return store_del_under(t, *(enum store_table *)arg, STR_NULL);
}

/* File a peer that there is not. */
static enum kodo_err
file_stranger(struct txn *t, void *arg)
{
	const enum store_table table = *(enum store_table *)arg;
	return store_put(t, table, table == T_DUE ? STR("\1\0\0\0\0\0\0\0\1\0\0\0\x4d")
						: STR("\0\0\0\0\0\0\0\1\0\0\0\x4d"), STR(""));
}

static void
connect_done(struct fixture *f)
{
	struct exchange_result res = { .status = 201, .body = STR("") };
	struct exchange_job job;
	int64_t due_us;
	bool wake;

	must(schedule_next(f->r, f->a, f->now_us, NULL, 0, &job, &due_us, NULL));
	assert_int_equal(job.kind, EXCHANGE_CONNECT);
	must(outcome_take(f->r, f->a, &job, &res, f->now_us, &wake));
}

/* A peer that is not among the due is never sent anything: `kodo check` finds it. */
static void
peers_out_of_file_are_found(void **state)
{
	static const char *const targets[] = { "http://target:1", "http://other:1" };
	static enum store_table tables[] = { T_DUE, T_BEHIND };
	size_t i;

	for (i = 0; i < 2; i++) {
		struct fixture *f = *state;

		fixture_options(f, "http://own:1", true, true, targets[i], 1);
		fixture_apply(f, START_NOW);
		if (tables[i] == T_BEHIND)
			connect_done(f); /* it waits for what is new */
		assert_int_equal(count_errors(f), 0);
		must(store_write(registry_store(f->r), file_stranger, &tables[i]));
		assert_int_equal(count_errors(f), 1);
		must(store_write(registry_store(f->r), empty_table, &tables[i]));
		assert_int_equal(count_errors(f), 2);
		fixture_teardown(state);
		fixture_setup(state);
	}
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(own_flows_are_seen_and_listed_first),
		T(connect_replaces_and_update_adds),
		T(disconnect_of_nodes_and_of_the_provider),
		T(versions_decide),
		T(owners_word_wins_at_ingest),
		T(own_node_is_defended),
		T(random_changes_keep_order_and_counts),
		T(pages_cover_everything_once),
		T(full_text_and_query),
		T(tombstones_expire),
		T(state_survives_reopening),
		T(views_see_the_times_of_their_commit),
		T(peers_out_of_file_are_found),
	};

	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
