#include <math.h>
#include <time.h>

#include "core/base/ascii.h"
#include "core/base/isotime.h"

#define US_PER_S	1000000ll
#define S_PER_DAY	86400ll
#define MS_FROM		2e10	/* numbers beyond this are milliseconds, as pydantic has it */

int64_t
isotime_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * US_PER_S + ts.tv_nsec / 1000;
}

/*
 * Days from 1970-01-01 to the date, Gregorian; years count from March, so that the leap day is the
 * last one.
 */
static int64_t
days_from_date(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = y / 400, of_era = y - era * 400;	/* y >= 0 here: years begin with 1 */
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void
date_from_days(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	/* at least 0 from year 1 on, and under 4 million */
	uint32_t z = (uint32_t)(days + 719468), era = z / 146097, of_era = z - era * 146097;
	uint32_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint32_t of_year = of_era - (365 * y + y / 4 - y / 100);
	uint32_t m = (5 * of_year + 2) / 153;

	*day = of_year - (153 * m + 2) / 5 + 1;
	*month = m < 10 ? m + 3 : m - 9;
	*year = y + era * 400 + (*month <= 2);
}

/* Two digits, and what is to stand behind them. */
static inline char *
put_two(char *to, unsigned v, char behind)
{
	to[0] = (char)('0' + v / 10);
	to[1] = (char)('0' + v % 10);
	to[2] = behind;
	return to + 3;
}

/* Without printf and loops, as each item of a page has two or three of them. */
size_t
isotime_format(int64_t us, bool offset, char out[ISOTIME_BYTES])
{
	static const char zone[] = "+00:00";
	unsigned year, month, day, of_day, fraction;
	int64_t s, days;
	char *to = out;

	us = us < ISOTIME_MIN_US ? ISOTIME_MIN_US : us > ISOTIME_MAX_US ? ISOTIME_MAX_US : us;
	/* division towards minus infinity, for times before 1970 */
	s = us / US_PER_S - (us % US_PER_S < 0);
	fraction = (unsigned)(us - s * US_PER_S);
	days = s / S_PER_DAY - (s % S_PER_DAY < 0);
	of_day = (unsigned)(s - days * S_PER_DAY);
	date_from_days(days, &year, &month, &day);
	to = put_two(to, year / 100, '0') - 1;
	to = put_two(to, year % 100, '-');
	to = put_two(to, month, '-');
	to = put_two(to, day, 'T');
	to = put_two(to, of_day / 3600, ':');
	to = put_two(to, of_day / 60 % 60, ':');
	to = put_two(to, of_day % 60, fraction != 0 ? '.' : 'Z');
	if (fraction != 0) {
		to = put_two(to, fraction / 10000, '0') - 1;
		to = put_two(to, fraction / 100 % 100, '0') - 1;
		to = put_two(to, fraction % 100, 'Z');
	}
	if (offset) {
		memcpy(to - 1, zone, sizeof(zone));	/* in the place of the Z */
		return (size_t)(to - 1 - out) + sizeof(zone) - 1;
	}
	*to = '\0';
	return (size_t)(to - out);
}

enum kodo_err
isotime_from_number(double n, int64_t *us)
{
	double scaled;

	*us = 0;
	if (!isfinite(n))
		return KODO_EINVAL;
	scaled = fabs(n) > MS_FROM ? n * 1e3 : n * 1e6;
	if (scaled < (double)ISOTIME_MIN_US || scaled > (double)ISOTIME_MAX_US)
		return KODO_EINVAL;
	*us = llround(scaled);
	if (*us < ISOTIME_MIN_US || *us > ISOTIME_MAX_US) {
		*us = 0;
		return KODO_EINVAL;
	}
	return KODO_OK;
}

/* What is still to be read; reason is set at the first fault and stays. */
struct reader {
	struct str s;
	size_t pos;
	const char *reason;
};

/* Exactly n digits. */
static int
read_digits(struct reader *r, size_t n, const char *bad)
{
	int v = 0;
	size_t i;

	if (r->reason != NULL)
		return 0;
	for (i = 0; i < n; i++) {
		if (r->pos == r->s.len) {
			r->reason = "input is too short";
			return 0;
		}
		if (!ascii_is_digit(r->s.p[r->pos])) {
			r->reason = bad;
			return 0;
		}
		v = v * 10 + (r->s.p[r->pos++] - '0');
	}
	return v;
}

/* One character out of set. */
static void
read_one_of(struct reader *r, const char *set, const char *bad)
{
	if (r->reason != NULL)
		return;
	if (r->pos == r->s.len)
		r->reason = "input is too short";
	else if (r->s.p[r->pos] == '\0' || strchr(set, r->s.p[r->pos]) == NULL)
		r->reason = bad;
	else
		r->pos++;
}

static void
check_range(struct reader *r, int v, int low, int high, const char *bad)
{
	if (r->reason == NULL && (v < low || v > high))
		r->reason = bad;
}

static bool
next_is(const struct reader *r, const char *set)
{
	return r->reason == NULL && r->pos < r->s.len && r->s.p[r->pos] != '\0' &&
	    strchr(set, r->s.p[r->pos]) != NULL;
}

static int64_t
read_date(struct reader *r)
{
	static const unsigned char month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31,
		30, 31 };
	int year, month, day, last;

	if (r->s.len < 10)
		r->reason = "input is too short";
	year = read_digits(r, 4, "invalid character in year");
	read_one_of(r, "-", "invalid date separator, expected `-`");
	month = read_digits(r, 2, "invalid character in month");
	read_one_of(r, "-", "invalid date separator, expected `-`");
	day = read_digits(r, 2, "invalid character in day");
	check_range(r, year, 1, 9999, "year value is outside expected range of 1-9999");
	check_range(r, month, 1, 12, "month value is outside expected range of 1-12");
	if (r->reason != NULL)
		return 0;
	last = month_days[month - 1];
	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		last++;
	check_range(r, day, 1, last, "day value is outside expected range");
	return r->reason == NULL ? days_from_date(year, month, day) * S_PER_DAY * US_PER_S : 0;
}

/* `.` and digits: six of them count, the others are cut off. */
static int64_t
read_fraction(struct reader *r)
{
	int64_t us = 0, unit = US_PER_S / 10;

	if (!next_is(r, ".,"))
		return 0;
	r->pos++;
	if (!next_is(r, "0123456789")) {
		r->reason = "second fraction value is missing";
		return 0;
	}
	for (; next_is(r, "0123456789"); r->pos++, unit /= 10)
		us += (r->s.p[r->pos] - '0') * unit;
	return us;
}

static int64_t
read_time(struct reader *r)
{
	int hour, minute, second = 0;
	int64_t us = 0;

	hour = read_digits(r, 2, "invalid character in hour");
	read_one_of(r, ":", "invalid time separator, expected `:`");
	minute = read_digits(r, 2, "invalid character in minute");
	check_range(r, hour, 0, 23, "hour value is outside expected range of 0-23");
	check_range(r, minute, 0, 59, "minute value is outside expected range of 0-59");
	if (next_is(r, ":")) {
		r->pos++;
		second = read_digits(r, 2, "invalid character in second");
		check_range(r, second, 0, 59, "second value is outside expected range of 0-59");
		us = read_fraction(r);
	}
	return ((int64_t)hour * 3600 + minute * 60 + second) * US_PER_S + us;
}

/* Z, +hh:mm, +hhmm or nothing: what is to be taken off. */
static int64_t
read_zone(struct reader *r)
{
	int hour, minute, sign;

	if (r->reason != NULL || r->pos == r->s.len)
		return 0;
	if (next_is(r, "Zz")) {
		r->pos++;
		return 0;
	}
	if (!next_is(r, "+-")) {
		r->reason = "invalid timezone sign";
		return 0;
	}
	sign = r->s.p[r->pos++] == '-' ? -1 : 1;
	hour = read_digits(r, 2, "invalid character in timezone hour");
	if (next_is(r, ":"))
		r->pos++;
	minute = read_digits(r, 2, "invalid character in timezone minute");
	check_range(r, hour, 0, 23, "timezone offset must be less than 24 hours");
	check_range(r, minute, 0, 59, "timezone minute value is outside expected range of 0-59");
	return sign * ((int64_t)hour * 3600 + minute * 60) * US_PER_S;
}

enum kodo_err
isotime_parse_text(struct str s, int64_t *us, const char **reason)
{
	struct reader r = { s, 0, NULL };
	int64_t t;

	*us = 0;
	t = read_date(&r);
	if (r.reason == NULL && r.pos < s.len) {
		read_one_of(&r, "Tt_ ",
		    "invalid datetime separator, expected `T`, `t`, `_` or space");
		t += read_time(&r);
		t -= read_zone(&r);
		if (r.reason == NULL && r.pos < s.len)
			r.reason = "unexpected extra characters at the end of the input";
	}
	if (r.reason == NULL && (t < ISOTIME_MIN_US || t > ISOTIME_MAX_US))
		r.reason = "year value is outside expected range of 1-9999";
	if (reason != NULL)
		*reason = r.reason;
	if (r.reason != NULL)
		return KODO_EINVAL;
	*us = t;
	return KODO_OK;
}

/* A sign, digits, a fraction; false if s is anything else. */
static bool
read_number(struct str s, double *n)
{
	size_t i = 0, digits = 0;
	double unit = 1, v = 0;
	bool minus = s.len > 0 && s.p[0] == '-', fraction = false;

	if (s.len > 0 && (s.p[0] == '-' || s.p[0] == '+'))
		i++;
	for (; i < s.len; i++) {
		if (s.p[i] == '.' && !fraction && digits > 0) {
			fraction = true;
			continue;
		}
		if (!ascii_is_digit(s.p[i]))
			return false;
		v = v * 10 + (s.p[i] - '0');
		unit *= fraction ? 10 : 1;
		digits++;
	}
	*n = (minus ? -v : v) / unit;
	return digits > 0;
}

enum kodo_err
isotime_parse(struct str s, int64_t *us, const char **reason)
{
	enum kodo_err err;
	double n;

	if (!read_number(s, &n))
		return isotime_parse_text(s, us, reason);
	err = isotime_from_number(n, us);
	if (reason != NULL)
		*reason = err == KODO_OK ? NULL :
		    "dates after 9999 are not supported as unix timestamps";
	return err;
}
