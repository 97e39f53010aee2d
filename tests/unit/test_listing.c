/* Counts against a plain count, and how pages are found. */
#include "registry_help.h"

/* The number behind "text": in the object called kind of the answer; 0: it is not there. */
static unsigned long
count_in(const char *counts, const char *kind, const char *text)
{
	const char *from = strstr(counts, kind), *end, *at;

	assert_non_null(from);
	end = strchr(from, '}');
	at = strstr(from, text);
	return at == NULL || at > end ? 0 : strtoul(at + strlen(text) + 1, NULL, 10);
}

static char *
counts_of(struct fixture *f)
{
	struct sink out = SINK_INIT(NULL);
	struct view v;
	char *text;

	must(view_begin(f->r, f->now_us, &v));
	must(view_put_counts(&v, &out));
	view_end(&v);
	text = arena_strz(f->a, buf_str(&out.buf));
	sink_free(&out);
	return text;
}

static void
connect_nodes(struct fixture *f, const char *from, const char *nodes)
{
	struct wire_body b = body_of(f, from, false, nodes, NULL);
	struct intake in;

	must(registry_connect(f->r, &b, f->now_us, &in));
}

/* Texts with escapes, tags that look like JSON, names twice in one group and in several. */
static void
counts_are_of_distinct_names(void **state)
{
	struct fixture *f = *state;
	const char *counts;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	connect_nodes(f, "http://a:1",
	    "[{\"url\":\"http://a:1\",\"organization\":\"O\\\"1\",\"flows\":["
	    "{\"url\":\"/1\",\"name\":\"N\\n\",\"tags\":[\"t\",\"a,\\\"b\\\"\",\"]\",\"\"]},"
	    "{\"url\":\"/2\",\"name\":\"N\\n\",\"tags\":[\"t\",\"t\"]},"
	    "{\"url\":\"/3\",\"name\":\"M\",\"tags\":[\"t\"]}]},"
	    "{\"url\":\"http://b:1\",\"flows\":["
	    "{\"url\":\"/1\",\"name\":\"N\\n\",\"tags\":[\"u\"]},"
	    "{\"url\":\"/2\",\"name\":\"K\",\"tags\":[\"t\"]}]}]");
	counts = counts_of(f);
	assert_non_null(strstr(counts, "{\"total\":5,\"organization\":{\"O\\\"1\":2},\"tags\":"
	    "{\"\":1,\"]\":1,\"a,\\\"b\\\"\":1,\"t\":3,\"u\":1}}"));
}

/* Many groups and names, so that all tables grow. */
static void
counts_of_many(void **state)
{
	struct fixture *f = *state;
	static bool is_in[300][500];
	struct buf b = BUF_INIT(0);
	unsigned seed = 3, i, n, t;
	unsigned long want, total = 0;
	const char *counts;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	buf_puts(&b, "[{\"url\":\"http://a:1\",\"organization\":\"O\",\"flows\":[");
	for (i = 0; i < 5000; i++) {
		n = (unsigned)rand_r(&seed) % 500;
		t = (unsigned)rand_r(&seed) % 300;
		is_in[t][n] = true;
		buf_printf(&b, "%s{\"url\":\"/%u\",\"name\":\"name %u\",\"tags\":[\"tag %u\"]}",
		    i > 0 ? "," : "", i, n, t);
	}
	buf_puts(&b, "]}]");
	connect_nodes(f, "http://a:1", buf_z(&b));
	counts = counts_of(f);
	for (t = 0; t < 300; t++) {
		for (n = 0, want = 0; n < 500; n++)
			want += is_in[t][n];
		assert_int_equal(count_in(counts, "\"tags\"",
		    arena_printf(f->a, "\"tag %u\"", t)), want);
	}
	for (n = 0; n < 500; n++)
		for (t = 0; t < 300; t++)
			if (is_in[t][n]) {
				total++;
				break;
			}
	assert_int_equal(count_in(counts, "\"organization\"", "\"O\""), total);
	buf_free(&b);
}

/* More hits in a node than are found at a time, in pages, each looked at once. */
static void
needles_find_all(void **state)
{
	struct fixture *f = *state;
	struct flows_result res;
	unsigned p, n = 0;
	const char *at;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	connect_nodes(f, "http://a:1", arena_printf(f->a, "[%s,%s]",
	    node_json(f, "http://a:1", "Yes", 300), node_json(f, "http://b:1", "No", 200)));
	for (p = 0; p < 4; p++) {
		at = flows_of(f, "yes", "", p, 100, &res);
		while ((at = strstr(at, "\"name\"")) != NULL) {
			at++;
			n++;
		}
	}
	assert_int_equal(n, 300);
	assert_int_equal(res.filtered, 300);
	assert_int_equal(res.looked_at, 300);
	assert_int_equal(res.way, FLOWS_NEEDLE);
	flows_of(f, "name ~ 'yes 1' and not name ~ 'yes 12'", "", 0, 10, &res);
	assert_int_equal(res.looked_at, 111);
	assert_int_equal(res.filtered, 100);
	flows_of(f, "not name ~ 'yes'", "", 0, 10, &res);
	assert_int_equal(res.way, FLOWS_SCAN);
	assert_int_equal(res.looked_at, 500);
	assert_int_equal(res.filtered, 200);
	flows_of(f, "", "", 45, 11, &res);
	assert_int_equal(res.way, FLOWS_ORDER);
	assert_int_equal(res.looked_at, 5);
	flows_of(f, "", "", 46, 11, &res);
	assert_int_equal(res.looked_at, 0);
}

int
main(void)
{
#define T(fn)	cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(counts_are_of_distinct_names),
		T(counts_of_many),
		T(needles_find_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
