#include <float.h>
#include <stdlib.h>

#include "core/base/ascii.h"
#include "core/base/json.h"
#include "core/base/limit.h"
#include "core/wire/jread.h"

#define NUMBER_BYTES 400u	/* see parse_number in jread.c, which has more room */

struct check {
	const char *p;
	const char *end;
	const char *fault;	/* NULL: none, or cut off */
	unsigned depth;
};

static bool check_value(struct check *c);

static bool
fail(struct check *c, const char *fault)
{
	c->fault = fault;
	return false;
}

static void
blanks(struct check *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t'))
		c->p++;
}

/* One character over 0x7f in its shortest form, no surrogate, at most U+10FFFF. */
static bool
check_utf8(struct check *c)
{
	const unsigned char *p = (const unsigned char *)c->p;
	const size_t n = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	unsigned char low = 0x80, high = 0xbf;
	size_t i;

	if (n == 0)
		return fail(c, "invalid UTF-8");
	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;
	for (i = 1; i < n; i++) {
		if (c->end - c->p <= (ptrdiff_t)i)
			return false;
		if (p[i] < low || p[i] > high)
			return fail(c, "invalid UTF-8");
		low = 0x80;
		high = 0xbf;
	}
	c->p += n;
	return true;
}

/* The four digits after \u, at c->p. */
static bool
check_hex(struct check *c, unsigned *out)
{
	unsigned i, v = 0;
	int digit;

	for (i = 0; i < 4; i++, c->p++) {
		if (c->p == c->end)
			return false;
		digit = ascii_hex_value(*c->p);
		if (digit < 0)
			return fail(c, "invalid escape character in string");
		v = v << 4 | (unsigned)digit;
	}
	*out = v;
	return true;
}

/* The rest of a \u escape, and with it the second half of a pair. */
static bool
check_unicode(struct check *c)
{
	static const char half[] = "invalid utf-16 surrogate pair";
	unsigned v, low;

	if (!check_hex(c, &v))
		return false;
	if (v == 0)
		return fail(c, "NUL in a string");
	if (v < 0xd800 || v > 0xdfff)
		return true;
	if (v > 0xdbff)
		return fail(c, half);
	if (c->end - c->p < 2)
		return c->p < c->end && *c->p != '\\' ? fail(c, half) : false;
	if (c->p[0] != '\\' || c->p[1] != 'u')
		return fail(c, half);
	c->p += 2;
	if (!check_hex(c, &low))
		return false;
	return low >= 0xdc00 && low <= 0xdfff ? true : fail(c, half);
}

static bool
check_escape(struct check *c)
{
	if (++c->p == c->end)
		return false;
	if (*c->p == 'u') {
		c->p++;
		return check_unicode(c);
	}
	if (*c->p == '\0' || strchr("\"\\/bfnrt", *c->p) == NULL)
		return fail(c, "invalid escape character in string");
	c->p++;
	return true;
}

static bool
check_string(struct check *c)
{
	c->p++;
	for (;;) {
		c->p += json_plain(c->p, (size_t)(c->end - c->p), true);
		if (c->p == c->end)
			return false;
		if (*c->p == '"') {
			c->p++;
			return true;
		}
		if ((unsigned char)*c->p < ' ')
			return fail(c, "control character in a string");
		if (*c->p == '\\') {
			if (!check_escape(c))
				return false;
		} else if ((unsigned char)*c->p >= 0x80) {
			if (!check_utf8(c))
				return false;
		} else {
			c->p++;
		}
	}
}

/* At least one digit. */
static bool
check_digits(struct check *c)
{
	const char *from = c->p;

	while (c->p < c->end && ascii_is_digit(*c->p))
		c->p++;
	if (c->p > from)
		return true;
	return c->p == c->end ? false : fail(c, "invalid number");
}

/* An exponent, its value with its sign in *exponent, brought to at most 9,999. */
static bool
check_exponent(struct check *c, long *exponent)
{
	bool negative = false;
	const char *from;

	c->p++;
	if (c->p < c->end && (*c->p == '+' || *c->p == '-'))
		negative = *c->p++ == '-';
	from = c->p;
	if (!check_digits(c))
		return false;
	for (*exponent = 0; from < c->p && *exponent < 1000; from++)
		*exponent = *exponent * 10 + (*from - '0');
	if (negative)
		*exponent = -*exponent;
	return true;
}

/* Does a double hold the number? magnitude: about how many digits it has before its dot. */
static bool
is_finite(const char *p, size_t n, long magnitude)
{
	char text[NUMBER_BYTES + 1];

	if (n > NUMBER_BYTES)
		return false;
	if (magnitude < 300)
		return true;
	memcpy(text, p, n);
	text[n] = '\0';
	return strtod(text, NULL) <= DBL_MAX && strtod(text, NULL) >= -DBL_MAX;
}

static bool
check_number(struct check *c)
{
	const char *from = c->p, *first;
	long digits, exponent = 0;

	if (*c->p == '-') {
		c->p++;
		if (c->p == c->end)
			return false;
		if (!ascii_is_digit(*c->p))
			return fail(c, "invalid character");
	}
	first = c->p;
	if (!check_digits(c))
		return false;
	digits = c->p - first;
	if (*first == '0' && digits > 1) {
		c->p = first + 1;
		return fail(c, "invalid number");
	}
	if (c->p < c->end && *c->p == '.') {
		c->p++;
		if (!check_digits(c))
			return false;
	}
	if (c->p < c->end && (*c->p == 'e' || *c->p == 'E') && !check_exponent(c, &exponent))
		return false;
	if (!is_finite(from, (size_t)(c->p - from), digits + exponent)) {
		c->p = from;
		return fail(c, "number out of range");
	}
	return true;
}

static bool
check_word(struct check *c, const char *word)
{
	for (; *word != '\0'; word++, c->p++) {
		if (c->p == c->end)
			return false;
		if (*c->p != *word)
			return fail(c, "invalid character");
	}
	return true;
}

/* One member of an object, from the quote of its name. */
static bool
check_member(struct check *c)
{
	if (*c->p != '"')
		return fail(c, "object keys must be strings");
	if (!check_string(c))
		return false;
	blanks(c);
	if (c->p == c->end)
		return false;
	if (*c->p != ':')
		return fail(c, "expected ':'");
	c->p++;
	return check_value(c);
}

/* An object or a list, from its bracket to close; check: of each member or element. */
static bool
check_container(struct check *c, char close, bool (*check)(struct check *), const char *expected,
    const char *trailing)
{
	if (c->depth == LIMIT_DEPTH)
		return fail(c, "nested deeper than 32 levels");
	c->depth++;
	c->p++;
	blanks(c);
	if (c->p < c->end && *c->p == close) {
		c->p++;
		c->depth--;
		return true;
	}
	for (;;) {
		blanks(c);
		if (c->p == c->end)
			return false;
		if (*c->p == close)
			return fail(c, trailing);
		if (!check(c))
			return false;
		blanks(c);
		if (c->p == c->end)
			return false;
		if (*c->p == close)
			break;
		if (*c->p != ',')
			return fail(c, expected);
		c->p++;
	}
	c->p++;
	c->depth--;
	return true;
}

static bool
check_value(struct check *c)
{
	blanks(c);
	if (c->p == c->end)
		return false;
	switch (*c->p) {
	case '"':
		return check_string(c);
	case '{':
		return check_container(c, '}', check_member, "expected ',' or '}'",
		    "trailing comma in object");
	case '[':
		return check_container(c, ']', check_value, "expected ',' or ']'",
		    "trailing comma in array");
	case 't':
		return check_word(c, "true");
	case 'f':
		return check_word(c, "false");
	case 'n':
		return check_word(c, "null");
	default:
		if (*c->p == '-' || ascii_is_digit(*c->p))
			return check_number(c);
		return fail(c, "invalid character");
	}
}

bool
jread_check(struct str json, struct str *value, struct jread_fault *fault)
{
	struct check c = { json.p, json.p + json.len, NULL, 0 };
	bool ok;

	*value = STR_NULL;
	*fault = (struct jread_fault){ NULL, json.len };
	if (json.len == 0)
		return false;
	blanks(&c);
	*value = (struct str){ c.p, 0 };
	ok = check_value(&c);
	value->len = (size_t)(c.p - value->p);
	if (ok) {
		blanks(&c);
		ok = c.p == c.end;
		if (!ok) {
			c.p++;	/* the original reports the byte after it */
			c.fault = "trailing characters";
		}
	}
	if (!ok) {
		*value = STR_NULL;
		if (c.fault != NULL)
			*fault = (struct jread_fault){ c.fault, (size_t)(c.p - json.p) };
	}
	return ok;
}
