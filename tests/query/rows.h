/*
 * Rows as text, for tests: one row a line, fields apart by tabs:
 *
 *	organization created modified heartbeat url name author description tags
 *
 * \N is null; \t \n \r \\ stand for what they are in C; \p is a bar, \s a blank. Tags are apart by
 * bars; an empty field has none, \0 is one empty tag. Times are as peers write them.
 */
#ifndef TESTS_QUERY_ROWS_H
#define TESTS_QUERY_ROWS_H

#include "core/base/arena.h"
#include "core/base/isotime.h"
#include "core/base/limit.h"
#include "core/base/utf8.h"
#include "core/query/query.h"

struct rows {
	struct row *row;
	size_t n;
	size_t cap;
};

/* Cut off what stands before the first of sep; false: there is nothing any more. */
static inline bool
rows_cut(struct str *rest, char sep, struct str *out)
{
	const char *end;

	if (rest->p == NULL)
		return false;
	end = memchr(rest->p, sep, rest->len);
	*out = (struct str){ rest->p, end == NULL ? rest->len : (size_t)(end - rest->p) };
	*rest = end == NULL ? STR_NULL : (struct str){ end + 1, rest->len - out->len - 1 };
	return true;
}

static inline struct str
rows_unescape(struct arena *a, struct str s)
{
	static const char letters[] = "tnrps0", meant[] = "\t\n\r| ";
	char *to = arena_strz(a, s);
	const char *p;
	size_t i, n = 0;

	if (to == NULL || str_eq(s, STR("\\N")))
		return STR_NULL;
	for (i = 0; i < s.len; i++) {
		if (s.p[i] != '\\' || i + 1 == s.len) {
			to[n++] = s.p[i];
			continue;
		}
		i++;
		p = strchr(letters, s.p[i]);
		if (p == NULL)
			to[n++] = s.p[i];
		else if (*p != '0')
			to[n++] = meant[p - letters];
	}
	return (struct str){ to, n };
}

static inline int64_t
rows_time(struct str s)
{
	int64_t us;

	return isotime_parse(s, &us, NULL) == KODO_OK ? us : 0;
}

static inline void
rows_tags(struct arena *a, struct str text, struct row *row)
{
	struct str *tags = arena_alloc(a, LIMIT_TAGS * sizeof(*tags)), tag;

	row->tags = tags;
	row->n_tags = 0;
	if (text.len == 0 || tags == NULL)
		return;
	while (row->n_tags < LIMIT_TAGS && rows_cut(&text, '|', &tag))
		tags[row->n_tags++] = rows_unescape(a, tag);
}

/* The folded text as the store has it. */
static inline struct str
rows_folded(struct arena *a, const struct row *row)
{
	struct str parts[] = { row->organization, row->name, row->author, row->description }, out;
	struct buf b = BUF_INIT(0);
	size_t i;

	for (i = 0; i < 4; i++) {
		utf8_fold(&b, parts[i]);
		buf_putc(&b, ' ');
	}
	for (i = 0; i < row->n_tags; i++) {
		if (i > 0)
			buf_putc(&b, ' ');
		utf8_fold(&b, row->tags[i]);
	}
	if (arena_str(a, buf_str(&b), &out) != KODO_OK)
		out = STR_NULL;
	buf_free(&b);
	return out;
}

/* Read a line; false: it has not nine fields. */
static inline bool
rows_read(struct arena *a, struct str line, struct row *row)
{
	struct str f[9];
	size_t i;

	for (i = 0; i < 9; i++)
		if (!rows_cut(&line, '\t', &f[i]))
			return false;
	*row = (struct row){ .organization = rows_unescape(a, f[0]), .url = rows_unescape(a, f[4]),
		.name = rows_unescape(a, f[5]), .author = rows_unescape(a, f[6]),
		.description = rows_unescape(a, f[7]), .created_us = rows_time(f[1]),
		.modified_us = rows_time(f[2]), .heartbeat_us = rows_time(f[3]) };
	rows_tags(a, f[8], row);
	row->folded = rows_folded(a, row);
	return line.p == NULL;
}

#endif
