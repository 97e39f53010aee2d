/*
 * The parts of http/ that are pure: targets and paths, query strings, parameters, routes, entity
 * tags, templates.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/limit.h"
#include "core/base/url.h"
#include "http/param.h"
#include "http/request.h"
#include "http/response.h"
#include "http/router.h"
#include "http/template.h"

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static int
setup(void **state)
{
	*state = arena_new();
	return *state == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	arena_free(*state);
	return 0;
}

static void
assert_str(struct str got, const char *want)
{
	if (want == NULL) {
		assert_null(got.p);
		return;
	}
	assert_non_null(got.p);
	if (!str_eq(got, str_of(want)))
		fail_msg("`%.*s`, wanted `%s`", STR_ARG(got), want);
}

static struct request_env
env_of(const char *method, const char *uri)
{
	return (struct request_env){ .method = str_of(method), .uri = str_of(uri) };
}

/* --- targets --- */

static void
test_targets(void **state)
{
	static const struct {
		const char *uri, *base, *path, *target, *query;
	} rows[] = {
		{ "/", "", "/", "/", "" },
		{ "", "", "/", "/", "" },
		{ "?a=b", "", "/", "/", "a=b" },
		{ "/flows?pp=1", "", "/flows", "/flows", "pp=1" },
		{ "/flows?", "", "/flows", "/flows", "" },
		{ "/flows?a?b", "", "/flows", "/flows", "a?b" },
		{ "//flows//", "", "/flows", "//flows//", "" },
		{ "/%66lows", "", "/flows", "/%66lows", "" },
		{ "/a%2Fb%2f", "", "/a/b", "/a%2Fb%2f", "" },
		{ "/a%3fb", "", "/a?b", "/a%3fb", "" },
		{ "/x/../flows", "", "/x/../flows", "/x/../flows", "" },
		{ "/%zz/%", "", "/%zz/%", "/%zz/%", "" },
		{ "/a+b", "", "/a+b", "/a+b", "" },
		{ "http://h:1/flows?x", "", "/flows", "/flows", "x" },
		{ "http://h:1", "", "/", "/", "" },
		{ "http://h:1?x", "", "/", "/", "x" },
		{ "/k/flows", "/k", "/flows", "/flows", "" },
		{ "/k", "/k", "/", "/", "" },
		{ "/k/", "/k", "/", "/", "" },
		{ "/%6B/flows", "/k", "/flows", "/%6B/flows", "" },
		{ "/kk/flows", "/k", "/kk/flows", "/kk/flows", "" },
		{ "/flows", "/k", "/flows", "/flows", "" },
		{ "/a/b/map", "/a/b", "/map", "/map", "" },
	};
	size_t i;

	for (i = 0; i < N(rows); i++) {
		struct request_env env = env_of("GET", rows[i].uri);
		struct request r;
		const char *reason;

		assert_int_equal(
		    request_parse(*state, &env, str_of(rows[i].base), &r, &reason), KODO_OK);
		assert_str(r.path, rows[i].path);
		assert_str(r.target, rows[i].target);
		assert_str(r.query, rows[i].query);
		assert_false(r.has_body);
	}
}

static void
test_path_info(void **state)
{
	static const struct {
		const char *uri, *script, *info, *base, *path;
	} rows[] = {
		{ "/cgi/kodo/flows", "/cgi/kodo", "/flows", "/x", "/flows" },
		{ "/cgi/kodo", "/cgi/kodo", NULL, "/x", "/" },
		{ "/cgi/kodo/", "/cgi/kodo", "/", "/x", "/" },
		{ "/x/flows", "/x", "/wrong", "/x", "/flows" },
		{ "/proxied", "", "", "/x", "/proxied" },
		{ NULL, "/s", "/flows", "/x", "/flows" },
		{ NULL, "/s", "/a%62", "/x", "/a%62" },
		{ NULL, NULL, NULL, "", "/" },
	};
	size_t i;

	for (i = 0; i < N(rows); i++) {
		struct request_env env = env_of("GET", rows[i].uri);
		struct request r;
		const char *reason;

		env.script_name = str_of(rows[i].script);
		env.path_info = str_of(rows[i].info);
		assert_int_equal(
		    request_parse(*state, &env, str_of(rows[i].base), &r, &reason), KODO_OK);
		assert_str(r.path, rows[i].path);
	}
}

static void
test_refused_targets(void **state)
{
	char path[LIMIT_URL_BYTES + 2], query[LIMIT_QUERY_BYTES + 8];
	struct request_env env;
	struct request r;
	const char *reason;

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	env = env_of("GET", "");
	env.uri = (struct str){ path, LIMIT_URL_BYTES };
	assert_int_equal(request_parse(*state, &env, STR(""), &r, &reason), KODO_OK);
	env.uri.len++;
	assert_int_equal(request_parse(*state, &env, STR(""), &r, &reason), KODO_ETOOBIG);
	memset(query, 'q', sizeof(query));
	memcpy(query, "/?", 2);
	env.uri = (struct str){ query, LIMIT_QUERY_BYTES + 2 };
	assert_int_equal(request_parse(*state, &env, STR(""), &r, &reason), KODO_OK);
	env.uri.len++;
	assert_int_equal(request_parse(*state, &env, STR(""), &r, &reason), KODO_ETOOBIG);
	assert_string_equal(reason, "Request-URI Too Long");
	env = env_of("GET", "/\xff");
	assert_int_equal(request_parse(*state, &env, STR(""), &r, &reason), KODO_EINVAL);
	env = env_of("GET", "/?q=\xc3");
	assert_int_equal(request_parse(*state, &env, STR(""), &r, &reason), KODO_EINVAL);
}

static void
test_lengths(void **state)
{
	static const struct {
		const char *text;
		enum kodo_err err;
		uint64_t length;
	} rows[] = {
		{ "0", KODO_OK, 0 },
		{ "12", KODO_OK, 12 },
		{ "", KODO_OK, 0 },
		{ "-1", KODO_EINVAL, 0 },
		{ "1x", KODO_EINVAL, 0 },
		{ " 1", KODO_EINVAL, 0 },
		{ "999999999999999999", KODO_OK, 999999999999999999 },
		{ "9999999999999999999", KODO_EINVAL, 0 },
	};
	struct request r;
	const char *reason;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		struct request_env env = env_of("POST", "/connect");

		env.content_length = str_of(rows[i].text);
		assert_int_equal(request_parse(*state, &env, STR(""), &r, &reason), rows[i].err);
		if (rows[i].err != KODO_OK)
			continue;
		assert_true(r.length == rows[i].length);
		assert_int_equal(r.has_body, rows[i].length > 0);
		assert_int_equal(r.has_length, rows[i].text[0] != '\0');
	}
}

static void
test_methods(void **state)
{
	unsigned m;

	(void)state;
	for (m = 0; m < METHOD_OTHER; m++)
		assert_int_equal(request_method(str_of(request_method_name((enum method)m))), m);
	assert_int_equal(request_method(STR("get")), METHOD_OTHER);
	assert_int_equal(request_method(STR("TRACE")), METHOD_OTHER);
	assert_int_equal(request_method(STR("")), METHOD_OTHER);
	assert_int_equal(request_method(STR_NULL), METHOD_OTHER);
}

/* --- query strings --- */

static void
test_decoding(void **state)
{
	static const struct {
		const char *raw, *plus, *plain;
	} rows[] = {
		{ "", "", "" },
		{ "a+b%20c", "a b c", "a+b c" },
		{ "%41%4a%4A", "AJJ", "AJJ" },
		{ "%zz%4", "%zz%4", "%zz%4" },
		{ "%%41", "%A", "%A" },
		{ "%", "%", "%" },
		{ "100%25", "100%", "100%" },
		{ "%2541", "%41", "%41" },
		{ "%C3%ab", "\xc3\xab", "\xc3\xab" },
	};
	struct str out;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		assert_int_equal(url_decode(*state, str_of(rows[i].raw), true, &out), KODO_OK);
		assert_str(out, rows[i].plus);
		assert_int_equal(url_decode(*state, str_of(rows[i].raw), false, &out), KODO_OK);
		assert_str(out, rows[i].plain);
	}
	assert_int_equal(url_decode(*state, STR("a%00b"), true, &out), KODO_OK);
	assert_int_equal(out.len, 3);
	assert_memory_equal(out.p, "a\0b", 3);
}

static void
test_next_param(void **state)
{
	struct str rest = STR("&a=1&&b&=c&d=e=f&%61=%26&"), name, value;
	static const char *const want[][2] = { { "a", "1" }, { "b", "" }, { "", "c" },
		{ "d", "e=f" }, { "a", "&" } };
	size_t i;

	for (i = 0; i < N(want); i++) {
		assert_int_equal(request_next_param(*state, &rest, &name, &value), KODO_OK);
		assert_str(name, want[i][0]);
		assert_str(value, want[i][1]);
	}
	assert_int_equal(request_next_param(*state, &rest, &name, &value), KODO_ENOTFOUND);
	assert_int_equal(request_next_param(*state, &rest, &name, &value), KODO_ENOTFOUND);
}

#define ALL_PARAMS	(PARAM_BIT(PARAM_MAX) - 1)

static void
test_numbers(void **state)
{
	static const struct {
		const char *query;
		int64_t pp;
	} rows[] = {
		{ "", 10 },
		{ "pp=1", 1 },
		{ "pp=-1", -1 },
		{ "pp=-0", 0 },
		{ "pp=00012", 12 },
		{ "pp=1&pp=2", 2 },
		{ "PP=1", 10 },
		{ "pp=9223372036854775807", INT64_MAX },
		{ "pp=9223372036854775808", INT64_MAX },
		{ "pp=92233720368547758070", INT64_MAX },
		{ "pp=-9223372036854775808", -INT64_MAX },
		{ "p%70=%34", 4 },
	};
	static const char *const bad[] = { "pp=", "pp", "pp=+", "pp=-", "pp=x", "pp=1x", "pp=+1",
		"pp=%201", "pp=1 ", "pp=1.0", "pp=1e1", "pp=1_0", "pp=0x1", "pp=\xd9\xa1", "pp=--1",
		"pp=5&pp=" };
	struct params got;
	struct param_errors errors;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		assert_int_equal(
		    param_read(*state, str_of(rows[i].query), ALL_PARAMS, &got, &errors), KODO_OK);
		assert_true(got.number[PARAM_PP] == rows[i].pp);
	}
	for (i = 0; i < N(bad); i++) {
		assert_int_equal(
		    param_read(*state, str_of(bad[i]), ALL_PARAMS, &got, &errors), KODO_EINVAL);
		assert_int_equal(errors.n, 1);
		assert_str(errors.list[0].message, "Expected `int`, got `str`");
		assert_str(errors.list[0].key, "pp");
		assert_str(errors.list[0].source, "query");
	}
}

static void
test_texts_and_formats(void **state)
{
	struct params got;
	struct param_errors errors;

	assert_int_equal(
	    param_read(*state, STR("q=a+b&by=&format=html&x=%00"), ALL_PARAMS, &got, &errors),
	    KODO_OK);
	assert_str(got.text[PARAM_Q], "a b");
	assert_str(got.text[PARAM_BY], "");
	assert_null(got.text[PARAM_KEY].p);
	assert_int_equal(got.format, FORMAT_HTML);
	assert_int_equal(
	    param_read(*state, STR("format=json"), ALL_PARAMS, &got, &errors), KODO_OK);
	assert_int_equal(got.format, FORMAT_JSON);
	assert_int_equal(
	    param_read(*state, STR("format=h%3Ctml&q=%00&pp=x&p=y"), ALL_PARAMS, &got, &errors),
	    KODO_EINVAL);
	assert_int_equal(errors.n, 4);
	assert_str(errors.list[0].key, "pp");
	assert_str(errors.list[1].key, "p");
	assert_str(errors.list[2].key, "q");
	assert_str(errors.list[2].message, "Input must not contain NUL");
	assert_str(errors.list[3].message, "Invalid enum value 'h<tml'");
	/* what a route does not take is not looked at */
	assert_int_equal(
	    param_read(*state, STR("pp=x&q=%ff"), PARAM_BIT(PARAM_P), &got, &errors), KODO_OK);
}

/* --- headers --- */

static void
test_accept_gzip(void **state)
{
	static const char *const takes[] = { "gzip", "gzip, deflate, br", "gzip;q=0.001",
		"deflate, gzip;q=1.0, *;q=0.5", "*", "x-gzip", "identity;q=0.5, gzip;q=0.5" };
	static const char *const not[] = { "", "identity", "deflate, br", "gzip;q=0",
		"gzip;q=0.000, *", "*;q=0", "identity, gzip;q=0.9" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(takes) / sizeof(takes[0]); i++)
		assert_true(request_accepts_gzip(str_of(takes[i])));
	for (i = 0; i < sizeof(not) / sizeof(not[0]); i++)
		assert_false(request_accepts_gzip(str_of(not[i])));
	assert_false(request_accepts_gzip(STR_NULL));
}

static void
test_accept(void **state)
{
	(void)state;
	assert_true(request_accepts_html(STR("text/html")));
	assert_true(request_accepts_html(STR("application/xml,text/html;q=0.9")));
	assert_false(request_accepts_html(STR("TEXT/HTML")));
	assert_false(request_accepts_html(STR("text/*")));
	assert_false(request_accepts_html(STR("*/*")));
	assert_true(request_accepts_html(STR("text/html;level=1;q=0.001")));
	assert_true(request_accepts_html(STR("application/json, text/html")));
	assert_true(request_accepts_html(STR("text/html;q=x")));
	assert_true(request_accepts_html(STR("application/json;q=0.9,text/html;q=0.90")));
	assert_false(request_accepts_html(STR("text/html;q=0")));
	assert_false(request_accepts_html(STR("text/html; q=0.000, */*")));
	assert_false(request_accepts_html(STR("application/json, text/html;q=0.9")));
	assert_false(request_accepts_html(STR("text/html;q=0.5,application/json;q=0.51")));
	assert_false(request_accepts_html(STR("")));
	assert_false(request_accepts_html(STR_NULL));
}

static void
test_entity_tags(void **state)
{
	static const char *const yes[] = { "W/\"a-1\"", "\"a-1\"", "\"x\",W/\"a-1\"",
		" W/\"x\" , \"a-1\" ", "x\"a-1\"", "*", " * ", "\"a-1-gzip\"",
		"W/\"a-1-br\"", "\"b\", \"a-1--gzip\"", "\"a-1;gzip\"",
		"\"a-1-x-gzip\"" };
	static const char *const no[] = { "", "\"*\"", "*, \"x\"", "a-1", "\"a-1x\"",
		"\"-gzip\"", "\"a-1", "\"a-12\"", "\"a\"", "W/\"\"", "\",\"a-1" };
	size_t i;

	(void)state;
	for (i = 0; i < N(yes); i++)
		assert_true(request_has_etag(str_of(yes[i]), STR("W/\"a-1\"")));
	for (i = 0; i < N(no); i++)
		assert_false(request_has_etag(str_of(no[i]), STR("W/\"a-1\"")));
	assert_false(request_has_etag(STR_NULL, STR("W/\"a-1\"")));
}

/* --- routes --- */

static void
test_routes(void **state)
{
	static const struct {
		const char *path;
		enum method method;
		enum router_verdict verdict;
		const char *found, *allow;
	} rows[] = {
		{ "/", METHOD_GET, ROUTE_FOUND, "/", "" },
		{ "/", METHOD_HEAD, ROUTE_FOUND, "/", "" },
		{ "/", METHOD_POST, ROUTE_NO_METHOD, NULL, "GET, HEAD, OPTIONS" },
		{ "/", METHOD_OTHER, ROUTE_NO_METHOD, NULL, "GET, HEAD, OPTIONS" },
		{ "/", METHOD_OPTIONS, ROUTE_IS_OPTIONS, NULL, "GET, HEAD, OPTIONS" },
		{ "/connect", METHOD_DELETE, ROUTE_FOUND, "/connect", "" },
		{ "/connect", METHOD_PUT, ROUTE_NO_METHOD, NULL,
		    "GET, HEAD, POST, DELETE, OPTIONS" },
		{ "/update", METHOD_HEAD, ROUTE_NO_METHOD, NULL, "POST, OPTIONS" },
		{ "/update", METHOD_GET, ROUTE_NO_METHOD, NULL, "POST, OPTIONS" },
		{ "/nosuch", METHOD_OPTIONS, ROUTE_NO_PATH, NULL, "" },
		{ "/FLOWS", METHOD_GET, ROUTE_NO_PATH, NULL, "" },
		{ "/flowsx", METHOD_GET, ROUTE_NO_PATH, NULL, "" },
		{ "/flows/counts", METHOD_GET, ROUTE_FOUND, "/flows/counts", "" },
		{ "/flows/counts", METHOD_POST, ROUTE_NO_METHOD, NULL, "GET, HEAD, OPTIONS" },
		{ "/flows/a/b", METHOD_GET, ROUTE_FOUND, "/flows", "" },
		{ "/flows/a", METHOD_POST, ROUTE_FOUND, "/flows", "" },
		{ "/flows/a", METHOD_OTHER, ROUTE_FOUND, "/flows", "" },
		{ "/flows/a", METHOD_OPTIONS, ROUTE_IS_OPTIONS, NULL,
		    "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" },
		{ "/mapx", METHOD_GET, ROUTE_NO_PATH, NULL, "" },
		{ "/map/x", METHOD_GET, ROUTE_NO_PATH, NULL, "" },
	};
	const struct route *r;
	char allow[64];
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++) {
		assert_int_equal(
		    router_find(str_of(rows[i].path), rows[i].method, &r, allow), rows[i].verdict);
		assert_string_equal(allow, rows[i].allow);
		if (rows[i].found == NULL)
			assert_null(r);
		else
			assert_string_equal(r->path, rows[i].found);
	}
	router_find(STR("/flows/x"), METHOD_GET, &r, allow);
	assert_true((r->flags & ROUTE_BELOW) != 0);
}

static void
test_table(void **state)
{
	const struct route *r, *o;

	(void)state;
	for (r = router_table(); r->path != NULL; r++) {
		assert_non_null(r->handle);
		assert_true((r->flags & ROUTE_ALIAS) != 0 || r->summary != NULL);
		assert_true(r->method == METHOD_POST || (r->flags & ROUTE_BODY) == 0);
		for (o = router_table(); o < r; o++)
			assert_false(strcmp(o->path, r->path) == 0 && o->method == r->method &&
			    ((o->flags ^ r->flags) & ROUTE_BELOW) == 0);
	}
}

/* --- templates --- */

static struct str
template_value(void *arg, struct str name, size_t i)
{
	static const char *const tags[] = { "x", "<y>", "z&" };

	(void)arg;
	if (str_eq(name, STR("tags")))
		return i < N(tags) ? str_of(tags[i]) : STR_NULL;
	if (i > 0)
		return STR_NULL;
	if (str_eq(name, STR("name")))
		return STR("<a href='\"'>&");
	return str_eq(name, STR("q")) ? STR("a b\"\xc3\xab/~&") : STR_NULL;
}

static void
test_templates(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "" },
		{ "plain } { text", "plain } { text" },
		{ "[{{name}}]", "[&lt;a href=&#39;&quot;&#39;&gt;&amp;]" },
		{ "{{%q}}", "a%20b%22%C3%AB/~%26" },
		{ "{{nosuch}}.", "." },
		{ "{{#tags}}({{.}}){{/tags}}", "(x)(&lt;y&gt;)(z&amp;)" },
		{ "{{#tags}}{{%.}}{{/tags}}", "x%3Cy%3Ez%26" },
		{ "{{#nosuch}}a{{/nosuch}}b{{^nosuch}}c{{/nosuch}}{{^name}}d{{/name}}", "bc" },
		{ "{{#name}}{{#tags}}{{.}}{{/tags}}{{/name}}!", "x&lt;y&gt;z&amp;!" },
		{ "{{#tags}}{{.}}", "x&lt;y&gt;z&amp;" },
		{ "{{", "{{" },
		{ "a{{name", "a{{name" },
		{ "{{}}", "" },
		{ "{{/name}}x", "x" },
		{ "{{#}}x{{/}}y", "y" },
	};
	const struct template_source from = { .value = template_value };
	struct buf out = BUF_INIT(0);
	size_t i;

	(void)state;
	for (i = 0; i < N(rows); i++) {
		buf_reset(&out);
		template_render(str_of(rows[i].text), &out, &from);
		assert_str(buf_str(&out), rows[i].want);
	}
	buf_free(&out);
}

static void
test_template_split(void **state)
{
	struct str head, row, tail;

	(void)state;
	assert_true(template_split(
	    STR("a{{x}}{{#item}}b{{#y}}{{/y}}{{/item}}c"), "item", &head, &row, &tail));
	assert_str(head, "a{{x}}");
	assert_str(row, "b{{#y}}{{/y}}");
	assert_str(tail, "c");
	assert_true(template_split(STR("{{#item}}b"), "item", &head, &row, &tail));
	assert_str(row, "b");
	assert_str(tail, "");
	assert_false(template_split(STR("a{{#items}}b{{/items}}"), "item", &head, &row, &tail));
	assert_str(head, "a{{#items}}b{{/items}}");
	assert_str(row, "");
	assert_str(tail, "");
}

static void
test_template_files(void **state)
{
	struct str text;

	(void)state;
	assert_int_equal(setenv("KODO_WWW", "/nosuch", 1), 0);
	assert_null(template_load("flows.html").p);
	assert_true(template_stamp("flows.html") == 0);
	assert_int_equal(setenv("KODO_WWW", "/proc/self", 1), 0);
	text = template_load("comm");
	assert_str((struct str){ text.p, 9 }, "test_http");
	assert_true(template_stamp("comm") != 0);
	unsetenv("KODO_WWW");
}

static enum kodo_err
write_sent(struct transport *t, const char *p, size_t n)
{
	buf_put(t->arg, p, n);
	return KODO_OK;
}

/* Memory that ran out while the answer was made is answered all the same. */
static void
test_answer_without_memory(void **state)
{
	struct buf sent = BUF_INIT(0);
	struct transport t = { .write = write_sent, .arg = &sent };
	struct response r;

	(void)state;
	response_init(&r, NULL);
	response_fail(&r, 400, "Bad Request");
	r.body.buf.err = KODO_ENOMEM;
	assert_int_equal(response_send(&r, &t, false), KODO_ENOMEM);
	assert_string_equal(buf_z(&sent), "Status: 503 Service Unavailable\r\nRetry-After: 1\r\n"
	    "Content-Length: 0\r\n\r\n");
	r.body.buf.err = KODO_OK;
	response_free(&r);
	buf_free(&sent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_targets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_path_info, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused_targets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lengths, setup, teardown),
		cmocka_unit_test(test_accept_gzip),
		cmocka_unit_test(test_methods),
		cmocka_unit_test_setup_teardown(test_decoding, setup, teardown),
		cmocka_unit_test_setup_teardown(test_next_param, setup, teardown),
		cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_texts_and_formats, setup, teardown),
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_entity_tags),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_template_split),
		cmocka_unit_test(test_template_files),
		cmocka_unit_test(test_answer_without_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
