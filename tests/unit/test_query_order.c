/*
 * Orders and pages of rows: what the cases in tests/query cannot show, with many rows.
 */
#include <stdlib.h>

#include "tests/query/order_compare.h"
#include "query_help.h"

static struct order *
parse_order(struct str by)
{
	struct order *o;

	assert_int_equal(order_parse(arena, by, &o), KODO_OK);
	return o;
}

static void
test_order(void **state)
{
	struct str by;

	(void)state;
	assert_true(order_is_default(parse_order(STR_NULL)));
	assert_true(order_is_default(parse_order(STR("name, url"))));
	assert_true(order_is_default(parse_order(STR("name"))));
	assert_true(order_is_default(parse_order(STR("nosuch"))));
	assert_false(order_is_default(parse_order(STR("name:d"))));
	assert_false(order_is_default(parse_order(STR("name,url:d"))));
	assert_false(order_is_default(parse_order(STR("url,name"))));
	assert_int_equal(order_tags_direction(parse_order(STR("name,tags"))), 1);
	assert_int_equal(order_tags_direction(parse_order(STR("tags:d"))), -1);
	assert_int_equal(order_tags_direction(parse_order(STR("name"))), 0);
	assert_int_equal(order_tags_direction(parse_order(STR("tags,nosuch"))), 0);
	assert_true(str_eq(order_text(parse_order(STR("a,a,a,a,a,a,a"))), STR("KeyError: 'a'")));
	by = STR("url,url,url,url,url,url,url,url,url,url,url,url,url,url,url,url,url");
	assert_true(str_eq(order_text(parse_order(by)), STR("ValueError: more than 16 fields")));
}

/* Each field that there is, once: what an order may hold. */
static void
test_order_of_all_fields(void **state)
{
	struct buf by = BUF_INIT(0);
	const struct order *o;
	bool descending;
	unsigned f;

	(void)state;
	for (f = 0; f < QUERY_FOLDED; f++)
		buf_printf(&by, "%s%s:d", f == 0 ? "" : ",",
		    query_field_name((enum query_field)f));
	o = parse_order(buf_str(&by));
	assert_int_equal(order_needs(o), QUERY_BIT(QUERY_FOLDED) - 1);
	assert_int_equal(order_first(o, &descending), QUERY_ORGANIZATION);
	assert_true(descending && str_starts(order_text(o), STR("organization:d, created:d")));
	buf_free(&by);
}

static const struct order *compared;
static const struct row *compared_rows;

static int
compare_refs(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	int c = order_compare(compared, &compared_rows[x], &compared_rows[y]);

	return c != 0 ? c : (x > y) - (x < y);
}

#define MANY 20000

/* Rows with few different values, so that ties reach the last key; and some that differ late. */
static void
make_row(struct row *r, struct str *tags, uint32_t *seed)
{
	static const char *const texts[] = { "", "a", "ab", "abcdefgh", "abcdefghi", "abcdefgh2",
		"Zoë", "zoë", "the same long beginning of a text, A",
		"the same long beginning of a text, B" };
	struct str t[6];
	size_t i;

	for (i = 0; i < 6; i++) {
		*seed = *seed * 1664525u + 1013904223u;
		t[i] = str_of(texts[(*seed >> 16) % 10]);
	}
	*r = (struct row){ .organization = t[0], .url = t[1], .name = t[2], .author = t[3],
		.description = t[4], .tags = tags, .n_tags = (*seed >> 20) % 4,
		.created_us = (*seed >> 10) % 3, .modified_us = (*seed >> 12) % 3,
		.heartbeat_us = -(int64_t)((*seed >> 14) % 3), .changed_us = (*seed >> 16) % 3,
		.state = t[1], .probe = t[3], .entry = t[5], .heard_us = (*seed >> 9) % 3,
		.alive_us = (*seed >> 11) % 2 };
	r->author = (*seed >> 22) % 3 == 0 ? STR_NULL : r->author;
	r->organization = (*seed >> 24) % 4 == 0 ? STR_NULL : r->organization;
	for (i = 0; i < r->n_tags; i++)
		tags[i] = t[i + 2];
}

/* As the caller of a sorter may ask, with the whole text or its begin. */
static bool
is_beyond(const struct sorter *s, const struct order *o, const struct row *row, bool whole)
{
	struct str text = STR_NULL;
	int64_t us = 0;
	bool descending;

	switch ((int)order_first(o, &descending)) {
	case QUERY_ORGANIZATION: text = row->organization; break;
	case QUERY_URL: text = row->url; break;
	case QUERY_NAME: text = row->name; break;
	case QUERY_AUTHOR: text = row->author; break;
	case QUERY_DESCRIPTION: text = row->description; break;
	case QUERY_PROBE: text = row->probe; break;
	case QUERY_CREATED: us = row->created_us; break;
	case QUERY_HEARTBEAT: us = row->heartbeat_us; break;
	case QUERY_CHANGED: us = row->changed_us; break;
	default: break;
	}
	if (!whole && text.len > SORTER_START)
		text.len = SORTER_START;
	return sorter_is_beyond(s, text, us);
}

static void
check_page(const struct row *many, const struct order *o, const uint64_t *sorted, size_t skip,
    size_t take)
{
	struct arena *a = arena_new();
	struct sorter *s;
	struct str tags[4];
	struct row row;
	const uint64_t *refs;
	size_t i, n, n_beyond = 0, left = skip < MANY ? MANY - skip : 0;

	assert_int_equal(sorter_new(a, o, skip, take, &s), KODO_OK);
	for (i = 0; i < MANY; i++) {
		row = many[i];
		memcpy(tags, row.tags, row.n_tags * sizeof(*tags));
		row.tags = tags;	/* reused at once, as callers may */
		if (i % 3 > 0 && is_beyond(s, o, &row, i % 3 == 1)) {
			n_beyond++;
			continue;
		}
		assert_int_equal(sorter_add(s, &row, i), KODO_OK);
	}
	assert_int_equal(sorter_result(s, &refs, &n), KODO_OK);
	assert_int_equal(n, take < left ? take : left);
	assert_int_equal(n == 0 ? 0 : memcmp(refs, sorted + skip, n * sizeof(*refs)), 0);
	/* of the names two thirds, had they been asked of all and a few of them been the last */
	if (skip == 0 && take == 10 && order_is_default(o))
		assert_true(n_beyond > MANY / 4);
	arena_free(a);
}

static void
test_sorter(void **state)
{
	static const char *const orders[] = { "", "name:d", "organization,name:d", "tags,author:d",
		"tags:d", "created,url:d", "author:d,organization:d", "heartbeat:d,modified",
		"changed:d", "description", "probe,state:d" };
	static const size_t pages[][2] = { { 0, 10 }, { 30, 10 }, { 0, MANY }, { 5000, 10 },
		{ 19995, 10 }, { 2040, 8 }, { 0, 1 }, { MANY, 1 }, { 7, 0 }, { 2048, 4096 } };
	struct row *many = calloc(MANY, sizeof(*many));
	struct str *tags = calloc(MANY, 4 * sizeof(*tags));
	uint64_t *sorted = calloc(MANY, sizeof(*sorted));
	uint32_t seed = 7;
	size_t i, k;

	(void)state;
	assert_true(many != NULL && tags != NULL && sorted != NULL);
	for (i = 0; i < MANY; i++)
		make_row(&many[i], tags + i * 4, &seed);
	for (k = 0; k < sizeof(orders) / sizeof(orders[0]); k++) {
		for (i = 0; i < MANY; i++)
			sorted[i] = i;
		compared = parse_order(str_of(orders[k]));
		compared_rows = many;
		qsort(sorted, MANY, sizeof(*sorted), compare_refs);
		for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
			check_page(many, compared, sorted, pages[i][0], pages[i][1]);
	}
	free(many);
	free(tags);
	free(sorted);
}

/* Rows that come best last, and all alike: what is held stays within its bounds. */
static void
test_sorter_memory(void **state)
{
	struct arena *a = arena_new();
	struct order *o = parse_order(STR("organization,name:d"));
	struct row row = { .organization = STR("o"), .name = STR("n"), .url = STR("u") };
	struct sorter *s;
	const uint64_t *refs;
	size_t i, n;

	(void)state;
	assert_int_equal(sorter_new(a, o, 30, 10, &s), KODO_OK);
	for (i = 0; i < 300000; i++)
		assert_int_equal(sorter_add(s, &row, 300000 - i), KODO_OK);
	assert_true(arena_used(a) < 600000);
	assert_int_equal(sorter_result(s, &refs, &n), KODO_OK);
	assert_int_equal(n, 10);
	assert_int_equal(refs[0], 31);
	assert_int_equal(refs[9], 40);
	arena_reset(a);
	assert_int_equal(sorter_new(a, o, UINT64_MAX, UINT64_MAX, &s), KODO_OK);
	for (i = 0; i < 100000; i++)
		assert_int_equal(sorter_add(s, &row, i), KODO_OK);
	assert_true(arena_used(a) < 100000 * 64);
	assert_int_equal(sorter_result(s, &refs, &n), KODO_OK);
	assert_int_equal(n, 0);
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_order_of_all_fields),
		cmocka_unit_test(test_sorter),
		cmocka_unit_test(test_sorter_memory),
	};

	return cmocka_run_group_tests(tests, arena_set_up, arena_tear_down);
}
