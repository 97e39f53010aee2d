#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "core/base/limit.h"
#include "core/wire/wire.h"

#define NOW_US 1736776800000000	/* 2025-01-13T14:00:00Z */
#define HEAD "{\"url\":\"http://p\",\"registry\":true,\"feed\":false,\"idle\":true,\"message\":[" \
	"]," \
	"\"now\":\"2025-01-13T14:00:00Z\",\"nodes\":[{\"url\":\"http://a\",\"flows\":[]}," \
	"{\"url\":\"http://b\",\"flows\":[]}],\"kodo\":"

struct fixture {
	struct arena *a;
	struct wire_body body;
	struct wire_refusal no;
	struct wire_cache cache;
	struct why why;
};

static int
setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	f.a = arena_new();
	*state = &f;
	return f.a == NULL;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	arena_free(f->a);
	return 0;
}

static void
expect_read(struct fixture *f, const char *kodo)
{
	char *json = arena_printf(f->a, "%s%s}", HEAD, kodo);

	assert_int_equal(wire_read(f->a, WIRE_CONNECT, str_of(json), NOW_US, STR_NULL, &f->body,
	    &f->no), KODO_OK);
	assert_true(f->body.has_kodo);
}

static void
test_versions(void **state)
{
	struct fixture *f = *state;

	expect_read(f,
	    "{\"versions\":{\"HTTP://B:80/\":1,\"http://a\":5,\"http://c\":9,"
	    "\"http://b\":9007199254740991,"
	    "\"http://b\":7}}");
	assert_int_equal(f->body.n_nodes, 2);
	assert_int_equal(f->body.nodes[0].version, 5);
	assert_int_equal(f->body.nodes[1].version, 7);
	assert_int_equal(f->body.n_left_out, 0);
	expect_read(f, "{}");
	assert_int_equal(f->body.nodes[0].version, 0);
	expect_read(f, "{\"unknown\":[1],\"versions\":null}");
}

static void
test_version_range(void **state)
{
	static const struct {
		const char *version;
		bool good;
	} rows[] = {
		{ "1", true }, { "1739368800000000", true }, { "1739368800000001", false }, { "0",
		    false }, { "-1", false },
		{ "9007199254740991", false }, { "9007199254740992", false },
		    { "99999999999999999999999", false },
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expect_read(f, arena_printf(f->a,
		    "{\"versions\":{\"http://a\":%s},\"gone\":{\"http://G\":%s}}",
		    rows[i].version, rows[i].version));
		assert_int_equal(f->body.n_nodes, rows[i].good ? 2 : 1);
		assert_int_equal(f->body.n_gone, rows[i].good ? 1 : 0);
		assert_int_equal(f->body.n_left_out, rows[i].good ? 0 : 2);
		if (!rows[i].good) {
			assert_true(str_eq(f->body.left_out[0].url, STR("http://a")));
			assert_true(str_eq(f->body.left_out[1].url, STR("http://G")));
			assert_true(str_eq(f->body.nodes[0].key, STR("http://b")));
		}
	}
}

static void
test_gone(void **state)
{
	struct fixture *f = *state;

	expect_read(f, "{\"gone\":{\"http://z/\":3,\"http://Y\":4,\"HTTP://z\":5}}");
	assert_int_equal(f->body.n_gone, 2);
	assert_true(str_eq(f->body.gone[0].key, STR("http://z")) && f->body.gone[0].version == 5);
	assert_true(str_eq(f->body.gone[1].key, STR("http://y")) && f->body.gone[1].version == 4);
	assert_true(str_eq(f->body.gone[1].url, STR("http://Y")));
}

/* Of urls with one key the last wins, once. */
static void
test_silent(void **state)
{
	struct fixture *f = *state;

	expect_read(f, "{\"silent\":{\"http://z/\":3,\"http://Y\":-1,\"HTTP://z\":5}}");
	assert_int_equal(f->body.n_silent, 2);
	assert_true(str_eq(f->body.silent[0].key, STR("http://z")));
	assert_int_equal(f->body.silent[0].since_us, 5);
	assert_true(str_eq(f->body.silent[1].key, STR("http://y")));
	assert_int_equal(f->body.silent[1].since_us, -1);
}

static void
test_list_chunks(void **state)
{
	struct fixture *f = *state;

	expect_read(f, "{\"more\":true,\"piece\":18446744073709551615,\"view\":\"00fFa9\"}");
	assert_true(f->body.has_list && f->body.more && f->body.list_id == UINT64_MAX);
	assert_true(str_eq(f->body.view, STR("00fFa9")));
	expect_read(f, "{\"more\":false,\"piece\":0}");
	assert_true(f->body.has_list && !f->body.more && f->body.list_id == 0);
	assert_null(f->body.view.p);
	expect_read(f, "{\"more\":false}");
	assert_false(f->body.has_list);
}

/* Many nodes in an order that is not sorted keep it, and find their versions. */
static void
test_many_versions(void **state)
{
	struct fixture *f = *state;
	struct buf b = BUF_INIT(0);
	size_t i, n = 5000;

	buf_puts(&b,
	    "{\"url\":\"http://p\",\"registry\":true,\"feed\":false,\"idle\":true,\"message\":[],"
	    "\"now\":0,\"nodes\":[");
	for (i = 0; i < n; i++)
		buf_printf(&b, "%s{\"url\":\"http://n%zu\",\"flows\":[]}", i > 0 ? "," : "",
		    i * 7919 % n);
	buf_puts(&b, "],\"kodo\":{\"versions\":{");
	for (i = 0; i < n; i += 2)
		buf_printf(&b, "%s\"http://N%zu\":%zu", i > 0 ? "," : "", i, i + 1);
	buf_puts(&b, "}}}");
	assert_int_equal(wire_read(f->a, WIRE_CONNECT, buf_str(&b), NOW_US, STR_NULL, &f->body,
	    &f->no), KODO_OK);
	assert_int_equal(f->body.n_nodes, n);
	for (i = 0; i < n; i++) {
		size_t number = i * 7919 % n;

		assert_true(str_eq(f->body.nodes[i].key, str_of(arena_printf(f->a, "http://n%zu",
		    number))));
		assert_int_equal(f->body.nodes[i].version, number % 2 == 0 ? number + 1 : 0);
	}
	buf_free(&b);
}

/* A body of those nodes that is a node chunk. */
static enum kodo_err
read_chunk_of(struct fixture *f, enum wire_kind kind, const char *nodes, const char *kodo)
{
	char *json = arena_printf(f->a, "{\"url\":\"http://p\",\"registry\":true,"
	    "\"feed\":false,\"idle\":true,\"message\":[],\"now\":\"2025-01-13T14:00:00Z\","
	    "\"nodes\":[%s],\"kodo\":%s}", nodes, kodo);

	return wire_read(f->a, kind, str_of(json), NOW_US, STR_NULL, &f->body, &f->no);
}

#define TWO_FLOWS "{\"url\":\"http://a\",\"flows\":[{\"url\":\"/1\",\"name\":\"1\"}," \
	"{\"url\":\"/2\",\"name\":\"2\"}]}"
#define CHUNK(members) "{\"part\":{" members "}}"

static void
test_node_chunk(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_chunk_of(f, WIRE_UPDATE, TWO_FLOWS,
	    "{\"versions\":{\"http://a\":7},\"part\":{\"id\":\"0aF\",\"from\":3,\"of\":5}}"),
	    KODO_OK);
	assert_true(f->body.has_chunk && !f->body.has_taken && f->body.n_nodes == 1);
	assert_true(str_eq(f->body.chunk.id, STR("0aF")));
	assert_true(f->body.chunk.from == 3 && f->body.chunk.of == 5);
	assert_int_equal(f->body.nodes[0].version, 7);
	assert_int_equal(read_chunk_of(f, WIRE_UPDATE, TWO_FLOWS, "{\"part\":null,\"has\":9}"),
	    KODO_OK);
	assert_true(!f->body.has_chunk && f->body.has_taken && f->body.taken == 9);
	/* over the ceiling: that node is left out */
	assert_int_equal(read_chunk_of(f, WIRE_UPDATE, TWO_FLOWS,
	    CHUNK("\"id\":\"0\",\"from\":0,\"of\":100001")), KODO_OK);
	assert_true(f->body.has_chunk && f->body.n_nodes == 0 && f->body.n_left_out == 1);
	assert_true(str_eq(f->body.left_out[0].reason, STR("its flows are more than 100000")));
	/* so it is with one whose version is none */
	assert_int_equal(read_chunk_of(f, WIRE_UPDATE, TWO_FLOWS, "{\"versions\":{\"http://a\":0},"
	    "\"part\":{\"id\":\"0\",\"from\":0,\"of\":2}}"), KODO_OK);
	assert_true(f->body.has_chunk && f->body.n_nodes == 0 && f->body.n_left_out == 1);
}

static void
test_node_chunk_refused(void **state)
{
	static const struct {
		enum wire_kind kind;
		const char *nodes, *kodo, *key;
	} rows[] = {
		{ WIRE_UPDATE, TWO_FLOWS, "{\"part\":[]}", "kodo.part" },
		{ WIRE_UPDATE, TWO_FLOWS, CHUNK(""), "kodo.part.id" },
		{ WIRE_UPDATE, TWO_FLOWS, CHUNK("\"id\":7,\"from\":0,\"of\":2"), "kodo.part.id" },
		{ WIRE_UPDATE, TWO_FLOWS, CHUNK("\"id\":\"\",\"from\":0,\"of\":2"),
		    "kodo.part.id" },
		{ WIRE_UPDATE, TWO_FLOWS, CHUNK("\"id\":\"xy\",\"from\":0,\"of\":2"),
		    "kodo.part.id" },
		{ WIRE_UPDATE, TWO_FLOWS, CHUNK("\"id\":\"a\",\"of\":2"), "kodo.part.from" },
		{ WIRE_UPDATE, TWO_FLOWS, CHUNK("\"id\":\"a\",\"from\":-1,\"of\":2"),
		    "kodo.part.from" },
		{ WIRE_UPDATE, TWO_FLOWS, CHUNK("\"id\":\"a\",\"from\":\"0\",\"of\":2"),
		    "kodo.part.from" },
		{ WIRE_UPDATE, TWO_FLOWS, CHUNK("\"id\":\"a\",\"from\":0,\"of\":1.5"),
		    "kodo.part.of" },
		{ WIRE_UPDATE, TWO_FLOWS, CHUNK("\"id\":\"a\",\"from\":9,\"of\":8"), "kodo.part" },
		{ WIRE_UPDATE, TWO_FLOWS, CHUNK("\"id\":\"a\",\"from\":1,\"of\":2"), "kodo.part" },
		{ WIRE_UPDATE, TWO_FLOWS,
		    CHUNK("\"id\":\"a\",\"from\":18446744073709551615,\"of\":2"), "kodo.part" },
		{ WIRE_UPDATE, TWO_FLOWS "," TWO_FLOWS, CHUNK("\"id\":\"a\",\"from\":0,\"of\":9"),
		    "kodo.part" },
		{ WIRE_UPDATE, "", CHUNK("\"id\":\"a\",\"from\":0,\"of\":0"), "kodo.part" },
		{ WIRE_UPDATE, TWO_FLOWS, "{\"has\":\"2\"}", "kodo.has" },
		{ WIRE_CONNECT, TWO_FLOWS, CHUNK("\"id\":\"a\",\"from\":0,\"of\":2"), NULL },
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(read_chunk_of(f, rows[i].kind, rows[i].nodes, rows[i].kodo),
		    KODO_EINVAL);
		assert_true(f->no.n_errors > 0);
		if (rows[i].key == NULL)
			assert_null(f->no.errors[0].key.p);
		else
			assert_true(str_eq(f->no.errors[0].key, str_of(rows[i].key)));
	}
}

static const char cache_json[] = "{\"url\":\"http://own:1/\",\"organization\":\"Own\","
    "\"feed\":true,"
	"\"connection\":{\"http://t:1\":\"2025-01-13T14:00:00Z\",\"http://T:2/\":null},"
	"\"providers\":{\"http://a\":{\"url\":\"http://A/\",\"organization\":null,\"feed\":false,"
	"\"created\":\"2025-01-13T14:00:00.000001\",\"modified\":\"2025-01-13T14:00:01+00:00\","
	"\"nodes\":[{\"url\":\"http://n1\",\"flows\":[]},{\"url\":\"http://n2\",\"flows\":[]}]},"
	"\"http://b\":{\"url\":\"http://b\",\"feed\":true,\"created\":null,\"nodes\":[]}},"
	"\"registers\":{\"http://a\":\"2025-01-13T14:00:02Z\"}}";

static void
test_cache(void **state)
{
	struct fixture *f = *state;
	const struct wire_cache *c = &f->cache;

	assert_int_equal(wire_read_cache(f->a, STR(cache_json), &f->cache, &f->why), KODO_OK);
	assert_true(str_eq(c->url, STR("http://own:1")) && str_eq(c->organization, STR("Own"))
	    && c->feed);
	assert_int_equal(c->n_providers, 2);
	assert_true(str_eq(c->providers[0].key, STR("http://a")) && str_eq(c->providers[0].from.url,
	    STR("http://A")));
	assert_true(!c->providers[0].from.feed && c->providers[1].from.feed);
	assert_int_equal(c->providers[0].created_us, NOW_US + 1);
	assert_int_equal(c->providers[0].modified_us, NOW_US + 1000000);
	assert_int_equal(c->providers[1].created_us, 0);
	assert_int_equal(c->providers[0].n_nodes, 2);
	assert_true(str_eq(c->providers[0].nodes[1].key, STR("http://n2")));
	assert_int_equal(c->providers[1].n_nodes, 0);
	assert_int_equal(c->n_connection, 2);
	assert_true(c->connection[0].at_us == NOW_US && c->connection[1].at_us == 0);
	assert_true(str_eq(c->connection[1].key, STR("http://t:2")) && str_eq(c->connection[1].url,
	    STR("http://T:2")));
	assert_int_equal(c->n_registers, 1);
	assert_int_equal(c->registers[0].at_us, NOW_US + 2000000);
	assert_int_equal(c->n_left_out, 0);
}

static void
test_cache_list(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(wire_read_cache(f->a,
	    STR("{\"url\":\"\",\"connection\":[\"http://t\"],\"providers\":[{\"url\":\"http://b\","
	    "\"feed\":true,\"nodes\":[]}]}"), &f->cache, &f->why), KODO_OK);
	assert_int_equal(f->cache.n_providers, 1);
	assert_int_equal(f->cache.n_connection, 0);
}

/* What the original system took in and we would not: left out and named, the rest is taken. */
static void
test_cache_left_out(void **state)
{
	static const char *const reasons[] = {
		"\"hello\" of connection is no http or https url",
		    "url of \"hello\" of providers is no http or https url",
		"url is no http or https url", "\"\" of registers is no http or https url",
	};
	struct fixture *f = *state;
	size_t i;

	assert_int_equal(wire_read_cache(f->a,
	    STR("{\"url\":\"http://own\",\"connection\":{\"hello\":null},\"providers\":{"
	    "\"hello\":{\"url\":\"hello\",\"feed\":true,\"nodes\":[]},"
	    "\"http://b\":{\"url\":\"http://b\",\"feed\":true,\"nodes\":[{\"url\":\"x\","
	    "\"flows\":[]},"
	    "{\"url\":\"http://x\",\"flows\":[]}]}},\"registers\":{\"\":null}}"), &f->cache,
	    &f->why), KODO_OK);
	assert_int_equal(f->cache.n_providers, 1);
	assert_int_equal(f->cache.providers[0].n_nodes, 1);
	assert_int_equal(f->cache.n_connection + f->cache.n_registers, 0);
	assert_int_equal(f->cache.n_left_out, 4);
	for (i = 0; i < 4; i++)
		assert_true(str_eq(f->cache.left_out[i].reason, str_of(reasons[i])));
}

static void
test_cache_refused(void **state)
{
	static const struct {
		const char *json, *why;
	} rows[] = {
		{ "", "it is empty (byte 0)" },
		{ "{\"url\":\"http://x\"", "it is cut off (byte 17)" },
		{ "{\"url\":\"http://x\",}", "trailing comma in object (byte 18)" },
		{ "[]", "it should be one JSON object (byte 0)" },
		{ " {\"url\":\"http://x\"}", "providers: Field required (byte 1)" },
		{ "{\"url\":\"http://x\",\"connection\":1,\"providers\":[]}",
		    "connection: Input should be a valid dictionary or list (byte 31)" },
		{ "{\"url\":\"http://x\",\"providers\":1}",
		    "providers: Input should be a valid dictionary or list (byte 30)" },
		{ "{\"url\":\"http://x\",\"providers\":{\"http://a\":{\"url\":\"http://a\","
		    "\"feed\":true,\"nodes\":[{}]}}}",
		    "providers.http://a.nodes.0.url: Field required (byte 81)" },
		{ "{\"url\":\"http://x\",\"providers\":[],\"registers\":{\"http://a\":\"never\"}}",
		    "registers.http://a: Input should be a valid datetime or date, " },
	};
	struct fixture *f = *state;
	char want[256];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(wire_read_cache(f->a, str_of(rows[i].json), &f->cache, &f->why),
		    KODO_EINVAL);
		snprintf(want, sizeof(want), "not a cache of kodo: %s", rows[i].why);
		f->why.text[strlen(want)] = '\0';	/* of the last, only the beginning */
		assert_string_equal(f->why.text, want);
		assert_int_equal(f->cache.n_providers, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_versions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_version_range, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_list_chunks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_versions, setup, teardown),
		cmocka_unit_test_setup_teardown(test_node_chunk, setup, teardown),
		cmocka_unit_test_setup_teardown(test_node_chunk_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cache_list, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cache_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cache_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
