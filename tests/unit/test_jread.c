#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/base/limit.h"
#include "core/wire/jread.h"

/* Check a copy without anything behind it, so that ASAN sees a look past the end. */
static bool
check(struct str json, struct jread_fault *fault)
{
	char *exact = malloc(json.len > 0 ? json.len : 1);
	struct str value;
	bool ok;

	assert_non_null(exact);
	if (json.len > 0)
		memcpy(exact, json.p, json.len);
	ok = jread_check((struct str){ exact, json.len }, &value, fault);
	assert_int_equal(ok, value.p != NULL);
	free(exact);
	return ok;
}

static void
test_well_formed(void **state)
{
	static const char *const rows[] = {
		"{}", "[]", "null", "true", "false", "0", "-0", "-0.5e-10", "1E+2",
		    "123456789012345678901234567890",
		"1e308", "0e999", "\"\"", " \t\r\n[ 1 , 2 ]\n ", "{\"\":{\"a\" : [ ] } , \"\":1}",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"",
		    "\"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\"",
		"\"\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"",
		    "1e-9999", "0.1e309", "-1.7e308",
	};
	struct jread_fault fault;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(check(str_of(rows[i]), &fault));
}

static void
test_faults(void **state)
{
	static const struct {
		const char *json, *fault;
		size_t at;
	} rows[] = {
		{ "{nope", "object keys must be strings", 1 },
		{ "[NaN]", "invalid character", 1 },
		{ "--x", "invalid character", 1 },
		{ "tRue", "invalid character", 1 },
		{ "[1] x", "trailing characters", 5 },
		{ "[1,]", "trailing comma in array", 3 },
		{ "{\"a\":1,}", "trailing comma in object", 7 },
		{ "{\"a\" 1}", "expected ':'", 5 },
		{ "{\"a\":1;", "expected ',' or '}'", 6 },
		{ "[1}", "expected ',' or ']'", 2 },
		{ "01", "invalid number", 1 },
		{ "1.x", "invalid number", 2 },
		{ "1ex", "invalid number", 2 },
		{ "[1e309]", "number out of range", 1 },
		{ "[10e308]", "number out of range", 1 },
		{ "[-3e308]", "number out of range", 1 },
		{ "[0.5e12345678901]", "number out of range", 1 },
		{ "\"\t\"", "control character in a string", 1 },
		{ "\"12345678\x1f\"", "control character in a string", 9 },
		{ "\"\\x\"", "invalid escape character in string", 2 },
		{ "\"\\u12G4\"", "invalid escape character in string", 5 },
		{ "\"\\u0000\"", "NUL in a string", 7 },
		{ "\"\\ud800\"", "invalid utf-16 surrogate pair", 7 },
		{ "\"\\udfff\\ud800\"", "invalid utf-16 surrogate pair", 7 },
		{ "\"\\ud800\\ue000\"", "invalid utf-16 surrogate pair", 13 },
		{ "\"\xc1\xbf\"", "invalid UTF-8", 1 },
		{ "\"a\x80\"", "invalid UTF-8", 2 },
		{ "\"\xe0\x9f\xbf\"", "invalid UTF-8", 1 },
		{ "\"\xed\xa0\x80\"", "invalid UTF-8", 1 },
		{ "\"\xf0\x8f\xbf\xbf\"", "invalid UTF-8", 1 },
		{ "\"\xf4\x90\x80\x80\"", "invalid UTF-8", 1 },
		{ "\"\xe2\x82\"", "invalid UTF-8", 1 },
		{ "\xef\xbb\xbf{}", "invalid character", 0 },
	};
	struct jread_fault fault;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_false(check(str_of(rows[i].json), &fault));
		assert_string_equal(fault.text, rows[i].fault);
		assert_int_equal(fault.at, rows[i].at);
	}
	assert_false(check((struct str){ "[1]\0", 4 }, &fault));
	assert_string_equal(fault.text, "trailing characters");
}

/* Whatever is cut off anywhere is cut off, not malformed. */
static void
test_truncated(void **state)
{
	static const char json[] = " {\"a\\n\\u00e9\\ud83d\\ude00\":[true,false,null,{}],"
	    "\"b\xe2\x82\xac\xf0\x9f\x98\x80\""
	    ":\"12345678901234567\",\"c\":[-1.5e+10,[[]]]}";
	struct jread_fault fault;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(json) - 1; n++) {
		assert_false(check((struct str){ json, n }, &fault));
		assert_null(fault.text);
		assert_int_equal(fault.at, n);
	}
	assert_true(check(STR(json), &fault));
}

static void
test_depth(void **state)
{
	char json[2 * LIMIT_DEPTH + 2];
	struct jread_fault fault;

	(void)state;
	memset(json, '[', LIMIT_DEPTH + 1);
	memset(json + LIMIT_DEPTH + 1, ']', LIMIT_DEPTH + 1);
	assert_false(check((struct str){ json, sizeof(json) }, &fault));
	assert_string_equal(fault.text, "nested deeper than 32 levels");
	assert_int_equal(fault.at, LIMIT_DEPTH);
	assert_true(check((struct str){ json + 1, sizeof(json) - 2 }, &fault));
}

static struct str
checked(const char *json)
{
	struct jread_fault fault;
	struct str value;

	assert_true(jread_check(str_of(json), &value, &fault));
	return value;
}

static void
test_walk(void **state)
{
	static const char *const values[] = { "1", "\"]}\\\\\\\"\"", "[[],{}]", "{\"x\":\"}\"}",
	    "null", "-1.5" };
	const struct str list =
	    checked(" [ 1 ,\"]}\\\\\\\"\",[[],{}] , {\"x\":\"}\"},null\n,-1.5] ");
	const struct str object = checked("{ \"a\" : 1 , \"b\":[2]}");
	struct jread_walk w;
	struct str key, value;
	size_t i;

	(void)state;
	jread_begin(&w, list);
	for (i = 0; jread_next(&w, &key, &value); i++) {
		assert_true(i < 6 && str_eq(value, str_of(values[i])));
		assert_null(key.p);
	}
	assert_int_equal(i, 6);
	jread_begin(&w, object);
	assert_true(jread_next(&w, &key, &value) && str_eq(key, STR("\"a\"")) && str_eq(value,
	    STR("1")));
	assert_true(jread_next(&w, &key, &value) && str_eq(key, STR("\"b\"")) && str_eq(value,
	    STR("[2]")));
	assert_false(jread_next(&w, &key, &value));
	assert_false(jread_next(&w, &key, &value));
	jread_begin(&w, checked("[]"));
	assert_false(jread_next(&w, &key, &value));
}

static void
test_fields(void **state)
{
	static const char *const names[] = { "url", "name", "\xc3\xa9" };
	struct jread *j = jread_new();
	struct str values[3];

	(void)state;
	assert_non_null(j);
	assert_int_equal(jread_fields(j, checked("{\"x\":0,\"url\":1,\"urls\":2,\"url\":3}"), names,
	    3, values), KODO_OK);
	assert_true(str_eq(values[0], STR("3")));
	assert_null(values[1].p);
	/* names may be written with escapes */
	assert_int_equal(jread_fields(j, checked("{\"u\\u0072l\":1,\"\\u00e9\":2,\"n\\name\":3}"),
	    names, 3, values),
	    KODO_OK);
	assert_true(str_eq(values[0], STR("1")) && str_eq(values[2], STR("2")));
	assert_null(values[1].p);
	jread_free(j);
	jread_free(NULL);
}

static void
test_values(void **state)
{
	struct jread *j = jread_new();
	struct arena *a = arena_new();
	struct str text, raw = checked("\"plain \xc3\xa9\"");
	bool negative;
	uint64_t n;
	double d;

	(void)state;
	assert_int_equal(jread_text(j, a, raw, &text), KODO_OK);
	assert_ptr_equal(text.p, raw.p + 1);
	assert_int_equal(jread_text(j, a, checked("\"\\u0001\\ud83d\\ude00\\/\\\"\\n\""), &text),
	    KODO_OK);
	assert_true(str_eq(text, STR("\x01\xf0\x9f\x98\x80/\"\n")));
	assert_int_equal(jread_number(j, checked("-1.5e3"), &d), KODO_OK);
	assert_true(d == -1500);
	assert_int_equal(jread_integer(j, checked("9007199254740993"), &n, &negative), KODO_OK);
	assert_true(n == 9007199254740993 && !negative);
	assert_int_equal(jread_integer(j, checked("18446744073709551616"), &n, &negative), KODO_OK);
	assert_true(n == UINT64_MAX);
	assert_int_equal(jread_integer(j, checked("-5"), &n, &negative), KODO_OK);
	assert_true(negative);
	assert_int_equal(jread_integer(j, checked("1.0"), &n, &negative), KODO_EINVAL);
	assert_int_equal(jread_integer(j, checked("1e2"), &n, &negative), KODO_EINVAL);
	arena_free(a);
	jread_free(j);
}

static void
test_kinds(void **state)
{
	(void)state;
	assert_int_equal(jread_kind(STR_NULL), JREAD_ABSENT);
	assert_int_equal(jread_kind(STR("null")), JREAD_NULL);
	assert_int_equal(jread_kind(STR("true")), JREAD_BOOL);
	assert_int_equal(jread_kind(STR("false")), JREAD_BOOL);
	assert_int_equal(jread_kind(STR("-1")), JREAD_NUMBER);
	assert_int_equal(jread_kind(STR("\"null\"")), JREAD_TEXT);
	assert_int_equal(jread_kind(STR("[]")), JREAD_LIST);
	assert_int_equal(jread_kind(STR("{}")), JREAD_OBJECT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_well_formed), cmocka_unit_test(test_faults),
		cmocka_unit_test(test_truncated), cmocka_unit_test(test_depth),
		cmocka_unit_test(test_walk), cmocka_unit_test(test_fields),
		cmocka_unit_test(test_values), cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
