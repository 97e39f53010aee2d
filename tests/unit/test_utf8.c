#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "core/base/utf8.h"

#define BYTES(lit) ((struct str){ (lit), sizeof(lit) - 1 })

static void
test_valid(void **state)
{
	static const struct str good[] = {
		BYTES(""), BYTES("plain ascii, longer than eight bytes"), BYTES("\x01\x7f"),
		BYTES("Zo\xc3\xab"), BYTES("\xc2\x80"), BYTES("\xdf\xbf"), BYTES("\xe0\xa0\x80"),
		BYTES("\xed\x9f\xbf"), BYTES("\xee\x80\x80"), BYTES("\xef\xbf\xbf"),
		BYTES("\xf0\x90\x80\x80"), BYTES("\xf4\x8f\xbf\xbf"),
		BYTES("eight by\xf0\x9f\x99\x82tes"),
	};
	static const struct str bad[] = {
		BYTES("\0"), BYTES("seven b\0tes"), BYTES("a text with a NUL in it\0"),
		BYTES("\x80"), BYTES("\xbf"), BYTES("\xc0\x80"), BYTES("\xc1\xbf"), BYTES("\xc3"),
		BYTES("\xc3("), BYTES("\xe0\x80\x80"), BYTES("\xe0\x9f\xbf"), BYTES("\xe2\x82"),
		BYTES("\xe2(\xa1"), BYTES("\xe2\x82("), BYTES("\xed\xa0\x80"),
		BYTES("\xed\xbf\xbf"), BYTES("\xf0\x80\x80\x80"), BYTES("\xf0\x8f\xbf\xbf"),
		BYTES("\xf0\x9f\x99"), BYTES("\xf4\x90\x80\x80"), BYTES("\xf5\x80\x80\x80"),
		BYTES("\xff"), BYTES("\xfe"), BYTES("12345678\xff"),
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!utf8_valid(good[i]))
			fail_msg("good text %zu", i);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (utf8_valid(bad[i]))
			fail_msg("bad text %zu", i);
	assert_true(utf8_valid(STR_NULL));
}

/* Every code point there is: what is put is valid, comes back, and is as long as it should be. */
static void
test_every_character(void **state)
{
	uint32_t cp;
	char c[4];
	size_t n, pos;

	(void)state;
	for (cp = 1; cp <= 0x10FFFF; cp++) {
		n = utf8_put(cp, c);
		assert_int_equal(n, cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4);
		assert_int_equal(utf8_valid((struct str){ c, n }), cp < 0xD800 || cp > 0xDFFF);
		assert_false(utf8_valid((struct str){ c, n - 1 }) && n > 1);
		if (cp >= 0xD800 && cp <= 0xDFFF)
			continue;
		pos = 0;
		assert_int_equal(utf8_next((struct str){ c, n }, &pos), cp);
		assert_int_equal(pos, n);
	}
}

static void
assert_folds(struct str from, struct str to)
{
	struct buf b = BUF_INIT(0);
	size_t pos = 0, at = 0, n;
	char c[4];

	buf_puts(&b, "before:");
	utf8_fold(&b, from);
	assert_int_equal(b.len, 7 + to.len);
	assert_int_equal(memcmp(b.p + 7, to.p, to.len), 0);
	buf_free(&b);
	while (pos < from.len) {
		n = utf8_fold_next(from, &pos, c);
		assert_true(at + n <= to.len);
		assert_int_equal(memcmp(c, to.p + at, n), 0);
		at += n;
	}
	assert_int_equal(at, to.len);
}

static void
test_fold(void **state)
{
	(void)state;
	assert_folds(BYTES("Agent ALPHA [@`{z}] 09 Z"), BYTES("agent alpha [@`{z}] 09 z"));
	assert_folds(BYTES("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), BYTES("abcdefghijklmnopqrstuvwxyz"));
	assert_folds(BYTES("ZO\xc3\x8b"), BYTES("zo\xc3\xab"));
	assert_folds(BYTES("\xc3\x9c""BUNG"), BYTES("\xc3\xbc""bung"));
	assert_folds(BYTES("STRA\xc3\x9f""E"), BYTES("stra\xc3\x9f""e"));
	/* capital sharp s: shorter */
	assert_folds(BYTES("\xe1\xba\x9e"), BYTES("\xc3\x9f"));
	/* I with a dot: one byte */
	assert_folds(BYTES("\xc4\xb0"), BYTES("i"));
	assert_folds(BYTES("\xe2\x84\xaa"), BYTES("k"));			/* Kelvin */
	/* A with a stroke: longer */
	assert_folds(BYTES("\xc8\xba"), BYTES("\xe2\xb1\xa5"));
	/* no final sigma: no context */
	assert_folds(BYTES("\xce\xa3\xcf\x82"), BYTES("\xcf\x83\xcf\x82"));
	/* Deseret, four bytes */
	assert_folds(BYTES("\xf0\x90\x90\x80"), BYTES("\xf0\x90\x90\xa8"));
	assert_folds(BYTES("\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x99\x82"),
	    BYTES("\xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x99\x82"));
	assert_folds(BYTES(""), BYTES(""));
	/* what is not UTF-8 stays as it is */
	assert_folds(BYTES("A\xff""B\xc3""C\x80\xed\xa0\x80\0D"),
	    BYTES("a\xff""b\xc3""c\x80\xed\xa0\x80\0d"));
}

/* The folding of a text holds the folding of each of its parts: what search stands on. */
static void
test_parts(void **state)
{
	struct str whole = BYTES("Zo\xc3\x8b \xc4\xb0x \xe2\x84\xaa \xc8\xba STRASSE \xce\xa3");
	struct buf all = BUF_INIT(0), parts = BUF_INIT(0);
	size_t pos = 0, before;

	(void)state;
	utf8_fold(&all, whole);
	while (pos < whole.len) {
		before = pos;
		utf8_next(whole, &pos);
		utf8_fold(&parts, (struct str){ whole.p + before, pos - before });
	}
	assert_true(str_eq(buf_str(&all), buf_str(&parts)));
	buf_free(&all);
	buf_free(&parts);
}

static void
test_words(void **state)
{
	static const uint32_t word[] = { 'a', 'Z', '_', '0', 0xEB, 0x65E5, 0x1D400 };
	static const uint32_t other[] = { ' ', '-', '"', '@', '~', 0xA0, 0x201C, 0x1F642, 0xFFFD };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(word) / sizeof(word[0]); i++)
		assert_true(utf8_is_word(word[i]));
	for (i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_false(utf8_is_word(other[i]));
	assert_int_equal(utf8_count(BYTES("Zo\xc3\xab \xf0\x9f\x99\x82\xff")), 6);
	assert_int_equal(utf8_count(STR_NULL), 0);
}

static void
test_blanks(void **state)
{
	static const char *const blanks[] = { " ", "\t", "\r", "\xc2\x85", "\xc2\xa0",
		"\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x8b", "\xe2\x80\xa9",
		"\xe2\x81\x9f", "\xe2\x81\xa0", "\xe3\x80\x80", "\xef\xbb\xbf" };
	static const char *const others[] = { "x", "\x1f", "\xc2\xa1", "\xc3\xab",
		"\xe1\x9a\x81", "\xe2\x80\x8c", "\xe3\x80\x81", "\xef\xbc\x81",
		"\xf0\x9f\x99\x82", "\xa0", "\xe2\x80" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(blanks) / sizeof(blanks[0]); i++)
		assert_int_equal(utf8_blank_bytes(str_of(blanks[i]), 0), strlen(blanks[i]));
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(utf8_blank_bytes(str_of(others[i]), 0), 0);
	assert_true(str_eq(
	    utf8_trim(STR("\xc2\xa0 x\xe3\x80\x80y \n")), STR("x\xe3\x80\x80y")));
	assert_int_equal(utf8_trim(STR(" \t\xe3\x80\x80")).len, 0);
	assert_int_equal(utf8_trim(STR_NULL).len, 0);
	assert_true(str_eq(utf8_trim(STR("\xa0")), STR("\xa0")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_every_character),
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_blanks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
