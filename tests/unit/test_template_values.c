/*
 * Values of pages and the templates they go into: rows, what a row sees, what is never shown, cuts
 * and spans.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/base/utf8.h"
#include "http/template_values.h"

#define N(array)	(sizeof(array) / sizeof((array)[0]))

static int
set_up(void **state)
{
	*state = arena_new();
	return *state == NULL;
}

static int
tear_down(void **state)
{
	arena_free(*state);
	return 0;
}

static void
check(struct template_values *f, const char *text, const char *want)
{
	struct buf out = BUF_INIT(0);

	template_values_render(f, str_of(text), &out);
	assert_false(template_values_failed(f));
	assert_string_equal(buf_z(&out), want);
	buf_free(&out);
}

static void
test_rows(void **state)
{
	struct template_values *f = template_values_new(*state), *row, *inner;

	template_values_put(f, "name", STR("top"));
	template_values_put(f, "empty", STR(""));
	row = template_values_row(f, "row");
	template_values_put(row, "x", STR("1"));
	inner = template_values_row(row, "inner");
	template_values_put(inner, "y", STR("a"));
	inner = template_values_row(row, "inner");
	template_values_put(inner, "y", STR("b"));
	row = template_values_row(f, "row");
	template_values_put(row, "x", STR("2"));
	template_values_put(row, "name", STR_NULL);
	check(f, "{{#row}}{{x}}{{name}}{{#inner}}{{y}}{{x}}{{/inner}};{{/row}}{{name}}",
	    "1topa1b1;2;top");
	check(f, "{{#none}}a{{/none}}{{^none}}b{{/none}}{{^row}}c{{/row}}{{#row}}{{/row}}", "b");
	check(f, "{{#empty}}a{{/empty}}{{^empty}}b{{/empty}}", "b");
	/* after a list one is where one was */
	check(f, "{{^row}}{{/row}}{{#row}}{{/row}}{{name}}", "top");
}

/* What would move, hide or run something where it is shown. */
static void
test_escapes(void **state)
{
	static const struct {
		const char *value, *want;
	} rows[] = {
		{ "<b>&\"'", "&lt;b&gt;&amp;&quot;&#39;" },
		{ "a\x01" "b\x1b\x7f", "a\xef\xbf\xbd" "b\xef\xbf\xbd\xef\xbf\xbd" },
		{ "tab\tline\n", "tab\tline\n" },
		{ "\xc2\x85\xc2\xa0", "\xef\xbf\xbd\xc2\xa0" },
		{ "x\xe2\x80\xaey\xe2\x81\xa6z", "x\xef\xbf\xbdy\xef\xbf\xbdz" },
		{ "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa",
		    "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa" },
		{ "{{name}}", "{{name}}" },
		{ "\xe2\x80", "\xe2\x80" },
	};
	static const struct {
		const char *value, *want;
	} urls[] = {
		{ "http://a/b?c&d", "http://a/b?c&amp;d" },
		{ "https://a", "https://a" },
		{ "javascript:alert(1)", "#" },
		{ "data:text/html,x", "#" },
		{ " http://a", "#" },
		{ "HTTP://a", "HTTP://a" },
		{ "hTTps://[::1]:3/a%20b", "hTTps://[::1]:3/a%20b" },
		{ "httpx://a", "#" },
		{ "http:a", "#" },
		{ "JavaScript:alert(1)", "#" },
		{ "http://a/\\b\tc <\"'>", "http://a/%5Cb%09c%20%3C%22&#39;%3E" },
		{ "http://a/\xe2\x80\xae\x01{|}^`", "http://a/%E2%80%AE%01%7B%7C%7D%5E%60" },
		{ "", "#" },
	};
	struct template_values *f;
	size_t i;

	for (i = 0; i < N(rows); i++) {
		f = template_values_new(*state);
		template_values_put(f, "v", str_of(rows[i].value));
		check(f, "{{v}}", rows[i].want);
	}
	for (i = 0; i < N(urls); i++) {
		f = template_values_new(*state);
		template_values_put(f, "v", str_of(urls[i].value));
		check(f, "{{@v}}", urls[i].want);
	}
}

static void
test_values(void **state)
{
	static const struct {
		int64_t s;
		const char *want;
	} spans[] = {
		{ 0, "0 seconds" }, { 1, "1 second" }, { 119, "119 seconds" }, { 120, "2 minutes" },
		{ 7199, "119 minutes" }, { 7200, "2 hours" }, { 200000, "2 days" },
		{ -5, "0 seconds" },
	};
	static const struct {
		uint64_t n;
		const char *text;
	} counts[] = {
		{ 0, "0" }, { 999, "999" }, { 1000, "1,000" }, { 1234567, "1,234,567" },
		{ 100000, "100,000" }, { UINT64_MAX, "18,446,744,073,709,551,615" },
	};
	const struct str tags[] = { STR("a"), STR("b") };
	struct template_values *f = template_values_new(*state);
	size_t i;

	for (i = 0; i < N(counts); i++) {
		f = template_values_new(*state);
		template_values_put_count(f, "n", counts[i].n);
		check(f, "{{n}}", counts[i].text);
	}
	f = template_values_new(*state);
	template_values_put_u64(f, "n", UINT64_MAX);
	template_values_put_time(f, "at", 1767225600123456);
	template_values_put_time(f, "never", 0);
	template_values_put_flag(f, "no", false);
	template_values_put_list(f, "tags", tags, 2);
	check(f, "{{n}} {{at}} {{^never}}-{{/never}}{{^no}}-{{/no}}{{#tags}}{{.}}{{/tags}}",
	    "18446744073709551615 2026-01-01 00:00:00Z --ab");
	for (i = 0; i < N(spans); i++) {
		f = template_values_new(*state);
		template_values_put_span(f, "v", 1000000000, 1000000000 + spans[i].s * 1000000);
		check(f, "{{v}}", spans[i].want);
	}
	f = template_values_new(*state);
	template_values_put_short(f, "whole", STR("\xc3\xa4\xc3\xb6\xc3\xbc"), 3);
	template_values_put_short(f, "cut", STR("\xc3\xa4\xc3\xb6\xc3\xbc!"), 3);
	check(f, "{{whole}} {{cut}}", "\xc3\xa4\xc3\xb6\xc3\xbc \xc3\xa4\xc3\xb6\xe2\x80\xa6");
	assert_int_equal(utf8_bytes(STR("\xc3\xa4" "b"), 1), 2);
	assert_int_equal(utf8_bytes(STR("ab"), 9), 2);
}

/* A row in another arena sees what is above it, and leaves it as it was. */
static void
test_below(void **state)
{
	struct arena *other = arena_new();
	struct template_values *f = template_values_new(*state), *below;

	assert_non_null(other);
	template_values_put(f, "name", STR("top"));
	below = template_values_below(f, other);
	template_values_put(below, "x", STR("1"));
	check(below, "{{name}}{{x}}", "top1");
	check(f, "{{name}}{{x}}", "top");
	arena_free(other);
}

/* However long: nothing is cut off. */
static void
test_printf_is_whole(void **state)
{
	struct template_values *f = template_values_new(*state);
	char want[2001];

	memset(want, 'x', sizeof(want) - 1);
	want[sizeof(want) - 1] = '\0';
	template_values_printf(f, "long", "%s", want);
	check(f, "{{long}}", want);
	template_values_printf(f, "long", "%s", "");
	check(f, "{{^long}}none{{/long}}", "none");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_escapes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_values, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_below, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_printf_is_whole, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
