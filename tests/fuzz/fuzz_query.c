/*
 * Anything at all as q and by over a few rows: the input is q, then a newline and by where there is
 * one. What the contract promises must hold for whatever comes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/isotime.h"
#include "core/base/limit.h"
#include "core/base/utf8.h"
#include "core/query/query.h"
#include "tests/query/order_compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* libFuzzer keeps what ends the process */
#define CHECK(cond) do { if (!(cond)) abort(); } while (0)

static struct str tags_a[] = { STR("stealth"), STR("a+b"), STR("Zoë") };
static struct str tags_b[] = { STR("") };

#define N_FIXED	4u
#define N_ROWS	(N_FIXED + 32u)

/* The first rows are always the same, the others hold what the query asks for: derive_rows. */
static struct row rows[N_ROWS] = {
	{ STR("Alpha Org"), STR("http://a/flows/1"), STR("Agent Alpha"), STR("tom@x.de"),
	    STR("Stealth operations"), tags_a, 3, 1767225600000000, 1767225600000000, 0,
	    1767225600000000, STR_NULL, STR("fresh"), 1767225600000000, 1, STR("gone"), 0,
	    { { 0 } }, STR_NULL, STR_NULL, STR_NULL },
	{ STR_NULL, STR("http://b/flows/2"), STR("Zoë İK"), STR_NULL, STR_NULL, NULL, 0, 0, 0, 0,
	    0, STR_NULL, STR("fresh"), 1767225600000000, 1, STR("gone"), 0, { { 0 } },
	    STR("http://h/e"), STR("http://h"), STR_NULL },
	{ STR(""), STR(""), STR(""), STR(""), STR(""), tags_b, 1, -1, 1, 2, -2, STR_NULL,
	    STR("fresh"), 1767225600000000, 1, STR("gone"), 0, { { 0 } },
	    STR(""), STR(""), STR_NULL },
	{ STR("name"), STR("url"), STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"),
	    STR("not in"), STR("日本\n\"\\d"), NULL, 0, 1780000000000000, 1767225600000000,
	    1767225600000000, 0, STR_NULL, STR("fresh"), 1767225600000000, 1, STR("gone"), 0,
	    { { 0 } }, STR_NULL, STR_NULL, STR_NULL },
};

/* What stands between quotes in the query, and those of it that are times. */
#define MAX_VALUES	16u
static struct str texts[MAX_VALUES];
static int64_t times[MAX_VALUES];
static size_t n_texts, n_times;

/* A text without the backslashes of its escapes. */
static struct str
unescape(struct arena *a, struct str s)
{
	char *to = arena_alloc(a, s.len + 1);
	size_t i, n = 0;

	CHECK(to != NULL);
	for (i = 0; i < s.len; i++) {
		i += s.p[i] == '\\' && i + 1 < s.len;
		to[n++] = s.p[i];
	}
	return (struct str){ to, n };
}

static void
collect_values(struct arena *a, struct str q)
{
	size_t i, end;

	n_texts = n_times = 0;
	for (i = 0; i < q.len && n_texts < MAX_VALUES; i++) {
		if (q.p[i] != '"' && q.p[i] != '\'')
			continue;
		for (end = i + 1; end < q.len && q.p[end] != q.p[i]; end++)
			end += q.p[end] == '\\';
		if (end >= q.len)
			return;
		texts[n_texts] = unescape(a, (struct str){ q.p + i + 1, end - i - 1 });
		n_times += isotime_parse_text(texts[n_texts], &times[n_times], NULL) == KODO_OK;
		n_texts++;
		i = end;
	}
}

/* The same numbers at each run. */
static size_t
pick(uint32_t *state, size_t n)
{
	*state = *state * 1664525u + 1013904223u;
	return (*state >> 16) % n;
}

static struct str
swap_case(struct arena *a, struct str s)
{
	char *to = arena_alloc(a, s.len + 1);
	size_t i;

	CHECK(to != NULL);
	for (i = 0; i < s.len; i++)
		to[i] = (s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'z' ? s.p[i] ^ 32 : s.p[i];
	return (struct str){ to, s.len };
}

/* A text of the query or one near it. */
static struct str
near_text(struct arena *a, uint32_t *state)
{
	struct str s = n_texts > 0 ? texts[pick(state, n_texts)] : STR("");

	switch (pick(state, 10)) {
	case 0:
		return STR("");
	case 1:
		return str_of(arena_printf(a, "%.*sx", STR_ARG(s)));
	case 2:
		return str_of(arena_printf(a, "A%.*s", STR_ARG(s)));
	case 3:
		for (s.len -= s.len > 0; s.len > 0 && (s.p[s.len] & 0xC0) == 0x80;)
			s.len--;
		return s;
	case 4:
		return swap_case(a, s);
	default:
		return s;
	}
}

static struct str
near_text_or_null(struct arena *a, uint32_t *state)
{
	return pick(state, 6) == 0 ? STR_NULL : near_text(a, state);
}

static int64_t
near_time(uint32_t *state)
{
	if (n_times == 0 || pick(state, 6) == 0)
		return pick(state, 2) == 0 ? 0 : 1767225600000000;
	return times[pick(state, n_times)] + (int64_t)pick(state, 3) - 1;
}

static void
derive_rows(struct arena *a, struct str q)
{
	uint32_t state = 1;
	struct str *tags;
	struct row *row;

	collect_values(a, q);
	for (row = rows + N_FIXED; row < rows + N_ROWS; row++) {
		tags = arena_alloc(a, 2 * sizeof(*tags));
		CHECK(tags != NULL);
		tags[0] = near_text(a, &state);
		tags[1] = near_text(a, &state);
		row->tags = tags;
		row->n_tags = pick(&state, 3);
		row->organization = near_text_or_null(a, &state);
		row->url = near_text(a, &state);
		row->name = near_text(a, &state);
		row->author = near_text_or_null(a, &state);
		row->description = near_text_or_null(a, &state);
		row->entry = near_text_or_null(a, &state);
		row->created_us = near_time(&state);
		row->changed_us = near_time(&state);
		row->probe = near_text_or_null(a, &state);
		row->modified_us = near_time(&state);
		row->heartbeat_us = near_time(&state);
	}
}

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
		CHECK(!query_is_needle(q) ||
		    (query_find(q, row->folded) != NULL) == (v == QUERY_YES));
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

/* A query near the ceilings may not fit into them when it is written out. */
static bool
is_over_ceiling(const struct query *q)
{
	return str_starts(query_note(q), STR("SyntaxError: query is too long")) ||
	    str_starts(query_note(q), STR("SyntaxError: too many nested parentheses"));
}

/*
 * What explain writes is taken by the language as the same query, and is written the same again.
 * The query read back, or q itself where nothing is promised.
 */
static struct query *
check_explained(struct arena *a, struct str text, struct query *q)
{
	struct buf b = BUF_INIT(0), again = BUF_INIT(0);
	struct query *second;

	query_explain(q, &b);
	CHECK(query_compile(a, buf_str(&b), &second) == KODO_OK);
	query_explain(second, &again);
	if (!utf8_valid(text) || is_over_ceiling(second)) {
		second = q;
	} else {
		CHECK((b.len == 0) == (text.len == 0));
		CHECK(str_eq(query_note(second), buf_str(&b)));
		CHECK((query_fulltext(second).p != NULL) == (query_fulltext(q).p != NULL));
		CHECK(query_needs(second) == query_needs(q));
		CHECK(str_eq(buf_str(&b), buf_str(&again)));
	}
	buf_free(&b);
	buf_free(&again);
	return second;
}

static void
check_query(struct arena *a, struct str text)
{
	struct query *q, *second, *fresh;
	bool plain = utf8_valid(text);
	size_t i;

	CHECK(query_compile(a, text, &q) == KODO_OK);
	second = check_explained(a, text, q);
	CHECK(text.len == 0 ? query_note(q).p == NULL : query_note(q).len >= text.len);
	CHECK(query_column(q) <= text.len + 1);
	CHECK(query_compile(a, text, &fresh) == KODO_OK);
	if (memmem(text.p, text.len, "=~", 2) != NULL)
		check_machine_code(fresh);
	for (i = 0; i < N_ROWS; i++)
		check_row(q, second, &rows[i], plain);
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
	if (query_fulltext(q).p != NULL || query_fulltext(grouped).p != NULL)
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
	CHECK(sorter_new(a, o, 0, N_FIXED, &s) == KODO_OK);
	for (i = 0; i < N_FIXED; i++)
		CHECK(sorter_add(s, &rows[i], i) == KODO_OK);
	CHECK(sorter_result(s, &refs, &n) == KODO_OK && n == N_FIXED);
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
	derive_rows(a, utf8_valid(q) ? q : STR_NULL);
	fold_rows(a);
	check_query(a, q);
	check_literal(a, q);
	check_order(a, by);
	arena_free(a);
	return 0;
}
