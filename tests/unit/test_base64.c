/*
 * Base64: the vectors of RFC 4648, section 10, both alphabets, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/base/base64.h"

static void
test_vectors(void **state)
{
	static const struct {
		const char *bytes, *padded, *url;
	} rows[] = {
		{ "", "", "" },
		{ "f", "Zg==", "Zg" },
		{ "fo", "Zm8=", "Zm8" },
		{ "foo", "Zm9v", "Zm9v" },
		{ "foob", "Zm9vYg==", "Zm9vYg" },
		{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
		{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
		{ "\xfb\xff\xbf", "+/+/", "-_-_" },
	};
	struct arena *a = arena_new();
	unsigned char bytes[8];
	struct buf b = BUF_INIT(0);
	struct str got;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct str want = str_of(rows[i].bytes);

		buf_reset(&b);
		base64_put(&b, BASE64, want);
		assert_true(str_eq(buf_str(&b), str_of(rows[i].padded)));
		buf_reset(&b);
		base64_put(&b, BASE64_URL, want);
		assert_true(str_eq(buf_str(&b), str_of(rows[i].url)));
		assert_int_equal(base64_read(a, BASE64, str_of(rows[i].padded), &got), KODO_OK);
		assert_true(str_eq(got, want));
		assert_int_equal(base64_read(a, BASE64_URL, str_of(rows[i].url), &got), KODO_OK);
		assert_true(str_eq(got, want));
		assert_int_equal(
		    base64_read_n(BASE64_URL, str_of(rows[i].url), bytes, want.len), KODO_OK);
		assert_memory_equal(bytes, want.p, want.len);
		assert_int_equal(base64_read_n(BASE64_URL, str_of(rows[i].url), bytes,
		    want.len + 1), KODO_EINVAL);
	}
	buf_free(&b);
	arena_free(a);
}

static void
test_refused(void **state)
{
	static const struct {
		enum base64_alphabet alphabet;
		const char *text;
	} rows[] = {
		{ BASE64, "Zg" }, { BASE64, "Zg=" }, { BASE64, "Zg===" }, { BASE64, "Z===" },
		{ BASE64, "====" }, { BASE64, "Zh==" }, { BASE64, "Zm9=" }, { BASE64, "Zm 9" },
		{ BASE64, "Zm9v\n" }, { BASE64, "-_-_" }, { BASE64, "Zg==Zg==" },
		{ BASE64_URL, "Z" }, { BASE64_URL, "Zg==" }, { BASE64_URL, "Zh" },
		{ BASE64_URL, "+/+/" }, { BASE64_URL, "Zm9vY" },
	};
	struct arena *a = arena_new();
	struct str got;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(
		    base64_read(a, rows[i].alphabet, str_of(rows[i].text), &got), KODO_EINVAL);
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
