/*
 * Anything at all as q and by over a few rows: the input is q, then a newline and by where there is
 * one. What the contract promises must hold for whatever comes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/limit.h"
#include "core/query/query.h"
#include "core/utf8.h"
#include "tests/query/order_compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* libFuzzer keeps what ends the process */
#define CHECK(cond) do { if (!(cond)) abort(); } while (0)

static struct str tags_a[] = { STR("stealth"), STR("a+b"), STR("Zoë") };
static struct str tags_b[] = { STR("") };

static struct row rows[] = {
	{ STR("Alpha Org"), STR("http://a/flows/1"), STR("Agent Alpha"), STR("tom@x.de"),
	    STR("Stealth operations"), tags_a, 3, 1767225600000000, 1767225600000000, 0, STR_NULL },
	{ STR_NULL, STR("http://b/flows/2"), STR("Zoë İK"), STR_NULL, STR_NULL, NULL, 0, 0, 0, 0,
	    STR_NULL },
	{ STR(""), STR(""), STR(""), STR(""), STR(""), tags_b, 1, -1, 1, 2, STR_NULL },
	{ STR("name"), STR("url"), STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"),
	    STR("not in"), STR("日本\n\"\\d"), NULL, 0, 1780000000000000, 1767225600000000,
	    1767225600000000, STR_NULL },
};
#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static void
fold_rows(struct arena *a)
{
	struct str *parts[4];
	struct buf b = BUF_INIT(0);
	size_t i, k;

	for (i = 0; i < N_ROWS; i++) {
		parts[0] = &rows[i].organization;
		parts[1] = &rows[i].name;
		parts[2] = &rows[i].author;
		parts[3] = &rows[i].description;
		buf_reset(&b);
		for (k = 0; k < 4; k++) {
			utf8_fold(&b, *parts[k]);
			buf_putc(&b, ' ');
		}
		for (k = 0; k < rows[i].n_tags; k++) {
			buf_puts(&b, k > 0 ? " " : "");
			utf8_fold(&b, rows[i].tags[k]);
		}
		CHECK(arena_str(a, buf_str(&b), &rows[i].folded) == KODO_OK);
	}
	buf_free(&b);
}

static void
check_row(struct query *q, struct query *second, const struct row *row, bool plain)
{
	struct str needle = query_needle(q);
	bool there =
	    needle.len > 0 && memmem(row->folded.p, row->folded.len, needle.p, needle.len) != NULL;
	enum query_verdict v = query_match(q, row), p;

	if (v == QUERY_OVER_BUDGET) {
		CHECK(query_match(q, row) == QUERY_OVER_BUDGET ||
		    query_steps(q) < LIMIT_REGEX_STEPS * 3ull);
		return;
	}
	CHECK(v == QUERY_YES || v == QUERY_NO);
	if (plain) {
		CHECK(v != QUERY_YES || needle.len == 0 || there);
		CHECK(!query_is_needle(q) || there == (v == QUERY_YES));
		CHECK(!query_is_all(q) || v == QUERY_YES);
	}
	p = query_match_partial(q, row, ~0u);
	CHECK(p == v || p == QUERY_OVER_BUDGET);
	p = query_match_partial(q, row, QUERY_NODE_FIELDS);
	CHECK(p == v || p == QUERY_MAYBE || p == QUERY_OVER_BUDGET);
	p = query_match_partial(q, row, 0);
	CHECK(p == v || p == QUERY_MAYBE);
	p = query_match(second, row);
	CHECK(p == v || p == QUERY_OVER_BUDGET || !plain);
}

/* An expression is interpreted first, and machine code after some uses: both say the same. */
static void
check_machine_code(struct query *q)
{
	enum query_verdict first[N_ROWS], v;
	size_t pass, i;

	for (pass = 0; pass < 10; pass++) {
		for (i = 0; i < N_ROWS; i++) {
			v = query_match(q, &rows[i]);
			if (v == QUERY_OVER_BUDGET)
				return;
			if (pass == 0)
				first[i] = v;
			CHECK(v == first[i]);
		}
	}
}

static void
check_query(struct arena *a, struct str text)
{
	struct buf b = BUF_INIT(0), again = BUF_INIT(0);
	struct query *q, *second, *fresh;
	bool plain = utf8_valid(text);
	size_t i;

	CHECK(query_compile(a, text, &q) == KODO_OK);
	query_explain(q, &b);
	CHECK(query_compile(a, buf_str(&b), &second) == KODO_OK);
	query_explain(second, &again);
	/* a query near the ceilings may not fit into them when it is written out */
	if (plain && b.len <= LIMIT_QUERY_BYTES &&
	    query_is_fulltext(q) == query_is_fulltext(second) && query_column(second) == 0)
		CHECK(str_eq(buf_str(&b), buf_str(&again)));
	else
		second = q;
	CHECK(text.len == 0 ? query_note(q).p == NULL : query_note(q).len >= text.len);
	CHECK(query_column(q) <= text.len + 1);
	CHECK(query_compile(a, text, &fresh) == KODO_OK);
	if (memmem(text.p, text.len, "=~", 2) != NULL)
		check_machine_code(fresh);
	for (i = 0; i < N_ROWS; i++)
		check_row(q, second, &rows[i], plain);
	buf_free(&b);
	buf_free(&again);
}

/*
 * A group round an expression means the same, but hides the literal by which rows are passed over.
 */
static void
check_literal(struct arena *a, struct str pattern)
{
	struct query *q, *grouped;
	enum query_verdict v, w;
	size_t i;

	if (pattern.len == 0 || pattern.len > 60 || !utf8_valid(pattern) ||
	    memchr(pattern.p, '\'', pattern.len) != NULL ||
	    memchr(pattern.p, '\n', pattern.len) != NULL || pattern.p[pattern.len - 1] == '\\' ||
	    memmem(pattern.p, pattern.len, "(*", 2) != NULL ||
	    memmem(pattern.p, pattern.len, "(?", 2) != NULL)
		return;
	CHECK(query_compile(a, str_of(arena_printf(a, "name =~ '%.*s'", STR_ARG(pattern))), &q) ==
	    KODO_OK);
	CHECK(query_compile(a, str_of(arena_printf(a, "name =~ '(?:%.*s)'", STR_ARG(pattern))),
		  &grouped) == KODO_OK);
	if (query_is_fulltext(q) || query_is_fulltext(grouped))
		return;
	for (i = 0; i < N_ROWS; i++) {
		v = query_match(q, &rows[i]);
		w = query_match(grouped, &rows[i]);
		CHECK(v == w || v == QUERY_OVER_BUDGET || w == QUERY_OVER_BUDGET);
	}
}

static void
check_order(struct arena *a, struct str by)
{
	struct order *o;
	struct sorter *s;
	const uint64_t *refs;
	size_t i, k, n;

	CHECK(order_parse(a, by, &o) == KODO_OK);
	CHECK(sorter_new(a, o, 0, N_ROWS, &s) == KODO_OK);
	for (i = 0; i < N_ROWS; i++)
		CHECK(sorter_add(s, &rows[i], i) == KODO_OK);
	CHECK(sorter_result(s, &refs, &n) == KODO_OK && n == N_ROWS);
	for (i = 0; i < n; i++)
		for (k = i + 1; k < n; k++)
			CHECK(order_compare(o, &rows[refs[i]], &rows[refs[k]]) < 0 &&
			    order_compare(o, &rows[refs[k]], &rows[refs[i]]) > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct str q = { (const char *)data, n }, by = STR_NULL;
	struct arena *a = arena_new();
	const char *newline = n == 0 ? NULL : memrchr(data, '\n', n);

	CHECK(a != NULL);
	if (newline != NULL) {
		by = (struct str){ newline + 1, n - (size_t)(newline + 1 - q.p) };
		q.len = (size_t)(newline - q.p);
	}
	fold_rows(a);
	check_query(a, q);
	check_literal(a, q);
	check_order(a, by);
	arena_free(a);
	return 0;
}
