/* Names of flows in other families: one to one with items, back and forth. */
#include "core/base/json.h"
#include "core/registry/requests.h"
#include "core/registry/startup.h"
#include "core/views/search.h"
#include "http/bridges/bridge.h"
#include "registry_help.h"

#define NODES	1200u
#define FLOWS	20u

static bool
eq(struct str s, const char *z)
{
	return str_eq(s, str_of(z));
}

static void
names_are_readable(void **state)
{
	static const struct {
		const char *node, *item, *host, *slug;	/* of the slug what stands before a hash */
		bool is_hashed;
	} rows[] = {
		{ "https://a.org", "https://a.org/flows/x/y_z-1", "a.org", "x.y_z-1", false },
		{ "https://A.Org:443", "https://A.Org:443/flows/x", "a.org", "x", false },
		{ "https://a.org", "https://a.org/flows/x.y", "a.org", "x.y-", true },
		{ "https://a.org", "https://a.org/flows/x-12345678", "a.org", "x-12345678-", true },
		{ "https://a.org", "https://a.org/flows/x-1234567G", "a.org", "x-1234567G", false },
		{ "https://a.org", "https://a.org/flows/x/", "a.org", "x.-", true },
		{ "https://a.org", "https://a.org/flows/", "a.org", "x-", true },
		{ "https://a.org", "https://a.org/flows/x?y=\303\274", "a.org", "x-y----", true },
		{ "https://a.org", "https://a.org/flows/_x", "a.org", "xx-", true },
		{ "https://a.org", "https://a.org/flows/x-", "a.org", "x--", true },
		{ "https://a-.org", "https://a-.org/flows/x", "x--", "x-", true },
		{ "http://a.org", "http://a.org/flows/x", "a.org", "x-", true },
		{ "https://a.org:84/p/q", "https://a.org:84/p/q/flows/x", "a.org", "84.p.q.x-",
		    true },
		{ "https://[::1]:1", "https://[::1]:1/flows/x", "x--", "1.x-", true },
		{ "https://under_score", "https://under_score/flows/x", "x--", "x-", true },
		{ "https://a.x--b", "https://a.x--b/flows/x", "x--", "x-", true },
	};
	struct fixture *f = *state;
	struct identifier id;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		must(identifier_of(f->a, str_of(rows[i].node), str_of(rows[i].item), &id));
		assert_true(str_starts(id.host, str_of(rows[i].host)));
		assert_int_equal(id.host.len, eq(str_of(rows[i].host), "x--") ? 19
								: strlen(rows[i].host));
		assert_true(str_starts(id.slug, str_of(rows[i].slug)));
		assert_int_equal(
		    id.slug.len, strlen(rows[i].slug) + (rows[i].is_hashed ? 8 : 0));
	}
}

static void
what_is_no_name_is_refused(void **state)
{
	static const char *const names[] = { "", "a", "/", "a/", "/a", "a/b/c", "a b/c", "a/b c",
		"-a/b", "a.b-/c", "a..b/c", ".a/c", "a./c", "a/\303\274", "a_b/c" };
	static const char *const urns[] = { "", "urn:air:", "urn:air:a", "urn:air:a:flow",
		"urn:air:a:flow:", "urn:air::flow:b", "urn:air:a:flows:b", "urn:air:a:flow:b:c",
		"a:flow:b", "URN:air:a:flow:b", "urn:air:a b:flow:c" };
	struct fixture *f = *state;
	struct identifier id;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(identifier_read_name(f->a, str_of(names[i]), &id), KODO_EINVAL);
	for (i = 0; i < sizeof(urns) / sizeof(urns[0]); i++)
		assert_int_equal(identifier_read_urn(str_of(urns[i]), &id), KODO_EINVAL);
}

/* --- a registry of random ones --- */

static const char *
random_part(struct arena *a, unsigned *seed, unsigned max)
{
	static const char *const pieces[] = { "a", "b", "A", "1", "-", "_", ".", "/", "//", "%2F",
		"\303\274", " ", "?", "=", "\"", "\\", "flows/", "/flows/", "-0123abcd", ":", "~",
		"abcdefghijklmnopqrstuvwxyz" };
	struct buf b = BUF_INIT(0);
	unsigned n = (unsigned)rand_r(seed) % max;
	const char *out;

	while (n-- > 0)
		buf_puts(&b, pieces[(unsigned)rand_r(seed) %
		    (rand_r(seed) % 2 ? 6 : sizeof(pieces) / sizeof(pieces[0]))]);
	out = arena_strz(a, buf_str(&b));
	assert_non_null(out);
	buf_free(&b);
	return out;
}

/* Few hosts, so that much of a name is the same in many. */
static const char *
random_node(struct arena *a, unsigned *seed)
{
	static const char *const hosts[] = { "a.org", "A.org", "b.a.org", "org", "[::1]",
		"1.2.3.4", "x_y.org", "a.x--b", "a-b.org",
		"a.long.name.of.a.host.that.goes.on.and.on.and.on.until.it.is.longer.than.what.it."
		"may.be.before.the.slash.of.a.name" };
	static const char *const ports[] = { "", "", ":80", ":443", ":", ":" };
	static const char *const paths[] = { "", "", "", "/a", "/a/b", "/flows", "/a.b", "/1?/x" };
	const char *port = ports[(unsigned)rand_r(seed) % 6];
	const char *out = arena_printf(a, "%s://%s%s%.0u%s", rand_r(seed) % 3 ? "https" : "http",
	    hosts[(unsigned)rand_r(seed) % 10], port,
	    strcmp(port, ":") == 0 ? 1000 + (unsigned)rand_r(seed) % 1000 : 0,
	    paths[(unsigned)rand_r(seed) % 8]);

	assert_non_null(out);
	return out;
}

static void
fill(struct fixture *f, unsigned *seed)
{
	struct buf b = BUF_INIT(0);
	struct wire_body body;
	struct receipt in;
	unsigned n, i;

	buf_putc(&b, '[');
	for (n = 0; n < NODES; n++) {
		buf_puts(&b, n > 0 ? ",{\"url\":" : "{\"url\":");
		json_put_str(&b, str_of(random_node(f->a, seed)));
		buf_puts(&b, ",\"flows\":[");
		for (i = 0; i < FLOWS; i++) {
			buf_puts(&b, i > 0 ? "," : "");
			buf_puts(&b, "{\"name\":\"n\",\"url\":");
			json_put_str(&b, str_of(arena_printf(
			    f->a, "/%s", random_part(f->a, seed, rand_r(seed) % 9 ? 6 : 60))));
			buf_putc(&b, '}');
		}
		buf_puts(&b, "]}");
	}
	buf_putc(&b, ']');
	body = body_of(f, "http://peer:1", false, arena_strz(f->a, buf_str(&b)), NULL);
	must(registry_connect(f->r, &body, f->now_us, &in));
	buf_free(&b);
}

struct seen {
	struct str url, node, name, urn;
};

struct all {
	struct fixture *f;
	struct seen *list;
	size_t n;
};

static enum kodo_err
take(struct search_sink *s, const struct row *row, struct str node)
{
	struct all *all = s->arg;
	struct seen *one = &all->list[all->n++];
	struct arena *a = all->f->a;
	struct identifier id;

	must(arena_str(a, row->url, &one->url));
	must(arena_str(a, node, &one->node));
	must(identifier_of(a, node, row->url, &id));
	must(identifier_name(a, &id, &one->name));
	must(identifier_urn(a, &id, &one->urn));
	return KODO_OK;
}

static int
by_name(const void *x, const void *y)
{
	const struct seen *a = x, *b = y;
	const int c = str_cmp(a->name, b->name);

	return c != 0 ? c : str_cmp(a->url, b->url);
}

static bool
is_name(struct str name)
{
	size_t i, slashes = 0;

	for (i = 0; i < name.len; i++) {
		slashes += name.p[i] == '/';
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-/",
		    name.p[i]) == NULL && !(name.p[i] == '_' && slashes == 1))
			return false;
	}
	return slashes == 1 && name.len >= 3 && name.len <= 200 && name.p[0] != '/' &&
	    memchr(name.p, '.', name.len) < memchr(name.p, '/', name.len) &&
	    strchr("-_./", name.p[name.len - 1]) == NULL;
}

static void
check_back(struct fixture *f, struct view *v, const struct seen *one)
{
	struct call c = { .a = f->a };
	struct identifier id;
	struct bridge_flow found;

	must(identifier_read_name(f->a, one->name, &id));
	must(bridge_find(&c, v, &id, &found));
	assert_true(str_eq(found.row.url, one->url) && str_eq(found.node, one->node));
	must(identifier_read_urn(one->urn, &id));
	must(bridge_find(&c, v, &id, &found));
	assert_true(str_eq(found.row.url, one->url) && found.version > 0 && !found.is_own);
}

static void
ten_thousand_back_and_forth(void **state)
{
	struct fixture *f = *state;
	struct all all = { .f = f };
	struct sink out = SINK_INIT(NULL);
	struct search_sink s = { .out = &out, .each = take, .arg = &all };
	struct search_query sq = { .pp = NODES * FLOWS };
	const struct search_asked asked = { .q = STR_NULL };
	struct search_result res;
	struct view v;
	struct why why;
	unsigned seed = 17;
	size_t i, plain = 0;

	fixture_options(f, "http://localhost:3367", true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	fill(f, &seed);
	must(view_begin(f->r, f->now_us, &v));
	all.list = arena_alloc(f->a, v.head.total * sizeof(*all.list));
	must(search_compile(f->a, &asked, &sq.q, NULL, &why));
	must(search_order(f->a, sq.q, STR_NULL, &sq.by));
	must(search_flows(&v, f->a, &sq, &s, &res));
	assert_int_equal(all.n, v.head.total);
	assert_true(all.n >= 10000);
	qsort(all.list, all.n, sizeof(*all.list), by_name);
	for (i = 0; i < all.n; i++) {
		assert_true(is_name(all.list[i].name));
		/* one name, one url: and the other way round, as it follows from the url */
		if (i > 0 && str_eq(all.list[i].name, all.list[i - 1].name))
			assert_true(str_eq(all.list[i].url, all.list[i - 1].url) &&
			    str_eq(all.list[i].node, all.list[i - 1].node));
		check_back(f, &v, &all.list[i]);
		plain += all.list[i].name.p[all.list[i].name.len - 9] != '-';
	}
	assert_true(plain > 3);
	view_end(&v);
	sink_free(&out);
}

int
main(void)
{
#define T(fn)	cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(names_are_readable),
		T(what_is_no_name_is_refused),
		T(ten_thousand_back_and_forth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
