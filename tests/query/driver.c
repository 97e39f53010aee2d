/*
 * Answers queries over rows given on stdin, for the comparison with reference.py. Lines, fields
 * apart by tabs:
 *
 *	N				forget all rows
 *	R <nine fields>			add a row, see rows.h
 *	Q <q> <by> <skip> <take>	answer: language, fulltext or all; by; refs
 *
 * Each query is also asked in every other way that the contract allows, and each of them must say
 * the same: the needle, the partial form, the explained form, the order row by row. A difference
 * ends the program with a line that says it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/query/query.h"
#include "order_compare.h"
#include "rows.h"

struct driver {
	struct arena *rows_arena;
	struct arena *a;	/* of one query */
	struct rows rows;
	const char *line;
};

static void
fail(const struct driver *d, const char *what)
{
	printf("FAILED\t%s\t%s\n", what, d->line);
	exit(1);
}

static void
add_row(struct driver *d, struct str line)
{
	if (d->rows.n == d->rows.cap) {
		d->rows.cap = d->rows.cap * 2 + 64;
		d->rows.row = realloc(d->rows.row, d->rows.cap * sizeof(*d->rows.row));
		if (d->rows.row == NULL)
			fail(d, "memory");
	}
	if (!rows_read(d->rows_arena, line, &d->rows.row[d->rows.n++]))
		fail(d, "not a row");
}

static bool
holds(struct str s, struct str part)
{
	return memmem(s.p, s.len, part.p, part.len) != NULL;
}

/* The row with only the known fields: the others must not be looked at, so they are poison. */
static struct row
blind(const struct row *row, unsigned known)
{
	struct str poison = { (const char *)1, 1 };
	struct row r = *row;

	if ((known & QUERY_BIT(QUERY_ORGANIZATION)) == 0)
		r.organization = poison;
	if ((known & QUERY_BIT(QUERY_NAME)) == 0)
		r.name = poison;
	r.url = r.author = r.description = r.folded = poison;
	r.tags = NULL;
	r.n_tags = (known & QUERY_BIT(QUERY_TAGS)) == 0 ? 1 : 0;
	return r;
}

static void
check_partial(struct driver *d, struct query *q, const struct row *row, enum query_verdict v)
{
	static const unsigned masks[] = { 0, QUERY_NODE_FIELDS,
		QUERY_NODE_FIELDS | QUERY_BIT(QUERY_NAME) };
	enum query_verdict p;
	struct row r;
	size_t i;

	for (i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		r = blind(row, masks[i]);
		p = query_match_partial(q, &r, masks[i]);
		if (p != v && p != QUERY_MAYBE)
			fail(d, "the partial form contradicts");
	}
	if (query_match_partial(q, row, ~0u) != v)
		fail(d, "the partial form with all fields known differs");
}

static struct query *
compile(struct driver *d, struct str text)
{
	struct query *q;

	if (query_compile(d->a, text, &q) != KODO_OK)
		fail(d, "memory");
	return q;
}

/* What explain writes is a query that means the same. */
static struct query *
explained(struct driver *d, struct query *q)
{
	struct buf b = BUF_INIT(0), again = BUF_INIT(0);
	struct query *second;

	query_explain(q, &b);
	second = compile(d, buf_str(&b));
	query_explain(second, &again);
	if (!str_eq(buf_str(&b), buf_str(&again)) ||
	    (query_fulltext(q).p == NULL && query_fulltext(second).p != NULL))
		fail(d, buf_z(&b));
	buf_free(&b);
	buf_free(&again);
	return second;
}

static struct sorter *
match_rows(struct driver *d, struct query *q, const struct order *o, uint64_t skip, uint64_t take)
{
	struct query *second = explained(d, q);
	struct str needle = query_needle(q);
	enum query_verdict v;
	struct sorter *s;
	size_t i;

	if (sorter_new(d->a, o, skip, take, &s) != KODO_OK)
		fail(d, "memory");
	for (i = 0; i < d->rows.n; i++) {
		v = query_match(q, &d->rows.row[i]);
		if (v != QUERY_YES && v != QUERY_NO)
			fail(d, "neither yes nor no");
		if (query_match(second, &d->rows.row[i]) != v)
			fail(d, "the explained form differs");
		if (needle.len > 0 && v == QUERY_YES && !holds(d->rows.row[i].folded, needle))
			fail(d, "a match without the needle");
		if (query_is_needle(q) &&
		    (v == QUERY_YES) != (query_find(q, d->rows.row[i].folded) != NULL))
			fail(d, "the needle decides in another way");
		check_partial(d, q, &d->rows.row[i], v);
		if (v == QUERY_YES && sorter_add(s, &d->rows.row[i], i) != KODO_OK)
			fail(d, "memory");
	}
	return s;
}

static void
answer(struct driver *d, struct str line)
{
	struct str f[4];
	struct query *q;
	struct order *o;
	const uint64_t *refs;
	size_t n, i;

	for (i = 0; i < 4; i++)
		if (!rows_cut(&line, '\t', &f[i]))
			fail(d, "not a query");
	q = compile(d, rows_unescape(d->a, f[0]));
	if (order_parse(d->a, rows_unescape(d->a, f[1]), &o) != KODO_OK ||
	    sorter_result(
		match_rows(d, q, o, strtoull(f[2].p, NULL, 10), strtoull(f[3].p, NULL, 10)), &refs,
		&n) != KODO_OK)
		fail(d, "memory");
	printf("%s\t%.*s\t", query_note(q).p == NULL ? "all" :
	    query_column(q) > 0 ? "fulltext" : "language", STR_ARG(order_text(o)));
	for (i = 0; i < n; i++) {
		printf(i > 0 ? " %zu" : "%zu", (size_t)refs[i]);
		if (i > 0 && order_compare(o, &d->rows.row[refs[i - 1]], &d->rows.row[refs[i]]) > 0)
			fail(d, "sorter and order_compare differ");
	}
	printf("\n");
	arena_reset(d->a);
}

int
main(void)
{
	struct driver d = { arena_new(), arena_new(), { NULL, 0, 0 }, NULL };
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	if (d.a == NULL || d.rows_arena == NULL)
		return 1;
	while ((len = getline(&line, &cap, stdin)) > 0) {
		if (line[len - 1] == '\n')
			line[--len] = '\0';
		d.line = line;
		if (line[0] == 'N') {
			d.rows.n = 0;
			arena_reset(d.rows_arena);
		} else if (len >= 2 && line[0] == 'R')
			add_row(&d, (struct str){ line + 2, (size_t)len - 2 });
		else if (len >= 2 && line[0] == 'Q')
			answer(&d, (struct str){ line + 2, (size_t)len - 2 });
		else
			fail(&d, "not a command");
	}
	free(line);
	free(d.rows.row);
	arena_free(d.a);
	arena_free(d.rows_arena);
	return 0;
}
