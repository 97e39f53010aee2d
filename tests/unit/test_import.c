/* Sources of imports, without a network: what a document brings, in how many transactions. */
#include "core/import/place.h"
#include "core/import/walk.h"
#include "registry_help.h"

#define SOURCE	"https://r.example/.well-known/ard.json"
#define MANY	5000u

/* A manifest of n agents, the first of them numbered first. */
static struct str
manifest(struct fixture *f, unsigned first, unsigned n)
{
	struct buf b = BUF_INIT(0);
	struct str out;
	unsigned i;

	buf_puts(&b, "{\"entries\":[");
	for (i = first; i < first + n; i++)
		buf_printf(&b, "%s{\"identifier\":\"urn:air:r.example:n%u:a%u\",\"displayName\":"
		    "\"Agent %u\",\"type\":\"a/b\",\"url\":\"https://r.example/%u\"}",
		    i == first ? "" : ",", i % 7, i, i, i);
	buf_puts(&b, "]}");
	must(arena_str(f->a, buf_str(&b), &out));
	buf_free(&b);
	return out;
}

/* The next step of any source. false: nothing is due. */
static bool
next(struct fixture *f, struct walk_work *work)
{
	int64_t due_us = INT64_MAX;
	const enum kodo_err err = walk_next(f->r, f->a, f->now_us, NULL, 0, work, &due_us);

	if (err != KODO_ENOTFOUND)
		must(err);
	return err == KODO_OK;
}

/* Steps that need no network, a transaction each. How many they were. */
static unsigned
settle(struct fixture *f)
{
	struct settle_rivals rivals;
	struct walk_work work;
	uint64_t position;
	unsigned n = 0;

	for (; next(f, &work); n++) {
		assert_int_equal(work.step, WALK_SETTLE);
		must(walk_rivals(f->r, f->a, work.slug, &rivals, &position));
		must(walk_settle(f->r, &work, &rivals, f->now_us));
	}
	return n;
}

/* Read the source, which answers with that. How many transactions its entries were. */
static uint64_t
read_source(struct fixture *f, struct str body)
{
	const struct walk_answer answer = { .status = 200, .body = body };
	char slug[WALK_SLUG_BYTES];
	struct walk_work work;
	uint64_t before;

	must(walk_want(f->r, STR(SOURCE), f->now_us, slug));
	assert_true(next(f, &work));
	assert_int_equal(work.step, WALK_FETCH);
	before = head_of(f).state;
	must(walk_take(f->r, &work, &answer, f->now_us));
	return head_of(f).state - before;
}

static void
start(struct fixture *f)
{
	fixture_options(f, "https://own.example", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
}

/* Others can write between two of its parts. */
static void
large_page_is_stored_in_steps(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_in_range(read_source(f, manifest(f, 0, MANY)), 3, 10);
	settle(f);
	assert_int_equal(head_of(f).total, MANY);
	/* what it does not name any more goes, what is new comes */
	read_source(f, manifest(f, 10, MANY));
	settle(f);
	assert_int_equal(head_of(f).total, MANY);
	assert_int_equal(read_source(f, manifest(f, 10, 3)), 1);
	settle(f);
	assert_int_equal(head_of(f).total, 3);
}

static void
late_answer_changes_nothing(void **state)
{
	struct fixture *f = *state;
	const struct walk_answer answer = { .status = 200, .body = manifest(f, 0, MANY) };
	char slug[WALK_SLUG_BYTES];
	struct walk_work first, again;

	start(f);
	must(walk_want(f->r, STR(SOURCE), f->now_us, slug));
	assert_true(next(f, &first));
	assert_true(next(f, &again));
	assert_int_equal(again.walk, first.walk);
	must(walk_take(f->r, &again, &answer, f->now_us));
	must(walk_take(f->r, &first, &answer, f->now_us));
	settle(f);
	assert_int_equal(head_of(f).total, MANY);
}

/* Of two machines that have fetched a document both; the walk has gone on by the first answer. */
static void
answer_that_comes_twice_changes_nothing(void **state)
{
	struct fixture *f = *state;
	static const char catalogs[] = "{\"entries\":[{\"identifier\":\"urn:air:r.example:c\","
	    "\"displayName\":\"c\",\"type\":\"application/ai-catalog+json\",\"url\":"
	    "\"https://r.example/more\"},{\"identifier\":\"urn:air:r.example:d\",\"displayName\":"
	    "\"d\",\"type\":\"application/ai-catalog+json\",\"url\":\"https://r.example/last\"}]}";
	const struct walk_answer first = { .status = 200, .body = str_of(catalogs) };
	const struct walk_answer second = { .status = 200, .body = manifest(f, 0, 3) };
	char slug[WALK_SLUG_BYTES];
	struct walk_work work, more;

	start(f);
	must(walk_want(f->r, STR(SOURCE), f->now_us, slug));
	assert_true(next(f, &work));
	must(walk_take(f->r, &work, &first, f->now_us));
	assert_true(next(f, &more));
	assert_true(str_eq(more.doc.url, STR("https://r.example/more")));
	must(walk_take(f->r, &work, &first, f->now_us));
	assert_true(next(f, &more));
	assert_true(str_eq(more.doc.url, STR("https://r.example/more")));
	must(walk_take(f->r, &more, &second, f->now_us));
	assert_true(next(f, &more));
	assert_true(str_eq(more.doc.url, STR("https://r.example/last")));
	must(walk_take(f->r, &more, &second, f->now_us));
	settle(f);
	assert_int_equal(head_of(f).total, 3);
}

/* A registry that shows that place of an import. */
static void
show(struct fixture *f, const char *registry, const char *slug, const char *space)
{
	struct receipt in;
	struct wire_body b = body_of(f, registry, true,
	    arena_printf(f->a, "[%s]", node_json(f,
		arena_printf(f->a, "%s/import/%s/%s", registry, slug, space), "N", 1)), NULL);

	must(registry_connect(f->r, &b, f->now_us, &in));
}

/* Each entry of a step of a source has its rivals: what others show must not make it grow. */
static void
rivals_are_those_of_own_namespaces(void **state)
{
	struct fixture *f = *state;
	struct settle_rivals rivals;
	struct source_space space;
	struct source source;
	struct scan scan;
	struct view v;
	char slug[WALK_SLUG_BYTES];
	const char *own;
	uint64_t position, hash;
	unsigned i;

	start(f);
	must(walk_want(f->r, STR(SOURCE), f->now_us, slug));
	read_source(f, manifest(f, 0, 3));
	settle(f);
	must(view_begin(f->r, f->now_us, &v));
	must(source_get(&v.t, f->a, str_of(slug), &source));
	scan = source_space_scan(&v.t, source.peer, 0);
	assert_true(source_space_next(&scan, &hash, &space));
	own = arena_printf(f->a, "%.*s", STR_ARG(space.space));
	must(scan_end(&scan));
	view_end(&v);
	must(walk_rivals(f->r, f->a, str_of(slug), &rivals, &position));
	assert_int_equal(rivals.n, 0);
	for (i = 0; i < 20; i++) {
		show(f, arena_printf(f->a, "http://a%u.test", i), slug,
		    arena_printf(f->a, "x%u", i));
		show(f, arena_printf(f->a, "http://b%u.test", i), "another", own);
	}
	must(walk_rivals(f->r, f->a, str_of(slug), &rivals, &position));
	assert_int_equal(rivals.n, 0);
	show(f, "http://c.test", slug, own);
	show(f, "http://d.test", slug, own);
	must(walk_rivals(f->r, f->a, str_of(slug), &rivals, &position));
	assert_int_equal(rivals.n, 1);
	must(walk_rivals(f->r, f->a, STR("another"), &rivals, &position));
	assert_int_equal(rivals.n, 0);
}

static void
source_is_forgotten_in_steps(void **state)
{
	struct fixture *f = *state;
	char slug[WALK_SLUG_BYTES];

	start(f);
	read_source(f, manifest(f, 0, 2 * MANY));
	settle(f);
	must(walk_forget(f->r, STR(SOURCE), f->now_us, slug));
	assert_in_range(settle(f), 4, 20);
	assert_int_equal(head_of(f).total, 0);
	assert_int_equal(walk_forget(f->r, STR(SOURCE), f->now_us, slug), KODO_ENOTFOUND);
	/* nothing of it is left in the way */
	read_source(f, manifest(f, 0, 3));
	settle(f);
	assert_int_equal(head_of(f).total, 3);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    large_page_is_stored_in_steps, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
		    late_answer_changes_nothing, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
		    answer_that_comes_twice_changes_nothing, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
		    rivals_are_those_of_own_namespaces, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(
		    source_is_forgotten_in_steps, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
