#include <utf8proc.h>

#include "utf8.h"

#define REPLACEMENT	0xFFFDu

/*
 * Length of the well-formed character at p[0 .. n-1] (n > 0), 0 if there is none; RFC 3629, table
 * of section 4.
 */
static size_t
char_length(const unsigned char *p, size_t n)
{
	unsigned char low = 0x80, high = 0xBF;
	size_t len, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xC2 || p[0] > 0xF4)
		return 0;
	len = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
	if (n < len)
		return 0;
	if (p[0] == 0xE0)
		low = 0xA0;	/* shortest form only */
	else if (p[0] == 0xED)
		high = 0x9F;	/* no surrogates */
	else if (p[0] == 0xF0)
		low = 0x90;
	else if (p[0] == 0xF4)
		high = 0x8F;	/* up to U+10FFFF */
	if (p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < len; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	return len;
}

/* Bytes of plain ASCII (NUL is none) from p on, by eights: most texts are nothing else. */
static size_t
ascii_run(const char *p, size_t n)
{
	size_t i = 0;
	uint64_t w;

	while (n - i >= sizeof(w)) {
		memcpy(&w, p + i, sizeof(w));
		/*
		 * a high bit, or a zero byte (the classic test; it may find one too many, never one
		 * too few)
		 */
		if (((w | (w - 0x0101010101010101ull)) & 0x8080808080808080ull) != 0)
			break;
		i += sizeof(w);
	}
	while (i < n && (signed char)p[i] > 0)
		i++;
	return i;
}

bool
utf8_valid(struct str s)
{
	size_t i = 0, len;

	while (i < s.len) {
		i += ascii_run(s.p + i, s.len - i);
		if (i == s.len)
			break;
		if (s.p[i] == '\0')
			return false;
		len = char_length((const unsigned char *)s.p + i, s.len - i);
		if (len == 0)
			return false;
		i += len;
	}
	return true;
}

uint32_t
utf8_next(struct str s, size_t *pos)
{
	const unsigned char *p = (const unsigned char *)s.p + *pos;
	size_t i, len = char_length(p, s.len - *pos);
	uint32_t cp;

	if (len <= 1) {
		(*pos)++;
		return len == 1 ? p[0] : REPLACEMENT;
	}
	cp = p[0] & (0x7Fu >> len);
	for (i = 1; i < len; i++)
		cp = cp << 6 | (p[i] & 0x3Fu);
	*pos += len;
	return cp;
}

size_t
utf8_put(uint32_t cp, char out[4])
{
	static const unsigned char lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
	size_t i, len = cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;

	for (i = len - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (cp & 0x3F));
		cp >>= 6;
	}
	out[0] = (char)(lead[len] | cp);
	return len;
}

size_t
utf8_fold_next(struct str s, size_t *pos, char out[4])
{
	const unsigned char *p = (const unsigned char *)s.p + *pos;

	if (p[0] < 0x80 || char_length(p, s.len - *pos) == 0) {
		(*pos)++;
		out[0] = utf8_ascii_lower((char)p[0]);
		return 1;
	}
	return utf8_put((uint32_t)utf8proc_tolower((utf8proc_int32_t)utf8_next(s, pos)), out);
}

void
utf8_fold(struct buf *out, struct str s)
{
	char c[4], *to;
	size_t i = 0, k, run;

	while (i < s.len) {
		run = ascii_run(s.p + i, s.len - i);
		if (run > 0) {
			to = buf_room(out, run);
			if (to == NULL)
				return;
			for (k = 0; k < run; k++)
				to[k] = utf8_ascii_lower(s.p[i + k]);
			out->len += run;
			i += run;
		} else {
			k = utf8_fold_next(s, &i, c);
			buf_put(out, c, k);
		}
	}
}

size_t
utf8_count(struct str s)
{
	size_t pos = 0, n = 0;

	while (pos < s.len) {
		utf8_next(s, &pos);
		n++;
	}
	return n;
}

bool
utf8_is_word(uint32_t cp)
{
	const unsigned word = 1u << UTF8PROC_CATEGORY_LU | 1u << UTF8PROC_CATEGORY_LL |
	    1u << UTF8PROC_CATEGORY_LT | 1u << UTF8PROC_CATEGORY_LM | 1u << UTF8PROC_CATEGORY_LO |
	    1u << UTF8PROC_CATEGORY_MN | 1u << UTF8PROC_CATEGORY_MC | 1u << UTF8PROC_CATEGORY_ND |
	    1u << UTF8PROC_CATEGORY_NL | 1u << UTF8PROC_CATEGORY_PC;

	return (word >> (unsigned)utf8proc_category((utf8proc_int32_t)cp) & 1u) != 0;
}

size_t
utf8_bytes(struct str s, size_t n)
{
	size_t at = 0;

	while (n-- > 0 && at < s.len)
		(void)utf8_next(s, &at);
	return at;
}
