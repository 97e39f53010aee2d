/* What outsiders wrote, on a screen and in a log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/base/screen.h"
#include "core/base/utf8.h"

static void
check(const char *text, const char *shown)
{
	char *out = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	assert_non_null(f);
	screen_print(f, str_of(text));
	assert_int_equal(fclose(f), 0);
	assert_string_equal(out, shown);
	free(out);
}

static void
texts(void **state)
{
	static const char *const rows[][2] = {
		{ "", "" },
		{ "Zo\xc3\xab \xe6\x97\xa5 \xf0\x9f\x98\x80 \\",
		    "Zo\xc3\xab \xe6\x97\xa5 \xf0\x9f\x98\x80 \\" },
		{ "a\nb\x1b[31m\x7f", "a\\x0ab\\x1b[31m\\x7f" },
		{ "\xc2\x85\xc2\x9b", "\\xc2\\x85\\xc2\\x9b" },
		{ "\xe2\x80\xaegpj.exe", "\\xe2\\x80\\xaegpj.exe" },
		{ "\xef\xbf\xbd", "\xef\xbf\xbd" },
		/* no UTF-8, cut off */
		{ "\xff\xe2\x80", "\\xff\\xe2\\x80" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check(rows[i][0], rows[i][1]);
}

static void
long_text(void **state)
{
	char text[3001], shown[12001];
	size_t i;

	(void)state;
	for (i = 0; i < 3000; i++) {
		text[i] = '\x1b';
		memcpy(shown + 4 * i, "\\x1b", 4);
	}
	text[3000] = shown[12000] = '\0';
	check(text, shown);
}

static void
unseen(void **state)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x00, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x34f, 0x34f }, { 0x61c, 0x61c },
		{ 0x115f, 0x1160 }, { 0x180e, 0x180e }, { 0x200b, 0x200f }, { 0x2028, 0x202e },
		{ 0x2060, 0x206f }, { 0x3164, 0x3164 }, { 0xfeff, 0xfeff }, { 0xffa0, 0xffa0 },
		{ 0xfff9, 0xfffb }, { 0x1d173, 0x1d17a }, { 0xe0001, 0xe0001 },
		{ 0xe0020, 0xe007f },
	};
	static const uint32_t seen[] = { ' ', '~', 0xa0, 0xe9, 0x301, 0x5d0, 0x627, 0x2010, 0x3000,
		0xfffd, 0x1f600 };
	uint32_t cp;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		for (cp = ranges[i].first; cp <= ranges[i].last; cp++)
			assert_true(utf8_is_unseen(cp));
	for (i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
		assert_false(utf8_is_unseen(seen[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(long_text),
		cmocka_unit_test(unseen),
	};

	return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
