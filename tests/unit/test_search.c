/* Counts and facets against a plain count, and how pages are found. */
#include "core/registry/requests.h"
#include "core/registry/startup.h"
#include "core/storage/sink.h"
#include "core/views/counts.h"
#include "core/views/facets.h"
#include "core/views/search.h"
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
	must(counts_put(&v, &out));
	view_end(&v);
	text = arena_strz(f->a, buf_str(&out.buf));
	sink_free(&out);
	return text;
}

static void
connect_nodes(struct fixture *f, const char *from, const char *nodes)
{
	struct wire_body b = body_of(f, from, false, nodes, NULL);
	struct receipt in;

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
	struct search_result res;
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
	assert_int_equal(res.way, SEARCH_NEEDLE);
	flows_of(f, "name ~ 'yes 1' and not name ~ 'yes 12'", "", 0, 10, &res);
	assert_int_equal(res.looked_at, 111);
	assert_int_equal(res.filtered, 100);
	flows_of(f, "not name ~ 'yes'", "", 0, 10, &res);
	assert_int_equal(res.way, SEARCH_SCAN);
	assert_int_equal(res.looked_at, 500);
	assert_int_equal(res.filtered, 200);
	flows_of(f, "", "", 45, 11, &res);
	assert_int_equal(res.way, SEARCH_ORDER);
	assert_int_equal(res.looked_at, 5);
	flows_of(f, "", "", 46, 11, &res);
	assert_int_equal(res.looked_at, 0);
}

/* Times are those of the provider, read only for an order, a query or a page that needs them. */
static void
orders_by_times(void **state)
{
	struct fixture *f = *state;
	struct search_result res;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	connect_nodes(f, "http://b:1", arena_printf(f->a, "[%s]",
	    node_json(f, "http://b:1", "B", 2)));
	f->now_us += 1000000;
	connect_nodes(f, "http://a:1", arena_printf(f->a, "[%s]",
	    node_json(f, "http://a:1", "A", 2)));
	f->now_us += 1000000;
	connect_nodes(f, "http://c:1", arena_printf(f->a, "[%s]",
	    node_json(f, "http://c:1", "C", 2)));
	assert_non_null(strstr(flows_of(f, "", "created", 0, 1, &res), "\"http://b:1/"));
	assert_non_null(strstr(flows_of(f, "", "created:d", 0, 1, &res), "\"http://c:1/"));
}

#define NODES		190u
#define NODE_FLOWS	30u	/* together more than a sorter holds before it selects */
#define WHOLE		3000u	/* rows of a page that is not spilled; for it none is left out */

/*
 * Names and organizations whose order is not that of their foldings: capitals, characters that fold
 * to ASCII or to another length, escapes, blanks, ends.
 */
static void
connect_odd_nodes(struct fixture *f)
{
	static const char *const names[] = { "a", "A", "ab", "Ab", "abcdefgh", "abcdefghi",
		"ABCDEFGHI", "Abcdefgh x", "abcdefgh X", "Zo\u00eb", "zo\u00cb", "\u212aelvin",
		"Kelvin", "kelvin", "\u0130stanbul", "istanbul", "a \\\"b\\\"", "A\\\\b", "a\\tb",
		"\u00dcber", "\u00fcber", "z", "Z", "~", "!", "[x]", "_", "0" };
	static const char *const organizations[] = { "null", "\"!n organization, A\"",
		"\"!n organization, B\"", "\"\"", "\"org\"", "\"\u0130rg\"",
		"\"~n organization, A\"", "\"~n organization, B\"" };
	struct buf b = BUF_INIT(0);
	unsigned seed = 11, n, i;

	for (n = 0; n < NODES; n++) {
		buf_reset(&b);
		buf_printf(&b, "[{\"url\":\"http://n%u:1\",\"organization\":%s,\"flows\":[", n,
		    organizations[(unsigned)rand_r(&seed) % 8]);
		for (i = 0; i < NODE_FLOWS; i++)
			buf_printf(&b, "%s{\"url\":\"/%u\",\"name\":\"%s%s\",\"author\":\"%s\","
			    "\"description\":\"%s\",\"tags\":[\"t%u\",\"t\",\"t\"]}",
			    i > 0 ? "," : "", i,
			    names[(unsigned)rand_r(&seed) % 28],
			    (unsigned)rand_r(&seed) % 3 == 0 ? " more" : "",
			    names[(unsigned)rand_r(&seed) % 28],
			    (unsigned)rand_r(&seed) % 10 == 0 ? "none" : "needle", i % 5);
		buf_puts(&b, "]}]");
		f->now_us += 1000 * (int64_t)((unsigned)rand_r(&seed) % 3);
		connect_nodes(f, arena_printf(f->a, "http://n%u:1", n), buf_z(&b));
	}
	buf_free(&b);
}

/* Where each item of a page begins; behind the last one NULL. */
static const char **
items_of(struct fixture *f, const char *page)
{
	const char **items = arena_zalloc(f->a, (WHOLE + 1) * sizeof(*items));
	size_t n = 0;

	for (page = strstr(page, "{\"organization\""); page != NULL && n < WHOLE;
	    page = strstr(page + 1, "{\"organization\""))
		items[n++] = page;
	return items;
}

/* Pages of a sort that passes over most rows are ranges of one that does not. */
static void
pages_are_ranges_of_the_whole(void **state)
{
	static const char *const orders[] = { "", "name:d", "organization", "organization:d,name",
		"author", "author:d", "description:d,author", "created", "created:d", "url:d",
		"heartbeat,name:d", "tags,name" };
	static const char *const queries[] = { "needle", "", "name ~ 'a'", "not name ~ 'b'" };
	struct fixture *f = *state;
	struct search_result all, res;
	const char *page, **whole;
	size_t q, o, p;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	connect_odd_nodes(f);
	for (q = 0; q < sizeof(queries) / sizeof(queries[0]); q++)
		for (o = 0; o < sizeof(orders) / sizeof(orders[0]); o++) {
			page = flows_of(f, queries[q], orders[o], 0, WHOLE, &all);
			whole = items_of(f, page);
			for (p = 0; p < 360; p += o == 0 ? 3 : 20) {
				const char *part = whole[p * 7];

				page = flows_of(f, queries[q], orders[o], p, 7, &res);
				assert_int_equal(res.filtered, all.filtered);
				if (part != NULL && strncmp(part, page, strlen(page)) != 0)
					fail_msg("q=%s by=%s p=%zu: %s\ninstead of %.*s",
					    queries[q], orders[o], p, page, (int)strlen(page),
					    part);
			}
		}
}

/* The number of flows that match q and are narrowed to one of a kind. */
static uint64_t
filtered_of(
    struct fixture *f, struct view *v, const char *q, enum facet_kind kind, struct str text)
{
	const struct query_narrowing narrowing = { .tags = &text, .n_tags = kind == FACET_TAG,
		.organization = kind == FACET_ORGANIZATION ? text : STR_NULL,
		.state = kind == FACET_STATE ? text : STR_NULL,
		.registry = kind == FACET_REGISTRY ? text : STR_NULL };
	struct search_query sq = { .pp = 1 };
	struct sink out = SINK_INIT(NULL);
	struct search_sink sink = { .out = &out };
	struct search_result res;

	must(query_compile(f->a, str_of(q), &sq.q));
	must(query_narrow(f->a, sq.q, &narrowing));
	must(order_parse(f->a, STR_NULL, &sq.by));
	must(search_flows(v, f->a, &sq, &sink, &res));
	sink_free(&out);
	return res.filtered;
}

static void
facets_are_of_what_is_found(void **state)
{
	static const char *const queries[] = { "", "needle", "ab", "name ~ 'ab'", "not name ~ 'ab'",
		"organization == 'org'", "created > '2020-01-01'", "no such text" };
	struct fixture *f = *state;
	struct facets found;
	struct query *q;
	struct view v;
	size_t i, j, k;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	connect_odd_nodes(f);
	must(view_begin(f->r, f->now_us, &v));
	for (i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		must(query_compile(f->a, str_of(queries[i]), &q));
		must(facets_count(&v, f->a, q, &found));
		assert_int_equal(found.of[FACET_ORGANIZATION].n_all, i == 5 ? 1 : i == 7 ? 0 : 7);
		assert_int_equal(found.of[FACET_TAG].n_all, i == 7 ? 0 : 6);
		assert_int_equal(found.of[FACET_STATE].n_all, i == 7 ? 0 : 1);
		for (k = 0; k < FACET_KINDS; k++)
			for (j = 0; j < found.of[k].n; j++) {
				const struct facet *one = &found.of[k].top[j];

				/* to the language the empty text is null */
				if (one->text.len > 0)
					assert_int_equal(one->flows,
					    filtered_of(f, &v, queries[i], k, one->text));
			}
	}
	view_end(&v);
}

int
main(void)
{
#define T(fn)	cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(counts_are_of_distinct_names),
		T(counts_of_many),
		T(needles_find_all),
		T(orders_by_times),
		T(facets_are_of_what_is_found),
		T(pages_are_ranges_of_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
