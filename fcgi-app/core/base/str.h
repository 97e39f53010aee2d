/*
 * A borrowed text: pointer and length, not terminated. p NULL is the null value (JSON null, SQL
 * NULL), which is not the empty text (p non-NULL, len 0). The owner of the bytes is named where one
 * is handed out.
 */
#ifndef KODO_STR_H
#define KODO_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct str {
	const char *p;
	size_t len;
};

#define STR(lit)	((struct str){ (lit), sizeof(lit) - 1 })
#define STR_NULL	((struct str){ NULL, 0 })
#define STR_ARG(s)	(int)(s).len, (s).p	/* for "%.*s" */

static inline struct str
str_of(const char *z)
{
	return (struct str){ z, z == NULL ? 0 : strlen(z) };
}

static inline bool
str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/*
 * Order by bytes, which for UTF-8 is the order by code points: <0, 0, >0. A null sorts as the empty
 * text.
 */
static inline int
str_cmp(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n == 0 ? 0 : memcmp(a.p, b.p, n);

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static inline bool
str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.p, prefix.p, prefix.len) == 0);
}

static inline bool
str_ends(struct str s, struct str end)
{
	return s.len >= end.len &&
	    (end.len == 0 || memcmp(s.p + s.len - end.len, end.p, end.len) == 0);
}

/* s without its first n bytes. */
static inline struct str
str_skip(struct str s, size_t n)
{
	return (struct str){ s.p + n, s.len - n };
}

/* Takes what stands before the first c, and that c, off *rest; all of it where there is no c. */
static inline struct str
str_cut(struct str *rest, char c)
{
	const char *at = rest->len == 0 ? NULL : memchr(rest->p, c, rest->len);
	const struct str first = { rest->p, at == NULL ? rest->len : (size_t)(at - rest->p) };

	*rest = str_skip(*rest, first.len + (at != NULL));
	return first;
}

/* Into an array of size bytes, terminated, cut off at its size. */
static inline void
str_copy(char *to, size_t size, struct str s)
{
	size_t n = s.len < size ? s.len : size - 1;

	if (n > 0)
		memcpy(to, s.p, n);
	to[n] = '\0';
}

#endif
