#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/isotime.h"

static void
test_format(void **state)
{
	static const struct {
		int64_t us;
		const char *z, *offset;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00+00:00" },
		{ 1795508194656666, "2026-11-24T08:16:34.656666Z",
		    "2026-11-24T08:16:34.656666+00:00" },
		{ 1795508194000000, "2026-11-24T08:16:34Z", "2026-11-24T08:16:34+00:00" },
		{ 1795508194000001, "2026-11-24T08:16:34.000001Z",
		    "2026-11-24T08:16:34.000001+00:00" },
		{ 1795508194500000, "2026-11-24T08:16:34.500000Z",
		    "2026-11-24T08:16:34.500000+00:00" },
		{ -1, "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999+00:00" },
		{ 951782400000000, "2000-02-29T00:00:00Z", "2000-02-29T00:00:00+00:00" },
		{ ISOTIME_MIN_US, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00" },
		{ ISOTIME_MAX_US, "9999-12-31T23:59:59.999999Z",
		    "9999-12-31T23:59:59.999999+00:00" },
		{ INT64_MIN, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00" },
		{ INT64_MAX, "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999+00:00" },
	};
	char out[ISOTIME_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(isotime_format(cases[i].us, false, out), strlen(cases[i].z));
		assert_string_equal(out, cases[i].z);
		assert_int_equal(isotime_format(cases[i].us, true, out), strlen(cases[i].offset));
		assert_string_equal(out, cases[i].offset);
	}
}

static void
test_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} cases[] = {
		{ "2025-01-13T14:00:00Z", 1736776800000000 },
		{ "2025-01-13T14:00:00", 1736776800000000 },
		{ "2025-01-13 14:00:00Z", 1736776800000000 },
		{ "2025-01-13t14:00:00z", 1736776800000000 },
		{ "2025-01-13_14:00", 1736776800000000 },
		{ "2025-01-13T14:00Z", 1736776800000000 },
		{ "2025-01-13T16:00:00+02:00", 1736776800000000 },
		{ "2025-01-13T12:30:00-0130", 1736776800000000 },
		{ "2025-01-13T14:00:00.123456+00:00", 1736776800123456 },
		{ "2025-01-13T14:00:00.5Z", 1736776800500000 },
		{ "2025-01-13T14:00:00,5Z", 1736776800500000 },
		{ "2025-01-13T14:00:00.1234567890123Z", 1736776800123456 },
		{ "2025-01-13", 1736726400000000 },
		{ "1736776800", 1736776800000000 },
		{ "1736776800.5", 1736776800500000 },
		{ "1736776800000", 1736776800000000 },
		{ "-1", -1000000 },
		{ "+1", 1000000 },
		{ "0", 0 },
		{ "2000-02-29", 951782400000000 },
		{ "0001-01-01", ISOTIME_MIN_US },
		{ "9999-12-31T23:59:59.999999Z", ISOTIME_MAX_US },
		{ "1969-12-31T23:59:59.999999Z", -1 },
	};
	const char *reason = "?";
	int64_t us;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (isotime_parse(str_of(cases[i].text), &us, &reason) != KODO_OK ||
		    us != cases[i].us)
			fail_msg("%s: %lld", cases[i].text, (long long)us);
		assert_null(reason);
	}
}

static void
test_faults(void **state)
{
	static const char *const cases[][2] = {
		{ "", "input is too short" },
		{ "x", "input is too short" },
		{ "2025-01-1", "input is too short" },
		{ "not a date", "invalid character in year" },
		{ "2025-13-13T14:00:00Z", "month value is outside expected range of 1-12" },
		{ "2025-00-13", "month value is outside expected range of 1-12" },
		{ "2025-02-29", "day value is outside expected range" },
		{ "1900-02-29", "day value is outside expected range" },
		{ "2025-04-31", "day value is outside expected range" },
		{ "2025-01-00", "day value is outside expected range" },
		{ "0000-01-01", "year value is outside expected range of 1-9999" },
		{ "2025/01/13", "invalid date separator, expected `-`" },
		{ "2025-x1-13", "invalid character in month" },
		{ "2025-01-x3", "invalid character in day" },
		{ "2025-01-13X14:00",
		    "invalid datetime separator, expected `T`, `t`, `_` or space" },
		{ "2025-01-13T", "input is too short" },
		{ "2025-01-13T14", "input is too short" },
		{ "2025-01-13T14:0", "input is too short" },
		{ "2025-01-13Tx4:00", "invalid character in hour" },
		{ "2025-01-13T24:00:00Z", "hour value is outside expected range of 0-23" },
		{ "2025-01-13T14:60:00Z", "minute value is outside expected range of 0-59" },
		{ "2025-01-13T14:00:60Z", "second value is outside expected range of 0-59" },
		{ "2025-01-13T14.00", "invalid time separator, expected `:`" },
		{ "2025-01-13T14:x0", "invalid character in minute" },
		{ "2025-01-13T14:00:x0", "invalid character in second" },
		{ "2025-01-13T14:00:00.", "second fraction value is missing" },
		{ "2025-01-13T14:00:00.Z", "second fraction value is missing" },
		{ "2025-01-13T14:00:00 ", "invalid timezone sign" },
		{ "2025-01-13T14:00:00+2", "input is too short" },
		{ "2025-01-13T14:00:00+02", "input is too short" },
		{ "2025-01-13T14:00:00+24:00", "timezone offset must be less than 24 hours" },
		{ "2025-01-13T14:00:00+02:60",
		    "timezone minute value is outside expected range of 0-59" },
		{ "2025-01-13T14:00:00Zx", "unexpected extra characters at the end of the input" },
		{ "0001-01-01T00:00:00+00:01", "year value is outside expected range of 1-9999" },
		{ "9999-12-31T23:59:59-00:01", "year value is outside expected range of 1-9999" },
		{ "99999999999999999", "dates after 9999 are not supported as unix timestamps" },
	};
	const char *reason;
	int64_t us;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		us = 5;
		reason = NULL;
		if (isotime_parse(str_of(cases[i][0]), &us, &reason) != KODO_EINVAL || us != 0)
			fail_msg("%s is taken", cases[i][0]);
		assert_string_equal(reason, cases[i][1]);
	}
	assert_int_equal(isotime_parse(STR("x"), &us, NULL), KODO_EINVAL);
	assert_int_equal(isotime_parse((struct str){ "2025-01-13\0", 11 }, &us, NULL), KODO_EINVAL);
	assert_int_equal(isotime_parse_text(STR("1736776800"), &us, NULL), KODO_EINVAL);
}

static void
test_number(void **state)
{
	int64_t us;

	(void)state;
	assert_int_equal(isotime_from_number(1736776800, &us), KODO_OK);
	assert_int_equal(us, 1736776800000000);
	assert_int_equal(isotime_from_number(1736776800.5, &us), KODO_OK);
	assert_int_equal(us, 1736776800500000);
	assert_int_equal(isotime_from_number(1736776800000, &us), KODO_OK);
	assert_int_equal(us, 1736776800000000);
	assert_int_equal(isotime_from_number(2e10, &us), KODO_OK);
	assert_int_equal(us, 20000000000000000);
	assert_int_equal(isotime_from_number(2e10 + 1, &us), KODO_OK);
	assert_int_equal(us, 20000000001000);
	assert_int_equal(isotime_from_number((double)NAN, &us), KODO_EINVAL);
	assert_int_equal(isotime_from_number((double)INFINITY, &us), KODO_EINVAL);
	assert_int_equal(isotime_from_number(1e300, &us), KODO_EINVAL);
	assert_int_equal(isotime_from_number(-1e300, &us), KODO_EINVAL);
	assert_int_equal(us, 0);
}

/* Every day of 9,999 years against the C library, there and back. */
static void
test_every_day(void **state)
{
	char out[ISOTIME_BYTES], want[ISOTIME_BYTES];
	int64_t day, us;
	struct tm tm;
	time_t t;

	(void)state;
	for (day = ISOTIME_MIN_US / 86400000000; day <= ISOTIME_MAX_US / 86400000000; day += 7) {
		t = day * 86400 + 3661;
		assert_non_null(gmtime_r(&t, &tm));
		snprintf(want, sizeof(want), "%04d-%02d-%02dT01:01:01Z", tm.tm_year + 1900,
		    tm.tm_mon + 1, tm.tm_mday);
		isotime_format((int64_t)t * 1000000, false, out);
		assert_string_equal(out, want);
		assert_int_equal(isotime_parse(str_of(out), &us, NULL), KODO_OK);
		assert_int_equal(us, (int64_t)t * 1000000);
	}
}

static void
test_now(void **state)
{
	int64_t us = isotime_now_us();

	(void)state;
	assert_true(us / 1000000 >= time(NULL) - 1 && us / 1000000 <= time(NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_now),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
