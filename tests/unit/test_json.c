#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/json.h"

static void
expect_text(struct str text, const char *json)
{
	struct buf b = BUF_INIT(0);

	json_put_str(&b, text);
	assert_string_equal(buf_z(&b), json);
	buf_free(&b);
}

static void
test_text(void **state)
{
	(void)state;
	expect_text(STR_NULL, "null");
	expect_text(STR(""), "\"\"");
	expect_text(STR("a"), "\"a\"");
	expect_text(STR("sixteen bytes ok"), "\"sixteen bytes ok\"");
	expect_text(STR("Zoë 報告 / ü"), "\"Zoë 報告 / ü\"");
	expect_text(STR("\"\\"), "\"\\\"\\\\\"");
	expect_text(STR("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"");
	expect_text(STR("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\"");
}

/*
 * An escape at every place of texts of every length around the eight bytes that are looked at at
 * once.
 */
static void
test_escape_everywhere(void **state)
{
	char text[40], want[64];
	size_t n, at;

	(void)state;
	for (n = 1; n < sizeof(text); n++) {
		for (at = 0; at < n; at++) {
			memset(text, 'x', n);
			text[at] = '"';
			memset(want, 'x', n + 3);
			want[0] = want[n + 2] = want[at + 2] = '"';
			want[at + 1] = '\\';
			want[n + 3] = '\0';
			expect_text((struct str){ text, n }, want);
		}
	}
}

static void
test_plain_stops(void **state)
{
	char text[24];
	unsigned c;

	(void)state;
	for (c = 0; c < 256; c++) {
		const bool special = c < 0x20 || c == '"' || c == '\\';
		size_t n;

		memset(text, 'x', sizeof(text));
		text[11] = (char)c;
		n = json_plain(text, sizeof(text), false);
		assert_true(special ? n <= 11 : n == sizeof(text));
		n = json_plain(text, sizeof(text), true);
		assert_true(special || c >= 0x80 ? n <= 11 : n == sizeof(text));
	}
}

static void
test_values(void **state)
{
	struct buf b = BUF_INIT(0);

	(void)state;
	json_put_key(&b, "a");
	json_put_u64(&b, 0);
	json_put_u64(&b, UINT64_MAX);
	json_put_bool(&b, true);
	json_put_bool(&b, false);
	json_put_time(&b, 0, false);
	json_put_time(&b, 1736776800000000, false);
	json_put_time(&b, 1736776800123456, true);
	assert_string_equal(buf_z(&b), "\"a\":018446744073709551615truefalsenull"
	    "\"2025-01-13T14:00:00Z\"\"2025-01-13T14:00:00.123456+00:00\"");
	buf_free(&b);
}

static void
test_members_and_lists(void **state)
{
	const struct str texts[] = { STR("a"), STR("\"b\""), STR_NULL };
	struct buf b = BUF_INIT(0);

	(void)state;
	json_put_text(&b, "k", STR("x\ny"));
	json_put_texts(&b, texts, 0);
	json_put_texts(&b, texts, 3);
	assert_true(str_eq(buf_str(&b), STR("\"k\":\"x\\ny\"[][\"a\",\"\\\"b\\\"\",null]")));
	buf_free(&b);
}

static void
test_members_of_a_table(void **state)
{
	struct of {
		struct str a, b, c;
		uint64_t n;
		int64_t at_us, never_us;
	} of = { STR("x"), STR_NULL, STR_NULL, 7, 1000000, 0 };
	static const struct json_member table[] = {
		{ "b", JSON_TEXT_IF_SET, offsetof(struct of, b) },
		{ "a", JSON_TEXT_IF_SET, offsetof(struct of, a) },
		{ "c", JSON_TEXT, offsetof(struct of, c) },
		{ "n", JSON_NUMBER, offsetof(struct of, n) },
		{ "at", JSON_TIME, offsetof(struct of, at_us) },
		{ "never", JSON_TIME, offsetof(struct of, never_us) },
	};
	struct buf b = BUF_INIT(0);

	(void)state;
	JSON_PUT_MEMBERS(&b, table, &of);
	assert_string_equal(buf_z(&b), "\"a\":\"x\",\"c\":null,\"n\":7,"
	    "\"at\":\"1970-01-01T00:00:01+00:00\",\"never\":null");
	buf_free(&b);
}

static void
test_ceiling(void **state)
{
	struct buf b = BUF_INIT(5);

	(void)state;
	json_put_str(&b, STR("four"));
	assert_int_equal(b.err, KODO_ETOOBIG);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_escape_everywhere),
		cmocka_unit_test(test_plain_stops),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_members_and_lists),
		cmocka_unit_test(test_members_of_a_table),
		cmocka_unit_test(test_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
