#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdlib.h>

#include "core/base/ascii.h"

/* As the C library says it of the locale "C", for every byte. */
static void
test_every_byte(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 256; i++) {
		const char c = (char)i, text[] = { c, '\0' };

		assert_int_equal(ascii_is_digit(c), isdigit(i) != 0);
		assert_int_equal(ascii_is_letter(c), isalpha(i) != 0);
		assert_int_equal(ascii_is_space(c), isspace(i) != 0);
		assert_int_equal((unsigned char)ascii_lower(c), tolower(i));
		assert_int_equal(ascii_hex_value(c), isxdigit(i) ? strtol(text, NULL, 16) : -1);
	}
}

static void
test_trim(void **state)
{
	(void)state;
	assert_true(str_eq(ascii_trim(STR(" \t a b\r\n")), STR("a b")));
	assert_true(str_eq(ascii_trim(STR("a")), STR("a")));
	assert_true(str_eq(ascii_trim(STR(" \v ")), STR("")));
	assert_true(str_eq(ascii_trim(STR_NULL), STR_NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_trim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
