#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/flow/packed_private.h"

static const struct str tags[] = {
	{ "safe", 4 }, { "a\"b\\c", 5 }, { "\x01\n", 2 }, { "", 0 }
};

static const struct flow flows[] = {
	{ { "/agent-\"x\"", 10 }, { "Agent ZO\xc3\x8b", 10 }, { "line\nline", 9 },
	    { "A@B.c", 5 }, tags, 4, { NULL, 0 }, NULL, 0 },
	{ { "b", 1 }, { "B", 1 }, { NULL, 0 }, { NULL, 0 }, NULL, 0, { NULL, 0 }, NULL, 0 },
	{ { "", 0 }, { "", 0 }, { "", 0 }, { "", 0 }, tags, 1, { NULL, 0 }, NULL, 0 },
	{ { "///q/", 5 }, { "null", 4 }, { NULL, 0 }, { "x", 1 }, NULL, 0, { NULL, 0 }, NULL, 0 },
};

#define NODE_JSON \
	"{\"url\":\"http://h:1/p\",\"organization\":\"\xc3\x96rg \\\"1\\\"\",\"flows\":[" \
	"{\"url\":\"/agent-\\\"x\\\"\",\"name\":\"Agent ZO\xc3\x8b\"," \
	"\"description\":\"line\\nline\"," \
	"\"author\":\"A@B.c\",\"tags\":[\"safe\",\"a\\\"b\\\\c\",\"\\u0001\\n\",\"\"]}," \
	"{\"url\":\"b\",\"name\":\"B\",\"description\":null,\"author\":null,\"tags\":[]}," \
	"{\"url\":\"\",\"name\":\"\",\"description\":\"\",\"author\":\"\",\"tags\":[\"safe\"]}," \
	"{\"url\":\"///q/\",\"name\":\"null\",\"description\":null,\"author\":\"x\",\"tags\":[" \
	"]}]," \
	"\"created\":\"2025-01-13T14:00:00Z\",\"modified\":null," \
	"\"heartbeat\":\"2025-01-13T14:00:00.123456Z\",\"status\":\"up\"}"

#define ITEM_HEAD \
	"{\"organization\":\"\xc3\x96rg \\\"1\\\"\",\"created\":null," \
	"\"modified\":\"2025-01-13T14:00:00+00:00\"," \
	"\"heartbeat\":\"2025-01-13T14:00:00.123456+00:00\","

static const struct node node = {
	{ "http://h:1/p", 12 }, { "\xc3\x96rg \"1\"", 8 }, { "up", 2 }, 1736776800123456, flows, 4,
	{ NULL, 0 }
};

struct fixture {
	struct buf bytes;
	struct packed p;
	struct arena *a;
	struct buf out;
};

static int
setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ BUF_INIT(0), { .n_flows = 0 }, arena_new(), BUF_INIT(0) };
	packed_write(&f.bytes, &node);
	*state = &f;
	return buf_failed(&f.bytes) || packed_open(buf_str(&f.bytes), &f.p) != KODO_OK;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	buf_free(&f->bytes);
	buf_free(&f->out);
	arena_free(f->a);
	return 0;
}

static void
expect_out(struct fixture *f, const char *want)
{
	assert_string_equal(buf_z(&f->out), want);
	buf_reset(&f->out);
}

static void
test_node(void **state)
{
	struct fixture *f = *state;
	const struct node bare = { { "http://x", 8 }, STR_NULL, STR_NULL, 0, NULL, 0, STR_NULL };
	struct buf bytes = BUF_INIT(0);
	struct packed p;

	assert_int_equal(packed_check(buf_str(&f->bytes), NULL), KODO_OK);
	packed_put_node(&f->out, &f->p, 1736776800000000, 0);
	expect_out(f, NODE_JSON);
	packed_write(&bytes, &bare);
	assert_int_equal(packed_open(buf_str(&bytes), &p), KODO_OK);
	assert_int_equal(packed_check(buf_str(&bytes), NULL), KODO_OK);
	assert_null(p.organization.p);
	assert_null(p.status.p);
	packed_put_node(&f->out, &p, 0, 0);
	expect_out(f, "{\"url\":\"http://x\",\"organization\":null,\"flows\":[],\"created\":null,"
	    "\"modified\":null,\"heartbeat\":null,\"status\":null}");
	buf_free(&bytes);
}

static void
test_items(void **state)
{
	static const char *const items[] = {
		"\"url\":\"http://h:1/p/flows/agent-\\\"x\\\"\",\"name\":\"Agent ZO\xc3\x8b\","
		"\"author\":\"A@B.c\",\"description\":\"line\\nline\","
		"\"tags\":[\"safe\",\"a\\\"b\\\\c\",\"\\u0001\\n\",\"\"]",
		"\"url\":\"http://h:1/p/flows/b\",\"name\":\"B\",\"author\":null,"
		"\"description\":null,\"tags\":[]",
		"\"url\":\"http://h:1/p/flows/\",\"name\":\"\",\"author\":\"\","
		"\"description\":\"\",\"tags\":[\"safe\"]",
		"\"url\":\"http://h:1/p/flows/q/\",\"name\":\"null\",\"author\":\"x\","
		"\"description\":null,\"tags\":[]",
	};
	struct fixture *f = *state;
	char want[512];
	uint32_t i;

	assert_int_equal(f->p.n_flows, 4);
	for (i = 0; i < 4; i++) {
		packed_put_item(&f->out, &f->p, i, 0, 1736776800000000, STR_NULL);
		snprintf(want, sizeof(want), "%s%s}", ITEM_HEAD, items[i]);
		expect_out(f, want);
	}
	packed_put_item(&f->out, &f->p, 1, 0, 1736776800000000, STR("[\"z\"]"));
	snprintf(want, sizeof(want), "%.*s[\"z\"]}",
	    (int)(strlen(ITEM_HEAD) + strlen(items[1]) - 2),
	    ITEM_HEAD "\"url\":\"http://h:1/p/flows/b\",\"name\":\"B\",\"author\":null,"
	    "\"description\":null,\"tags\":[]");
	expect_out(f, want);
}

static void
test_fragments(void **state)
{
	static const char *const folded[] = {
		"\xc3\xb6rg \"1\" agent zo\xc3\xab a@b.c line\nline safe a\"b\\c \x01\n ",
		"\xc3\xb6rg \"1\" b   ", "\xc3\xb6rg \"1\"    safe", "\xc3\xb6rg \"1\" null x  ",
	};
	struct fixture *f = *state;
	struct packed_flow pf;
	uint32_t i, from;
	size_t off;

	for (i = 0; i < 4; i++) {
		assert_int_equal(packed_flow(&f->p, i, &pf), KODO_OK);
		assert_true(str_eq(pf.folded, str_of(folded[i])));
		assert_int_equal(pf.folded.p[pf.folded.len], 0);
		assert_true(str_eq(packed_name(&f->p, i), pf.name));
		assert_true(str_eq(packed_url(&f->p, i), pf.url));
		for (from = 0; from <= i; from++)
			for (off = 0; off <= pf.folded.len; off++)
				assert_int_equal(packed_flow_at(&f->p, from,
				    (size_t)(pf.folded.p - f->p.texts.p) + off), i);
	}
	assert_int_equal(packed_flow(&f->p, 1, &pf), KODO_OK);
	assert_true(str_eq(pf.url, STR("\"http://h:1/p/flows/b\"")));
	assert_true(str_eq(pf.name, STR("\"B\"")) && str_eq(pf.author, STR("null")));
	assert_true(str_eq(pf.description, STR("null")) && str_eq(pf.tags, STR("[]")));
}

static void
test_texts(void **state)
{
	struct fixture *f = *state;
	struct packed_flow pf;
	const struct str *got;
	struct str text;
	uint32_t i;
	size_t n, t;

	for (i = 0; i < 4; i++) {
		assert_int_equal(packed_flow(&f->p, i, &pf), KODO_OK);
		assert_int_equal(packed_raw(f->a, pf.name, &text), KODO_OK);
		assert_true(str_eq(text, flows[i].name) && text.p != NULL);
		assert_int_equal(packed_raw(f->a, pf.description, &text), KODO_OK);
		assert_true(str_eq(text, flows[i].description));
		assert_int_equal(text.p == NULL, flows[i].description.p == NULL);
		assert_int_equal(packed_tags(f->a, pf.tags, &got, &n), KODO_OK);
		assert_int_equal(n, flows[i].n_tags);
		for (t = 0; t < n; t++)
			assert_true(str_eq(got[t], flows[i].tags[t]));
	}
	assert_int_equal(packed_flow(&f->p, 1, &pf), KODO_OK);
	assert_int_equal(packed_raw(f->a, pf.name, &text), KODO_OK);
	assert_ptr_equal(text.p, pf.name.p + 1);	/* no copy where there is no escape */
}

static void
test_raw_damaged(void **state)
{
	static const char *const bad[] = {
		"", "\"", "x", "nul", "\"a", "a\"", "\"\\\"", "\"\\q\"", "\"\\u00\"", "\"\\u0041\"",
		    "\"\\u002\"",
	};
	static const char *const bad_lists[] = {
		"", "[", "]", "[]x", "[\"a\"", "[\"a\",]", "[\"a\" \"b\"]", "[a]", "[,\"a\"]",
		    "[\"a\\\"]",
		"[\"\\q\"]", "{}",
	};
	struct fixture *f = *state;
	const struct str *list;
	struct str text;
	size_t i, n;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(packed_raw(f->a, str_of(bad[i]), &text), KODO_ECORRUPT);
	for (i = 0; i < sizeof(bad_lists) / sizeof(bad_lists[0]); i++)
		assert_int_equal(packed_tags(f->a, str_of(bad_lists[i]), &list, &n), KODO_ECORRUPT);
}

/* Equal nodes have equal bytes; a writer may be used again; its size is known before. */
static void
test_writer(void **state)
{
	struct fixture *f = *state;
	struct packed_writer w = PACKED_WRITER_INIT;
	const struct packed_end end = { node.status, STR_NULL, node.heartbeat_us };
	size_t round, i;

	for (round = 0; round < 2; round++) {
		packed_begin(&w, node.url, node.organization);
		for (i = 0; i < node.n_flows; i++)
			packed_add(&w, &flows[i]);
		assert_int_equal(packed_size(&w, &end), f->bytes.len);
		packed_end(&w, &end, &f->out);
		assert_true(str_eq(buf_str(&f->out), buf_str(&f->bytes)));
		buf_reset(&f->out);
	}
	packed_writer_free(&w);
}

/* At most 40 bytes a flow beside its item and its search text. */
static void
test_overhead(void **state)
{
	struct fixture *f = *state;
	const struct packed *p = &f->p;
	size_t texts = p->url.len + p->organization.len + p->status.len;

	assert_in_range(p->bytes.len - p->items.len - p->texts.len - texts, 0,
	    40 * (p->n_flows + 1) + 20);
}

static void
test_too_big(void **state)
{
	static char name[70000];
	struct flow big = flows[1];
	struct node n = { node.url, STR_NULL, STR_NULL, 0, &big, 1, STR_NULL };
	struct fixture *f = *state;

	memset(name, 'n', sizeof(name));
	big.name = (struct str){ name, sizeof(name) };
	packed_write(&f->out, &n);
	assert_int_equal(f->out.err, KODO_ETOOBIG);
}

/* Read all there is of a node, by each way, as whoever did not check it. */
static void
read_unchecked(struct fixture *f, const struct packed *p)
{
	struct packed_flow pf;
	const struct str *got;
	struct str text;
	size_t n, off;
	uint32_t i, at;

	for (i = 0; i < p->n_flows; i++) {
		packed_prefetch(p, i);
		text = packed_name(p, i);
		assert_true(text.p == NULL || text.p + text.len <= p->items.p + p->items.len);
		text = packed_url(p, i);
		assert_true(text.p == NULL || text.p + text.len <= p->items.p + p->items.len);
		packed_put_item(&f->out, p, i, 0, 0, STR_NULL);
		packed_put_item(&f->out, p, i, 0, 0, STR("[]"));
		if (packed_flow(p, i, &pf) != KODO_OK)
			continue;
		(void)!packed_raw(f->a, pf.name, &text);
		(void)!packed_raw(f->a, pf.description, &text);
		(void)!packed_tags(f->a, pf.tags, &got, &n);
		while (packed_next_tag(&pf.tags, &text))
			;
	}
	for (off = 0; off < p->texts.len; off++) {
		at = packed_flow_at(p, 0, off);
		assert_true(p->n_flows > 0 && at < p->n_flows);
		text = packed_text(p, at);
		assert_true(text.p == NULL || text.p + text.len <= p->texts.p + p->texts.len);
	}
	packed_put_node(&f->out, p, 0, 0);
	assert_in_range(packed_range_size(p, 0, p->n_flows), 0, 1 << 20);
	assert_in_range(packed_range_end(p, 0, 100), 0, p->n_flows);
	assert_in_range(f->out.len, 0, 1 << 20);
	buf_reset(&f->out);
	packed_join(&f->out, p, 1);
	buf_reset(&f->out);
}

/*
 * Each byte changed, in three ways, and each length cut: refused, or whatever is read stays inside
 * (ASAN looks on, as the copy is as long as the node), checked before or not.
 */
static void
test_damage(void **state)
{
	static const unsigned char bits[] = { 0x15, 0x80, 0xff };
	struct fixture *f = *state;
	const size_t len = f->bytes.len;
	char *copy = malloc(len);
	struct packed p;
	size_t at, i, refused = 0;

	for (at = 0; at < len; at++) {
		assert_int_equal(
		    packed_open((struct str){ f->bytes.p, at }, &p), KODO_ECORRUPT);
		for (i = 0; i < sizeof(bits); i++) {
			memcpy(copy, f->bytes.p, len);
			copy[at] = (char)(copy[at] ^ bits[i]);
			if (packed_open((struct str){ copy, len }, &p) == KODO_OK)
				read_unchecked(f, &p);
			refused += packed_check((struct str){ copy, len }, NULL) != KODO_OK;
		}
	}
	assert_in_range(refused, len, 3 * len);
	assert_int_equal(packed_open(STR_NULL, &p), KODO_ECORRUPT);
	free(copy);
}

/* A damaged flow is said wherever it is read; the others go on to be read. */
static void
test_damaged_flow(void **state)
{
	static const struct {
		size_t at;
		unsigned char value;
	} rows[] = {
		{ PACKED_ROW_ITEM + 3, 0x80 }, { PACKED_ROW_URL, 0 }, { PACKED_ROW_URL + 1, 0xff },
		{ PACKED_ROW_NAME + 1, 0xff }, { PACKED_ROW_AUTHOR + 1, 0xff },
		{ PACKED_ROW_DESCRIPTION + 3, 0xff }, { PACKED_ROW_TEXT + 3, 0x80 },
	};
	struct fixture *f = *state;
	const size_t row = (size_t)((const char *)f->p.table - f->bytes.p) + PACKED_ROW_BYTES;
	struct packed_flow pf;
	size_t i;
	char before;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *p = f->bytes.p + row + rows[i].at;

		before = *p;
		*p = (char)rows[i].value;
		assert_int_equal(packed_open(buf_str(&f->bytes), &f->p), KODO_OK);
		assert_int_equal(packed_flow(&f->p, 1, &pf), KODO_ECORRUPT);
		assert_null(pf.item.p);
		assert_int_equal(packed_flow(&f->p, 3, &pf), KODO_OK);
		packed_put_node(&f->out, &f->p, 0, 0);
		assert_int_equal(f->out.err, KODO_ECORRUPT);
		buf_reset(&f->out);
		packed_put_item(&f->out, &f->p, 1, 0, 0, STR("[]"));
		assert_int_equal(f->out.err, KODO_ECORRUPT);
		buf_reset(&f->out);
		*p = before;
	}
}

/* What packed_check says when byte at of row i of the table is something else. */
static void
expect_damage(struct fixture *f, uint32_t i, size_t at, char value, const char *reason)
{
	const size_t table = (size_t)(f->p.table - (const unsigned char *)f->bytes.p);
	char *p = f->bytes.p + table + i * PACKED_ROW_BYTES + at, before = *p;
	struct why why = { "" };

	*p = value;
	assert_int_equal(packed_check(buf_str(&f->bytes), &why), KODO_ECORRUPT);
	assert_string_equal(why.text, reason);
	*p = before;
}

static void
test_check_offsets(void **state)
{
	struct fixture *f = *state;

	expect_damage(f, 0, PACKED_ROW_TEXT, 2, "not a packed node of format 1");
	expect_damage(f, 0, PACKED_ROW_ITEM, 1, "not a packed node of format 1");
	expect_damage(f, 1, PACKED_ROW_TEXT + 2, 1, "damaged: offsets of a flow");
	expect_damage(f, 1, PACKED_ROW_TEXT, 0, "damaged: offsets of a flow");
	expect_damage(f, 1, PACKED_ROW_ITEM + 3, 1, "damaged: offsets of a flow");
	expect_damage(f, 1, PACKED_ROW_URL + 1, 1, "damaged: url of a flow");
	expect_damage(f, 1, PACKED_ROW_NAME, 2, "damaged: name of a flow");
	expect_damage(f, 1, PACKED_ROW_AUTHOR, 3, "damaged: author of a flow");
	expect_damage(f, 1, PACKED_ROW_DESCRIPTION + 3, 1, "damaged: description of a flow");
	expect_damage(f, 4, PACKED_ROW_TEXT, 0, "not a packed node of format 1");
	assert_int_equal(packed_check(buf_str(&f->bytes), NULL), KODO_OK);
}

static void
test_check_reason(void **state)
{
	struct fixture *f = *state;
	struct why why = { "" };
	struct packed_flow pf;

	assert_int_equal(packed_flow(&f->p, 3, &pf), KODO_OK);
	f->bytes.p[pf.folded.p - f->bytes.p] = '\0';
	assert_int_equal(packed_check(buf_str(&f->bytes), &why), KODO_ECORRUPT);
	assert_string_equal(why.text, "damaged: search text of a flow");
	/* looks at no flow */
	assert_int_equal(packed_open(buf_str(&f->bytes), &f->p), KODO_OK);
	f->bytes.p[0] ^= 1;
	assert_int_equal(packed_check(buf_str(&f->bytes), &why), KODO_ECORRUPT);
	assert_string_equal(why.text, "not a packed node of format 1");
}

/* Runs of a node's flows, cut at these places, joined again. */
static void
expect_joined(const struct node *whole, const size_t *cuts, size_t n_runs)
{
	struct buf bytes[8], want = BUF_INIT(0), got = BUF_INIT(0);
	struct packed runs[8];
	struct node run = *whole;
	size_t i;

	for (i = 0; i < n_runs; i++) {
		bytes[i] = (struct buf)BUF_INIT(0);
		run.flows = whole->flows + cuts[i];
		run.n_flows = cuts[i + 1] - cuts[i];
		packed_write(&bytes[i], &run);
		assert_int_equal(packed_open(buf_str(&bytes[i]), &runs[i]), KODO_OK);
	}
	packed_write(&want, whole);
	packed_join(&got, runs, n_runs);
	assert_false(buf_failed(&got));
	assert_true(str_eq(buf_str(&got), buf_str(&want)));
	assert_int_equal(packed_check(buf_str(&got), NULL), KODO_OK);
	for (i = 0; i < n_runs; i++)
		buf_free(&bytes[i]);
	buf_free(&want);
	buf_free(&got);
}

static void
test_join(void **state)
{
	static const size_t one[] = { 0, 4 }, two[] = { 0, 1, 4 }, all[] = { 0, 1, 2, 3, 4 },
			    holes[] = { 0, 0, 2, 2, 4, 4 }, none[] = { 0, 0, 0 };
	const struct node bare = { .url = STR("http://x"), .flows = flows, .n_flows = 4 };
	const struct node empty = { { "http://x", 8 }, { "", 0 }, { "s", 1 }, 5, flows, 0,
		STR_NULL };

	(void)state;
	expect_joined(&node, one, 1);
	expect_joined(&node, two, 2);
	expect_joined(&node, all, 4);
	expect_joined(&node, holes, 5);
	expect_joined(&bare, two, 2);
	expect_joined(&bare, all, 4);
	expect_joined(&empty, none, 2);
}

/* What differs in more than its flows is no run of the same node. */
static void
test_join_of_others(void **state)
{
	struct fixture *f = *state;
	const struct node nulls = { .url = STR("http://x"), .flows = flows, .n_flows = 4 };
	const struct node empties = { .url = STR("http://x"), .organization = STR(""),
		.flows = flows, .n_flows = 4 };
	struct node others[6] = { node, node, node, node, node, node };
	struct buf bytes = BUF_INIT(0), got = BUF_INIT(0), first = BUF_INIT(0);
	struct packed runs[2] = { f->p };
	size_t i;

	others[0].url = STR("http://h:1/q");
	others[1].organization = STR("other");
	others[2].organization = STR_NULL;
	others[3].status = STR("down");
	others[4].status = STR_NULL;
	others[5].heartbeat_us = 0;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		buf_reset(&bytes);
		packed_write(&bytes, &others[i]);
		assert_int_equal(packed_open(buf_str(&bytes), &runs[1]), KODO_OK);
		packed_join(&got, runs, 2);
		assert_int_equal(got.err, KODO_EINVAL);
		buf_reset(&got);
	}
	buf_reset(&bytes);
	packed_write(&bytes, &nulls);
	packed_write(&first, &empties);
	assert_int_equal(packed_open(buf_str(&bytes), &runs[0]), KODO_OK);
	assert_int_equal(packed_open(buf_str(&first), &runs[1]), KODO_OK);
	packed_join(&got, runs, 2);
	assert_int_equal(got.err, KODO_EINVAL);
	buf_free(&first);
	buf_free(&bytes);
	buf_free(&got);
}

/* A run's size is known before it is rendered, and never too low. */
static void
test_run_size(void **state)
{
	struct fixture *f = *state;
	size_t size, len;
	uint32_t i, j, end;

	for (i = 0; i <= f->p.n_flows; i++)
		for (j = i; j <= f->p.n_flows; j++) {
			size = packed_range_size(&f->p, i, j);
			buf_reset(&f->out);
			packed_put_range(&f->out, &f->p, i, j, 1736776800123456, 1736776800123456);
			len = f->out.len;
			assert_true(size >= len && size < len + 400);
			end = packed_range_end(&f->p, i, size);
			assert_true(end >= j);
			if (j > i + 1)
				assert_true(packed_range_end(&f->p, i, size - 1) == j - 1);
		}
	assert_int_equal(packed_range_end(&f->p, 1, 0), 2);	/* one flow, at least */
	assert_int_equal(packed_range_end(&f->p, 4, 0), 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_node, setup, teardown),
		cmocka_unit_test_setup_teardown(test_items, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fragments, setup, teardown),
		cmocka_unit_test_setup_teardown(test_texts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_raw_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overhead, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_big, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_flow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_check_offsets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_check_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(test_join, setup, teardown),
		cmocka_unit_test_setup_teardown(test_join_of_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_run_size, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
