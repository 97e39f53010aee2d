#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "core/base/strmap.h"

#define MANY	5000u

static uint32_t
find(struct strmap *m, struct str text)
{
	uint32_t i;

	assert_int_equal(strmap_find(m, text, &i), KODO_OK);
	assert_true(i < m->n && str_eq(m->all[i].text, text));
	return i;
}

static void
test_few(void **state)
{
	struct strmap m = { 0 };

	(void)state;
	strmap_free(&m);
	assert_int_equal(find(&m, STR("one")), 0);
	assert_int_equal(find(&m, STR("two")), 1);
	assert_int_equal(find(&m, STR("")), 2);
	assert_int_equal(m.all[1].value, 0);
	m.all[1].value = 7;
	assert_int_equal(find(&m, STR("one")), 0);
	assert_int_equal(find(&m, STR("two")), 1);
	assert_int_equal(m.all[1].value, 7);
	assert_int_equal(m.n, 3);
	strmap_free(&m);
	assert_int_equal(m.n, 0);
	assert_int_equal(find(&m, STR("two")), 0);
	assert_int_equal(m.all[0].value, 0);
	strmap_free(&m);
}

/* Through all growing each text keeps its number and its value. */
static void
test_many(void **state)
{
	static char text[MANY][8];
	struct strmap m = { 0 };
	uint32_t i, pass;

	(void)state;
	for (i = 0; i < MANY; i++)
		snprintf(text[i], sizeof(text[i]), "%u", i);
	for (pass = 0; pass < 3; pass++)
		for (i = 0; i < MANY; i++) {
			assert_int_equal(find(&m, str_of(text[i])), i);
			assert_int_equal(m.all[i].value, pass * (uint64_t)i);
			m.all[i].value += i;
			assert_int_equal(m.n, pass == 0 ? i + 1 : MANY);
		}
	strmap_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
