/* Places in an order: written and read, compared, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/query/cursor.h"
#include "scratch.h"

static struct order *
order_of(const char *by)
{
	struct order *o;

	assert_int_equal(order_parse(scratch.a, str_of(by), &o), KODO_OK);
	return o;
}

static struct str
write_one(const struct order *o, const struct row *row, uint64_t ref)
{
	struct str text;

	assert_int_equal(cursor_write(scratch.a, o, row, ref, &text), KODO_OK);
	return text;
}

static const struct row rows[] = {
	{ .name = { "a", 1 }, .url = { "http://x/1", 10 }, .created_us = 5 },
	{ .name = { "a", 1 }, .url = { "http://x/2", 10 }, .author = { "", 0 } },
	{ .name = { "a\xc3\xa4", 3 }, .url = { "http://x/1", 10 }, .author = { "me", 2 },
	    .created_us = -7 },
};
#define ROWS	(sizeof(rows) / sizeof(rows[0]))

static bool
is_behind(const char *by, size_t place, uint64_t place_ref, size_t row, uint64_t ref)
{
	struct order *o = order_of(by);
	struct cursor *c;

	assert_int_equal(cursor_read(scratch.a, o, write_one(o, &rows[place], place_ref), &c),
	    KODO_OK);
	return cursor_is_behind(c, &rows[row], ref);
}

/* Of two rows one is behind the other, and none behind itself. */
static void
test_order(void **state)
{
	static const char *const orders[] = { "", "name:d", "created", "created:d", "author",
		"author:d", "url,created" };
	size_t i, x, y;

	(void)state;
	for (i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
		for (x = 0; x < ROWS; x++)
			for (y = 0; y < ROWS; y++)
				assert_int_equal(is_behind(orders[i], x, 9, y, 9) +
				    is_behind(orders[i], y, 9, x, 9), x != y);
	assert_true(is_behind("", 0, 9, 1, 9) && is_behind("", 1, 9, 2, 9));
	assert_true(is_behind("name:d", 2, 9, 0, 9));
	/* nulls are last in both directions */
	assert_true(is_behind("created", 0, 9, 1, 9) && is_behind("created:d", 2, 9, 1, 9));
	assert_true(is_behind("author", 1, 9, 0, 9) && is_behind("author:d", 1, 9, 0, 9));
	assert_true(is_behind("created", 2, 9, 0, 9) && is_behind("created:d", 0, 9, 2, 9));
	/* equal ones by their refs */
	assert_true(is_behind("", 0, 9, 0, 10) && !is_behind("", 0, 9, 0, 8));
}

static void
test_what_is_none(void **state)
{
	struct order *o = order_of("author,created"), *other = order_of("author:d,created");
	struct str text = write_one(o, &rows[2], UINT64_MAX), bad;
	struct cursor *c;
	size_t i, n_read = 0;
	char *copy;

	(void)state;
	assert_int_equal(cursor_read(scratch.a, o, text, &c), KODO_OK);
	assert_int_equal(cursor_read(scratch.a, other, text, &c), KODO_EINVAL);
	assert_null(c);
	assert_int_equal(cursor_read(scratch.a, order_of("tags"), text, &c), KODO_EINVAL);
	for (i = 0; i < text.len; i++) {
		bad = (struct str){ text.p, i };
		assert_int_equal(cursor_read(scratch.a, o, bad, &c), KODO_EINVAL);
	}
	/* one byte is another: of an other value, or none */
	for (i = 0; i < text.len * 64; i++) {
		copy = arena_strz(scratch.a, text);
		copy[i % text.len] = "AZaz09-_=+/ \"\x7f\x80\xff"[i / text.len % 16];
		bad = (struct str){ copy, text.len };
		if (cursor_read(scratch.a, o, bad, &c) == KODO_OK) {
			n_read++;
			(void)cursor_is_behind(c, &rows[0], 0);
		}
	}
	assert_true(n_read > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, scratch_setup, scratch_teardown),
		cmocka_unit_test_setup_teardown(test_what_is_none, scratch_setup, scratch_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
