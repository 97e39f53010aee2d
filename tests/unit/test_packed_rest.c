#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/base/hash.h"
#include "core/flow/packed_private.h"

static const struct str tags[] = { { "safe", 4 }, { "a\"b", 3 } };

static const struct flow flows[] = {
	{ .url = { "/alpha", 6 }, .name = { "Alpha", 5 }, .description = { "line\nline", 9 },
	    .tags = tags, .n_tags = 2 },
	{ .url = { "b", 1 }, .name = { "B", 1 }, .author = { "b@example.org", 13 } },
};

static const struct node plain = { .url = { "http://h:1/p", 12 }, .organization = { "Org", 3 },
	.flows = flows, .n_flows = 2 };

#define FLOW_0 "{\"url\":\"/alpha\",\"name\":\"Alpha\",\"description\":\"line\\nline\"," \
	"\"author\":null,\"tags\":[\"safe\",\"a\\\"b\"]"
#define FLOW_1 "{\"url\":\"b\",\"name\":\"B\",\"description\":null," \
	"\"author\":\"b@example.org\",\"tags\":[]"
#define TAIL "],\"created\":null,\"modified\":null,\"heartbeat\":null,\"status\":null}"

/* The same with entries for the flows of the mask, and audience. */
static void
write_rich(struct buf *out, unsigned mask, struct str audience)
{
	static const struct str entries[] = { STR("https://h/a?x=\"1\""), STR("http://h/b") };
	struct flow copy[2] = { flows[0], flows[1] };
	struct node n = plain;
	size_t i;

	for (i = 0; i < 2; i++)
		if ((mask & 1u << i) != 0)
			copy[i].entry = entries[i];
	n.flows = copy;
	n.audience = audience;
	packed_write(out, &n);
	assert_false(buf_failed(out));
}

/*
 * Peers compare digests of these bytes, and states of former builds hold them: what has neither
 * entry nor audience is packed as ever.
 */
static void
test_former_bytes(void **state)
{
	struct buf b = BUF_INIT(0);
	struct packed p;

	(void)state;
	packed_write(&b, &plain);
	assert_int_equal(b.len, 371);
	assert_true(hash_text(HASH_STORED, buf_str(&b)) == 0xcd13fe432c992004u);
	assert_int_equal(packed_open(buf_str(&b), &p), KODO_OK);
	assert_null(p.entry_table);
	assert_true(str_eq(packed_base(buf_str(&b)), buf_str(&b)));
	buf_free(&b);
}

static void
test_json(void **state)
{
	static const struct {
		unsigned mask;
		const char *audience, *json;
	} rows[] = {
		{ 1, NULL, "{\"url\":\"http://h:1/p\",\"organization\":\"Org\",\"flows\":["
		    FLOW_0 ",\"entry\":\"https://h/a?x=\\\"1\\\"\"}," FLOW_1 "}" TAIL },
		{ 2, "api", "{\"url\":\"http://h:1/p\",\"audience\":\"api\","
		    "\"organization\":\"Org\",\"flows\":["
		    FLOW_0 "}," FLOW_1 ",\"entry\":\"http://h/b\"}" TAIL },
		{ 0, "", "{\"url\":\"http://h:1/p\",\"audience\":\"\","
		    "\"organization\":\"Org\",\"flows\":[" FLOW_0 "}," FLOW_1 "}" TAIL },
	};
	struct buf b = BUF_INIT(0), bare = BUF_INIT(0), out = BUF_INIT(0);
	struct packed_flow f;
	struct packed p;
	uint32_t j;
	size_t i;

	(void)state;
	packed_write(&bare, &plain);
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_rich(&b, rows[i].mask, str_of(rows[i].audience));
		assert_int_equal(packed_check(buf_str(&b), NULL), KODO_OK);
		assert_int_equal(packed_open(buf_str(&b), &p), KODO_OK);
		packed_put_node(&out, &p, 0, 0);
		assert_string_equal(buf_z(&out), rows[i].json);
		assert_true(packed_range_size(&p, 0, 2) >= out.len);
		assert_true(packed_range_size(&p, 0, 2) < out.len + 400);
		assert_true(str_eq(packed_base(buf_str(&b)), buf_str(&bare)));
		/* the greater one, so that of equal versions it wins */
		assert_true(str_cmp(buf_str(&b), buf_str(&bare)) > 0);
		for (j = 0; j < 2; j++) {
			assert_int_equal(packed_flow(&p, j, &f), KODO_OK);
			assert_int_equal(f.entry.p != NULL, (rows[i].mask & 1u << j) != 0);
		}
		buf_reset(&b);
		buf_reset(&out);
	}
	buf_free(&b);
	buf_free(&bare);
	buf_free(&out);
}

/* Items are as ever: an entry is asked for. */
static void
test_items(void **state)
{
	struct buf b = BUF_INIT(0), bare = BUF_INIT(0), x = BUF_INIT(0), y = BUF_INIT(0);
	struct packed p, q;
	uint32_t i;

	(void)state;
	write_rich(&b, 3, STR("api"));
	packed_write(&bare, &plain);
	assert_int_equal(packed_open(buf_str(&b), &p), KODO_OK);
	assert_int_equal(packed_open(buf_str(&bare), &q), KODO_OK);
	for (i = 0; i < 2; i++) {
		packed_put_item(&x, &p, i, 0, 0, STR_NULL);
		packed_put_item(&y, &q, i, 0, 0, STR_NULL);
		assert_true(str_eq(buf_str(&x), buf_str(&y)));
		buf_reset(&x);
		buf_reset(&y);
	}
	buf_free(&b);
	buf_free(&bare);
	buf_free(&x);
	buf_free(&y);
}

/* Ranges of which some have no entry, or a node another audience. */
static void
test_join(void **state)
{
	struct buf b[2] = { BUF_INIT(0), BUF_INIT(0) }, want = BUF_INIT(0), got = BUF_INIT(0);
	struct flow copy[2] = { flows[0], flows[1] };
	struct node n = plain;
	struct packed runs[2];
	unsigned mask;
	size_t i;

	(void)state;
	for (mask = 0; mask < 4; mask++) {
		for (i = 0; i < 2; i++) {
			copy[i].entry = (mask & 1u << i) != 0 ? STR("http://h/e") : STR_NULL;
			n.flows = &copy[i];
			n.n_flows = 1;
			buf_reset(&b[i]);
			packed_write(&b[i], &n);
			assert_int_equal(packed_open(buf_str(&b[i]), &runs[i]), KODO_OK);
		}
		n.flows = copy;
		n.n_flows = 2;
		packed_write(&want, &n);
		packed_join(&got, runs, 2);
		assert_false(buf_failed(&got));
		assert_true(str_eq(buf_str(&got), buf_str(&want)));
		assert_int_equal(packed_check(buf_str(&got), NULL), KODO_OK);
		buf_reset(&want);
		buf_reset(&got);
	}
	n.audience = STR("other");
	buf_reset(&b[1]);
	packed_write(&b[1], &n);
	assert_int_equal(packed_open(buf_str(&b[1]), &runs[1]), KODO_OK);
	packed_join(&got, runs, 2);
	assert_int_equal(got.err, KODO_EINVAL);
	buf_free(&b[0]);
	buf_free(&b[1]);
	buf_free(&want);
	buf_free(&got);
}

/* Read what a damaged rest may lead out of. */
static void
read_unchecked(const struct packed *p, struct buf *out)
{
	struct packed_flow f;
	uint32_t i;

	for (i = 0; i < p->n_flows; i++)
		if (packed_flow(p, i, &f) == KODO_OK && f.entry.p != NULL)
			buf_put_str(out, f.entry);
	packed_put_node(out, p, 0, 0);
	assert_in_range(packed_range_size(p, 0, p->n_flows), 0, 1 << 20);
	buf_reset(out);
	packed_join(out, p, 1);
	buf_reset(out);
}

/*
 * Each byte of the rest changed, and each length cut: refused, or read inside of the copy, which
 * ASAN looks at. Without all of the rest it is a node again.
 */
static void
test_damage(void **state)
{
	static const unsigned char bits[] = { 0x01, 0x15, 0x80, 0xff };
	struct buf b = BUF_INIT(0), out = BUF_INIT(0);
	struct packed p;
	size_t base, at, i, refused = 0;
	char *copy;

	(void)state;
	write_rich(&b, 3, STR("api"));
	base = packed_base(buf_str(&b)).len;
	copy = malloc(b.len);
	assert_non_null(copy);
	for (at = 0; at < b.len; at++)
		assert_int_equal(packed_open((struct str){ b.p, at }, &p),
		    at == base ? KODO_OK : KODO_ECORRUPT);
	for (at = base; at < b.len; at++)
		for (i = 0; i < sizeof(bits); i++) {
			memcpy(copy, b.p, b.len);
			copy[at] = (char)(copy[at] ^ bits[i]);
			if (packed_open((struct str){ copy, b.len }, &p) == KODO_OK)
				read_unchecked(&p, &out);
			refused += packed_check((struct str){ copy, b.len }, NULL) != KODO_OK;
		}
	/* another letter is another text */
	assert_in_range(refused, 2 * (b.len - base), 4 * (b.len - base));
	free(copy);
	buf_free(&b);
	buf_free(&out);
}

/* A rest that tells nothing would make two forms of one node. */
static void
test_empty_rest(void **state)
{
	struct buf b = BUF_INIT(0);
	struct why why = { "" };
	struct packed p;
	int i;

	(void)state;
	packed_write(&b, &plain);
	buf_put_u32(&b, PACKED_NULL);
	for (i = 0; i < 3; i++)
		buf_put_u32(&b, 0);
	assert_int_equal(packed_open(buf_str(&b), &p), KODO_OK);
	assert_int_equal(packed_check(buf_str(&b), &why), KODO_ECORRUPT);
	assert_string_equal(why.text, "damaged: audience of the node");
	buf_free(&b);
}

static const struct str asked[] = { STR("how do I \"a\"?"), STR("who does b?") };

/* The two flows with entries and queries for those of the masks. */
static void
write_asked(struct buf *out, unsigned entries, unsigned mask, size_t from, size_t n_flows)
{
	struct flow copy[2] = { flows[0], flows[1] };
	struct node n = plain;
	size_t i;

	for (i = 0; i < 2; i++) {
		copy[i].entry = (entries & 1u << i) != 0 ? STR("http://h/e") : STR_NULL;
		copy[i].queries = asked;
		copy[i].n_queries = (mask & 1u << i) != 0 ? 2 : 0;
	}
	n.audience = entries == 3 ? STR("api") : STR_NULL;
	n.flows = copy + from;
	n.n_flows = n_flows;
	buf_reset(out);
	packed_write(out, &n);
	assert_false(buf_failed(out));
	assert_int_equal(packed_check(buf_str(out), NULL), KODO_OK);
}

/* What is cut off is no node, or one without queries. */
static void
check_cuts(struct str bytes)
{
	struct packed p;
	size_t i;

	for (i = 0; i < bytes.len; i++)
		assert_true(packed_open((struct str){ bytes.p, i }, &p) != KODO_OK ||
		    p.queries.len == 0);
}

/*
 * Queries are behind all else: without them the bytes are those of the same node that has none, and
 * digests are of these.
 */
static void
test_queries(void **state)
{
	struct buf with = BUF_INIT(0), b[2] = { BUF_INIT(0), BUF_INIT(0) };
	struct packed p, ranges[2];
	struct packed_flow f;
	unsigned mask, entries;
	uint32_t i;

	(void)state;
	for (entries = 0; entries < 4; entries++)
		for (mask = 1; mask < 4; mask++) {
			write_asked(&with, entries, mask, 0, 2);
			write_asked(&b[0], entries, 0, 0, 2);
			assert_true(str_eq(packed_digested(buf_str(&with)), buf_str(&b[0])));
			assert_true(str_eq(packed_digested(buf_str(&b[0])), buf_str(&b[0])));
			assert_true(str_cmp(buf_str(&with), buf_str(&b[0])) > 0);
			check_cuts(buf_str(&with));
			assert_int_equal(packed_open(buf_str(&with), &p), KODO_OK);
			for (i = 0; i < 2; i++) {
				assert_int_equal(packed_flow(&p, i, &f), KODO_OK);
				assert_true(str_eq(f.queries, (mask & 1u << i) == 0 ? STR_NULL :
				    STR("[\"how do I \\\"a\\\"?\",\"who does b?\"]")));
				write_asked(&b[i], entries, mask, i, 1);
				assert_int_equal(packed_open(buf_str(&b[i]), &ranges[i]), KODO_OK);
			}
			buf_reset(&with);
			packed_join(&with, ranges, 2);
			write_asked(&b[0], entries, mask, 0, 2);
			assert_true(str_eq(buf_str(&b[0]), buf_str(&with)));
		}
	buf_free(&with);
	buf_free(&b[0]);
	buf_free(&b[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_former_bytes),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_items),
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_empty_rest),
		cmocka_unit_test(test_queries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
