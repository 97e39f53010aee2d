#include "core/base/base64.h"

static const struct {
	const char *digits;
	bool is_padded;
} alphabets[] = {
	[BASE64] = { "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true },
	[BASE64_URL] = { "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
	    false },
};

void
base64_put(struct buf *out, enum base64_alphabet alphabet, struct str bytes)
{
	const char *digits = alphabets[alphabet].digits;
	const unsigned char *p = (const unsigned char *)bytes.p;
	size_t i, k;

	for (i = 0; i < bytes.len; i += 3) {
		const size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
		const uint32_t three = (uint32_t)p[i] << 16 |
		    (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (n > 2 ? p[i + 2] : 0);

		for (k = 0; k < 4; k++)
			if (k <= n)
				buf_putc(out, digits[three >> (18 - 6 * k) & 63]);
			else if (alphabets[alphabet].is_padded)
				buf_putc(out, '=');
	}
}

/* How many bytes the text stands for, and its digits without padding. */
static bool
measure(enum base64_alphabet alphabet, struct str text, struct str *digits, size_t *n)
{
	*digits = text;
	if (alphabets[alphabet].is_padded) {
		if (text.len % 4 != 0)
			return false;
		while (digits->len > 0 && text.len - digits->len < 2 &&
		    digits->p[digits->len - 1] == '=')
			digits->len--;
	}
	*n = digits->len / 4 * 3 + (digits->len % 4 > 0 ? digits->len % 4 - 1 : 0);
	return digits->len % 4 != 1;
}

static bool
decode(enum base64_alphabet alphabet, struct str digits, unsigned char *out)
{
	const char *all = alphabets[alphabet].digits, *found;
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t i;

	for (i = 0; i < digits.len; i++) {
		found = memchr(all, digits.p[i], 64);
		if (found == NULL)
			return false;
		bits = bits << 6 | (uint32_t)(found - all);
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			*out++ = (unsigned char)(bits >> n_bits);
		}
	}
	return (bits & ((1u << n_bits) - 1)) == 0;
}

enum kodo_err
base64_read(struct arena *a, enum base64_alphabet alphabet, struct str text, struct str *out)
{
	struct str digits;
	unsigned char *bytes;
	size_t n;

	*out = STR_NULL;
	if (!measure(alphabet, text, &digits, &n))
		return KODO_EINVAL;
	bytes = arena_alloc(a, n + 1);
	if (bytes == NULL)
		return KODO_ENOMEM;
	if (!decode(alphabet, digits, bytes))
		return KODO_EINVAL;
	*out = (struct str){ (const char *)bytes, n };
	return KODO_OK;
}

enum kodo_err
base64_read_n(enum base64_alphabet alphabet, struct str text, unsigned char *out, size_t n)
{
	struct str digits;
	size_t has;

	return measure(alphabet, text, &digits, &has) && has == n &&
	    decode(alphabet, digits, out) ? KODO_OK : KODO_EINVAL;
}
