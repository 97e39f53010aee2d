#include <stdio.h>
#include <stdlib.h>

#include <utf8proc.h>

#include "core/base/ascii.h"
#include "core/base/utf8.h"

#define REPLACEMENT	0xFFFDu

static bool
is_ascii(char c)
{
	return (signed char)c >= 0;
}

/* Decode the character at p[0 .. n-1] (n > 0); its length, 0 where it is not well-formed. */
static size_t
decode(const char *p, size_t n, utf8proc_int32_t *cp)
{
	utf8proc_ssize_t len =
	    utf8proc_iterate((const utf8proc_uint8_t *)p, (utf8proc_ssize_t)n, cp);

	return len > 0 ? (size_t)len : 0;
}

/* Bytes of plain ASCII (NUL is none) from p on, by eights: most texts are nothing else. */
static size_t
ascii_prefix(const char *p, size_t n)
{
	size_t i = 0;
	uint64_t w;

	while (n - i >= sizeof(w)) {
		memcpy(&w, p + i, sizeof(w));
		/* a high bit, or a zero byte (which may find one too many, never one too few) */
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
	utf8proc_int32_t cp;
	size_t i = 0, len;

	while (i < s.len) {
		i += ascii_prefix(s.p + i, s.len - i);
		if (i == s.len)
			break;
		if (s.p[i] == '\0')
			return false;
		len = decode(s.p + i, s.len - i, &cp);
		if (len == 0)
			return false;
		i += len;
	}
	return true;
}

uint32_t
utf8_next(struct str s, size_t *pos)
{
	const char *p = s.p + *pos;
	utf8proc_int32_t cp = *p;
	size_t len = is_ascii(*p) ? 1 : decode(p, s.len - *pos, &cp);

	*pos += len > 0 ? len : 1;
	return len > 0 ? (uint32_t)cp : REPLACEMENT;
}

uint32_t
utf8_before(struct str s, size_t pos)
{
	size_t at = pos - 1;

	while (at > 0 && pos - at < 4 && ((unsigned char)s.p[at] & 0xc0) == 0x80)
		at--;
	return utf8_next(s, &at);
}

size_t
utf8_put(uint32_t cp, char out[4])
{
	return (size_t)utf8proc_encode_char((utf8proc_int32_t)cp, (utf8proc_uint8_t *)out);
}

size_t
utf8_fold_next(struct str s, size_t *pos, char out[4])
{
	const char *p = s.p + *pos;
	utf8proc_int32_t cp;
	size_t len = is_ascii(*p) ? 0 : decode(p, s.len - *pos, &cp);

	*pos += len > 0 ? len : 1;
	if (len > 0)
		return utf8_put((uint32_t)utf8proc_tolower(cp), out);
	out[0] = ascii_lower(*p);
	return 1;
}

void
utf8_fold(struct buf *out, struct str s)
{
	char c[4], *to;
	size_t i = 0, k, n;

	while (i < s.len) {
		n = ascii_prefix(s.p + i, s.len - i);
		if (n > 0) {
			to = buf_room(out, n);
			if (to == NULL)
				return;
			for (k = 0; k < n; k++)
				to[k] = ascii_lower(s.p[i + k]);
			out->len += n;
			i += n;
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

struct range {
	uint32_t first, last;
};

static bool
is_in(const struct range *ranges, size_t n, uint32_t cp)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (cp >= ranges[i].first && cp <= ranges[i].last)
			return true;
	return false;
}

static bool
is_wide_blank(uint32_t cp)
{
	static const struct range ranges[] = {
		{ 0x85, 0x85 }, { 0xa0, 0xa0 }, { 0x1680, 0x1680 }, { 0x2000, 0x200b },
		{ 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x2060 }, { 0x3000, 0x3000 },
		{ 0xfeff, 0xfeff },
	};

	return is_in(ranges, sizeof(ranges) / sizeof(ranges[0]), cp);
}

bool
utf8_is_unspaced(uint32_t cp)
{
	/* Thai and Lao, Burmese, Khmer, kana, Chinese characters, narrow kana, rarer characters */
	static const struct range ranges[] = {
		{ 0xe00, 0xeff }, { 0x1000, 0x109f }, { 0x1780, 0x17ff }, { 0x3040, 0x30ff },
		{ 0x31f0, 0x31ff }, { 0x3400, 0x4dbf }, { 0x4e00, 0x9fff }, { 0xf900, 0xfaff },
		{ 0xff66, 0xff9f }, { 0x20000, 0x3ffff },
	};

	return cp >= 0xe00 && is_in(ranges, sizeof(ranges) / sizeof(ranges[0]), cp);
}

size_t
utf8_wide_blank_bytes(struct str s, size_t pos)
{
	size_t next = pos;

	return is_wide_blank(utf8_next(s, &next)) ? next - pos : 0;
}

struct str
utf8_trim(struct str s)
{
	size_t pos = 0, end = 0, n;

	while (s.len > 0 && (n = utf8_blank_bytes(s, 0)) > 0)
		s = (struct str){ s.p + n, s.len - n };
	while (pos < s.len) {
		n = utf8_blank_bytes(s, pos);
		pos += n > 0 ? n : 1;
		end = n > 0 ? end : pos;
	}
	return (struct str){ s.p, end };
}

enum kodo_err
utf8_compose(struct buf *out, struct str s, bool compat)
{
	const unsigned how = (unsigned)UTF8PROC_STABLE | (unsigned)UTF8PROC_COMPOSE |
	    (unsigned)UTF8PROC_IGNORE | (compat ? (unsigned)UTF8PROC_COMPAT : 0u);
	utf8proc_uint8_t *made = NULL;
	const utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)s.p,
	    (utf8proc_ssize_t)s.len, &made, (utf8proc_option_t)how);

	if (n < 0)
		return n == UTF8PROC_ERROR_NOMEM ? KODO_ENOMEM : KODO_EINVAL;
	buf_put(out, made, (size_t)n);
	free(made);
	return KODO_OK;
}

bool
utf8_is_unseen(uint32_t cp)
{
	/* default ignorable, though letters or marks, or not assigned yet */
	static const uint32_t also[] = { 0x34f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x2065, 0x3164,
		0xffa0 };
	const unsigned unseen = 1u << UTF8PROC_CATEGORY_CC | 1u << UTF8PROC_CATEGORY_CF |
	    1u << UTF8PROC_CATEGORY_ZL | 1u << UTF8PROC_CATEGORY_ZP;
	size_t i;

	if (cp < 0x7f)
		return cp < ' ';
	for (i = 0; i < sizeof(also) / sizeof(also[0]); i++)
		if (cp == also[i])
			return true;
	return (unseen >> (unsigned)utf8proc_category((utf8proc_int32_t)cp) & 1u) != 0;
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

const char *
utf8_version(void)
{
	static char text[64];

	snprintf(text, sizeof(text), "%s (Unicode %s)", utf8proc_version(),
	    utf8proc_unicode_version());
	return text;
}
