#include "core/base/isotime.h"
#include "core/base/json.h"

/* What a byte of a text becomes: 0 itself, 'u' \u00XX, else a backslash and this letter. */
static const char escape[256] = {
	[0x00] = 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b', 't', 'n', 'u', 'f', 'r', 'u', 'u',
	[0x10] = 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u',
	['"'] = '"', ['\\'] = '\\',
};

static void
put_escape(struct buf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char out[6] = { '\\', escape[c], '0', '0', hex[c >> 4], hex[c & 15] };

	buf_put(b, out, escape[c] == 'u' ? 6 : 2);
}

void
json_put_inside(struct buf *b, struct str s)
{
	size_t i = 0, from = 0, stop;

	while (i < s.len) {
		i += json_plain(s.p + i, s.len - i, false);
		for (stop = s.len - i < 8 ? s.len : i + 8; i < stop; i++) {
			if (escape[(unsigned char)s.p[i]] == 0)
				continue;
			buf_put(b, s.p + from, i - from);
			put_escape(b, (unsigned char)s.p[i]);
			from = i + 1;
		}
	}
	if (from < s.len)
		buf_put(b, s.p + from, s.len - from);
}

void
json_put_str(struct buf *b, struct str s)
{
	if (s.p == NULL) {
		buf_put(b, "null", 4);
		return;
	}
	buf_putc(b, '"');
	json_put_inside(b, s);
	buf_putc(b, '"');
}

void
json_put_bool(struct buf *b, bool v)
{
	buf_puts(b, v ? "true" : "false");
}

void
json_put_u64(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	buf_put(b, digits + at, sizeof(digits) - at);
}

void
json_put_time(struct buf *b, int64_t us, bool offset)
{
	char text[ISOTIME_BYTES + 1];
	size_t n;

	if (us == 0) {
		buf_put(b, "null", 4);
		return;
	}
	text[0] = '"';
	n = isotime_format(us, offset, text + 1);
	text[n + 1] = '"';
	buf_put(b, text, n + 2);
}

void
json_put_key(struct buf *b, const char *key)
{
	buf_putc(b, '"');
	buf_puts(b, key);
	buf_put(b, "\":", 2);
}

void
json_put_text(struct buf *b, const char *key, struct str text)
{
	json_put_key(b, key);
	json_put_str(b, text);
}

void
json_put_members(struct buf *b, const struct json_member *all, size_t n, const void *in)
{
	size_t i, written = 0;

	for (i = 0; i < n; i++) {
		const void *value = (const char *)in + all[i].at;

		if ((all[i].kind == JSON_TEXT_IF_SET || all[i].kind == JSON_JSON_IF_SET) &&
		    ((const struct str *)value)->p == NULL)
			continue;
		if (written++ > 0)
			buf_putc(b, ',');
		json_put_key(b, all[i].key);
		if (all[i].kind == JSON_NUMBER)
			json_put_u64(b, *(const uint64_t *)value);
		else if (all[i].kind == JSON_TIME)
			json_put_time(b, *(const int64_t *)value, true);
		else if (all[i].kind == JSON_JSON_IF_SET)
			buf_put_str(b, *(const struct str *)value);
		else
			json_put_str(b, *(const struct str *)value);
	}
}

void
json_put_texts(struct buf *b, const struct str *all, size_t n)
{
	size_t i;

	buf_putc(b, '[');
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_putc(b, ',');
		json_put_str(b, all[i]);
	}
	buf_putc(b, ']');
}
