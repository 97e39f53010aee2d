/* Characters of ASCII, whatever the locale is. */
#ifndef KODO_ASCII_H
#define KODO_ASCII_H

#include "core/base/str.h"

static inline bool
ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* In lower case, where it is a letter of ASCII. */
static inline char
ascii_lower(char c)
{
	return (char)(c + ((unsigned)((unsigned char)c - 'A') < 26u ? 32 : 0));
}

static inline bool
ascii_is_letter(char c)
{
	return ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z';
}

/* A blank, a tab, an end of line. */
static inline bool
ascii_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* 0 to 15; -1: not a hex digit. */
static inline int
ascii_hex_value(char c)
{
	return ascii_is_digit(c) ? c - '0' :
	    ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f' ? ascii_lower(c) - 'a' + 10 : -1;
}

/* Does s begin with prefix, which is in lower case, whatever the case of s is? */
static inline bool
ascii_starts(struct str s, struct str prefix)
{
	size_t i;

	for (i = 0; i < s.len && i < prefix.len && ascii_lower(s.p[i]) == prefix.p[i]; i++)
		;
	return i == prefix.len;
}

/* s without the space at both ends. */
static inline struct str
ascii_trim(struct str s)
{
	for (; s.len > 0 && ascii_is_space(s.p[0]); s.len--)
		s.p++;
	while (s.len > 0 && ascii_is_space(s.p[s.len - 1]))
		s.len--;
	return s;
}

#endif
