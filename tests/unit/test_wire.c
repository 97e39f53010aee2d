#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/base/limit.h"
#include "core/flow/packed.h"
#include "core/wire/jread.h"
#include "core/wire/wire.h"

#define NOW_US 1736776800000000	/* 2025-01-13T14:00:00Z */
#define HEAD(more) "{\"url\":\"http://P:80/\",\"organization\":null,\"registry\":true," \
	"\"feed\":false," \
	"\"idle\":true,\"now\":\"2025-01-13T14:00:00Z\",\"message\":[\"a\",\"b\"]" more

struct fixture {
	struct arena *a;
	struct buf json;
	struct buf out;
	struct wire_body body;
	struct wire_refusal no;
};

static int
setup(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .a = arena_new(), .json = BUF_INIT(0), .out = BUF_INIT(0) };
	*state = &f;
	return f.a == NULL;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	buf_free(&f->json);
	buf_free(&f->out);
	arena_free(f->a);
	return 0;
}

/* Read an exact copy, so that ASAN sees a look past the end. */
static enum kodo_err
read_kind(struct fixture *f, enum wire_kind kind, struct str json)
{
	char *exact = arena_dup(f->a, json.p, json.len);

	assert_non_null(exact);
	return wire_read(f->a, kind, (struct str){ exact, json.len }, NOW_US, STR("http://own:1"),
	    &f->body, &f->no);
}

static enum kodo_err
read_z(struct fixture *f, const char *json)
{
	return read_kind(f, WIRE_CONNECT, str_of(json));
}

/* The body of the answer to what was refused. */
static const char *
refusal(struct fixture *f)
{
	buf_reset(&f->out);
	wire_put_error(&f->out, 400, f->no.detail.p != NULL ? f->no.detail
	    : STR("Validation failed"), f->no.errors,
	    f->no.n_errors);
	return buf_z(&f->out);
}

/* Node i as JSON. */
static const char *
node_json(struct fixture *f, size_t i)
{
	struct packed p;

	assert_true(i < f->body.n_nodes);
	assert_int_equal(packed_check(f->body.nodes[i].bytes, NULL), KODO_OK);
	assert_int_equal(packed_open(f->body.nodes[i].bytes, &p), KODO_OK);
	buf_reset(&f->out);
	packed_put_node(&f->out, &p, 0, 0);
	return buf_z(&f->out);
}

static struct str
field(struct str values[], size_t i, struct jread *j, struct arena *a)
{
	struct str text = STR_NULL;

	if (values[i].p != NULL)
		assert_int_equal(jread_text(j, a, values[i], &text), KODO_OK);
	return text;
}

static enum wire_kind
kind_of(struct str path)
{
	return str_eq(path, STR("/reconnect")) ? WIRE_DEFAULT : str_eq(path, STR("/disconnect"))
	    ? WIRE_DISCONNECT : WIRE_CONNECT;
}

/* [["text",count],..] */
static void
put_repeat(struct buf *to, struct str list, struct jread *j, struct arena *a)
{
	struct jread_walk w, pair;
	struct str key, value, text;
	bool negative;
	uint64_t n;

	jread_begin(&w, list);
	while (jread_next(&w, &key, &value)) {
		jread_begin(&pair, value);
		assert_true(jread_next(&pair, &key, &value));
		assert_int_equal(jread_text(j, a, value, &text), KODO_OK);
		assert_true(jread_next(&pair, &key, &value));
		assert_int_equal(jread_integer(j, value, &n, &negative), KODO_OK);
		for (; n > 0; n--)
			buf_put_str(to, text);
	}
}

static void
put_hex(struct buf *to, struct str hex)
{
	char digits[3] = "";
	size_t i;

	for (i = 0; i + 1 < hex.len; i += 2) {
		memcpy(digits, hex.p + i, 2);
		buf_putc(to, (char)strtoul(digits, NULL, 16));
	}
}

/*
 * A line of a file of tests/data: name, path, body (or body_hex, body_repeat), and what is to be
 * said.
 */
struct row {
	struct str name, path, says, key, extra, detail;
};

static void
take_row(struct fixture *f, struct jread *j, struct str line, struct row *row)
{
	static const char *const names[] = {
		"name", "path", "says", "key", "extra", "detail", "body", "body_hex", "body_repeat"
	};
	struct str values[9], value;
	struct jread_fault fault;

	assert_true(jread_check(line, &value, &fault));
	assert_int_equal(jread_fields(j, value, names, 9, values), KODO_OK);
	row->name = field(values, 0, j, f->a);
	row->path = field(values, 1, j, f->a);
	row->says = field(values, 2, j, f->a);
	row->key = field(values, 3, j, f->a);
	row->extra = field(values, 4, j, f->a);
	row->detail = field(values, 5, j, f->a);
	buf_reset(&f->json);
	buf_put_str(&f->json, field(values, 6, j, f->a));
	put_hex(&f->json, field(values, 7, j, f->a));
	if (values[8].p != NULL)
		put_repeat(&f->json, values[8], j, f->a);
}

static size_t
each_row(struct fixture *f, const char *name, void (*expect)(struct fixture *, const struct row *))
{
	const char *folder = getenv("SRCDIR");
	char path[4096], *line = NULL;
	struct jread *j = jread_new();
	size_t cap = 0, count = 0;
	struct row row;
	ssize_t n;
	FILE *file;

	snprintf(path, sizeof(path), "%s/tests/data/%s", folder != NULL ? folder : ".", name);
	file = fopen(path, "r");
	assert_non_null(file);
	while ((n = getline(&line, &cap, file)) > 0) {
		take_row(f, j, (struct str){ line, (size_t)n }, &row);
		expect(f, &row);
		arena_reset(f->a);
		count++;
	}
	fclose(file);
	free(line);
	jread_free(j);
	return count;
}

static void
expect_refused(struct fixture *f, const struct row *row)
{
	enum kodo_err err = read_kind(f, kind_of(row->path), buf_str(&f->json));
	const char *says = arena_strz(f->a, row->says);

	if (err != KODO_EINVAL || strstr(refusal(f), says) == NULL)
		fail_msg("%.*s: %s, %.300s; wanted %s", STR_ARG(row->name), kodo_err_text(err),
		    refusal(f), says);
	assert_int_equal(f->body.n_nodes, 0);
	assert_null(f->body.nodes);
}

static void
test_bad_bodies(void **state)
{
	assert_in_range(each_row(*state, "bad-bodies.jsonl", expect_refused), 60, 1000);
}

static void
expect_recorded(struct fixture *f, const struct row *row)
{
	enum kodo_err err = read_kind(f, kind_of(row->path), buf_str(&f->json));
	const bool refused = row->extra.p != NULL || row->detail.p != NULL || row->key.p != NULL;
	char want[4096];

	if (err != (refused ? KODO_EINVAL : KODO_OK))
		fail_msg("%.*s: %s, %s", STR_ARG(row->name), kodo_err_text(err), refusal(f));
	if (row->detail.p != NULL) {
		assert_true(str_eq(f->no.detail, row->detail));
	} else if (row->key.p != NULL) {
		assert_int_equal(f->no.n_errors, 1);
		assert_true(str_eq(f->no.errors[0].key, row->key));
	} else if (row->extra.p != NULL) {
		snprintf(want, sizeof(want),
		    "{\"status_code\":400,\"detail\":\"Validation failed\",\"extra\":%.*s}",
		    STR_ARG(row->extra));
		assert_string_equal(refusal(f), want);
	}
}

/* What the original system answered, word for word; `key` rows are those where it was at fault. */
static void
test_recorded(void **state)
{
	assert_int_equal(each_row(*state, "recorded-bodies.jsonl", expect_recorded), 99);
}

static void
test_greeting(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_z(f, HEAD(",\"nodes\":[]}")), KODO_OK);
	wire_put_greeting(&f->out, &f->body.from);
	assert_string_equal(buf_z(&f->out),
	    "\"url\":\"http://P:80\",\"organization\":null,\"registry\":true,"
	    "\"feed\":false,\"idle\":true,\"now\":\"2025-01-13T14:00:00Z\",\"message\":[\"a\","
	    "\"b\"]");
	assert_true(str_eq(f->body.from_key, STR("http://p")));
	assert_false(f->body.has_kodo);
	assert_null(f->body.view.p);
}

static void
test_kinds(void **state)
{
	struct fixture *f = *state;
	struct str bare = STR(HEAD("}")), wrong = STR(HEAD(",\"nodes\":[{}]}"));

	assert_int_equal(read_kind(f, WIRE_CONNECT, bare), KODO_EINVAL);
	assert_int_equal(read_kind(f, WIRE_ANSWER, bare), KODO_OK);
	assert_int_equal(read_kind(f, WIRE_DEFAULT, bare), KODO_OK);
	assert_int_equal(read_kind(f, WIRE_ANSWER, wrong), KODO_EINVAL);
	assert_int_equal(read_kind(f, WIRE_DEFAULT, wrong), KODO_OK);
}

static void
test_own_url(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_kind(f, WIRE_DISCONNECT,
	    STR("{\"provider\":\"HTTP://OWN:1/\",\"url\":[]}")), KODO_EINVAL);
	assert_string_equal(refusal(f),
	    "{\"status_code\":400,\"detail\":\"Validation failed\",\"extra\":[{\"message\":"
	    "\"Input should be the url of another service, HTTP://OWN:1 is this service itself\","
	    "\"key\":\"provider\"}]}");
}

static void
test_disconnect(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_kind(f, WIRE_DISCONNECT,
	    STR("{\"kodo\":{\"gone\":{\"http://A:1\":7}},"
	    "\"url\":[\"http://A:1/\",\"http://b\"],\"provider\":\"http://P\"}")), KODO_OK);
	assert_true(str_eq(f->body.from_key, STR("http://p")) && str_eq(f->body.from.url,
	    STR("http://P")));
	assert_int_equal(f->body.n_urls, 2);
	assert_true(str_eq(f->body.urls[0], STR("http://a:1")) && str_eq(f->body.urls[1],
	    STR("http://b")));
	assert_int_equal(f->body.n_gone, 1);
	wire_put_disconnect(&f->out, f->body.from.url, f->body.urls, 2);
	assert_string_equal(buf_z(&f->out),
	    "{\"provider\":\"http://P\",\"url\":[\"http://a:1\",\"http://b\"]");
}

static void
test_nodes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_z(f, HEAD(",\"nodes\":["
	    "{\"url\":\"http://N:1/\",\"flows\":[{\"url\":\"\",\"name\":\"\\u00e9\\n\","
	    "\"tags\":null,\"x\":[{}]}],"
	    "\"status\":\"u\\u0070\",\"heartbeat\":1736776800.5,\"organization\":\"O\\t\"}]}")),
	    KODO_OK);
	assert_true(str_eq(f->body.nodes[0].key, STR("http://n:1")));
	assert_string_equal(node_json(f, 0),
	    "{\"url\":\"http://N:1\",\"organization\":\"O\\t\",\"flows\":[{\"url\":\"\","
	    "\"name\":\"\xc3\xa9\\n\",\"description\":null,\"author\":null,\"tags\":[]}],"
	    "\"created\":null,"
	    "\"modified\":null,\"heartbeat\":\"2025-01-13T14:00:00.500000Z\",\"status\":\"up\"}");
}

/*
 * At every level the last of equal keys wins; of nodes with one key the last, at the place of the
 * first.
 */
/* What later originals add: an address is kept, anything else is as if it were not there. */
static void
test_entry_and_audience(void **state)
{
	static const struct {
		const char *in, *out;
	} entries[] = {
		{ "\"https://h:1/a?b=c\"", "https://h:1/a?b=c" },
		{ "\"HTTP://h\"", "HTTP://h" },
		{ "\"http://h/\\u00fc\"", "http://h/\xc3\xbc" },
		{ "null", NULL }, { "7", NULL }, { "{}", NULL }, { "[\"http://h\"]", NULL },
		{ "\"\"", NULL }, { "\"kodo.flow:app\"", NULL },
		{ "\"javascript:alert(1)\"", NULL }, { "\" javascript:alert(1)\"", NULL },
		{ "\"java\\tscript:x\"", NULL }, { "\"data:text/html,x\"", NULL },
		{ "\"//h/a\"", NULL }, { "\"/a\"", NULL }, { "\"ftp://h/\"", NULL },
		{ "\"http://\"", NULL }, { "\"http://u:p@h/\"", NULL },
		{ "\"http://h/a b\"", NULL }, { "\"http://h/\\r\\nSet-Cookie: a\"", NULL },
		{ "\"http://h/\\u007f\"", NULL }, { "\"http://h/#a\"", NULL },
		{ "\"http://h:0/\"", NULL }, { "\"http://h\\\\x\"", NULL },
	};
	static char entry[LIMIT_URL_BYTES + 2], json[2 * LIMIT_URL_BYTES];
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		snprintf(json, sizeof(json), HEAD(",\"nodes\":[{\"url\":\"http://n\",\"flows\":[{"
		    "\"url\":\"/a\",\"name\":\"A\",\"entry\":%s}]}]}"), entries[i].in);
		assert_int_equal(read_z(f, json), KODO_OK);
		assert_int_equal(f->body.n_left_out, 0);
		(void)node_json(f, 0);
		snprintf(entry, sizeof(entry), "\"tags\":[],\"entry\":\"%s\"}",
		    entries[i].out == NULL ? "" : entries[i].out);
		assert_int_equal(strstr(buf_z(&f->out), "entry") != NULL, entries[i].out != NULL);
		assert_true(entries[i].out == NULL || strstr(buf_z(&f->out), entry) != NULL);
	}
	memset(entry, 'x', sizeof(entry));
	memcpy(entry, "http://", 7);
	for (i = 0; i < 2; i++) {
		entry[LIMIT_URL_BYTES + 1 - i] = '\0';
		snprintf(json, sizeof(json), HEAD(",\"nodes\":[{\"url\":\"http://n\","
		    "\"audience\":\"%s\",\"flows\":[]}]}"), entry);
		assert_int_equal(read_z(f, json), KODO_OK);
		assert_int_equal(strstr(node_json(f, 0), "audience") != NULL, i == 1);
	}
	assert_int_equal(read_z(f, HEAD(",\"nodes\":[{\"url\":\"http://n\",\"audience\":7,"
	    "\"flows\":[]}]}")), KODO_OK);
	assert_null(strstr(node_json(f, 0), "audience"));
}

static void
test_last_wins(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_z(f, HEAD(",\"nodes\":[{\"url\":1}],\"url\":\"http://q\",\"nodes\":["
	    "{\"url\":\"http://a\",\"flows\":[]},{\"url\":\"http://b\",\"flows\":[]},"
	    "{\"url\":\"http://x\",\"\\u0075rl\":\"HTTP://A:80\",\"flows\":[{\"url\":\"\","
	    "\"name\":1,\"name\":\"n\"}],"
	    "\"status\":1,\"status\":null}]}")), KODO_OK);
	assert_true(str_eq(f->body.from_key, STR("http://q")));
	assert_int_equal(f->body.n_nodes, 2);
	assert_true(str_eq(f->body.nodes[0].key, STR("http://a")));
	assert_true(str_eq(f->body.nodes[1].key, STR("http://b")));
	assert_non_null(strstr(node_json(f, 0),
	    "{\"url\":\"HTTP://A:80\",\"organization\":null,\"flows\":[{\"url\":\"\","
	    "\"name\":\"n\""));
}

/* One node over a ceiling: fmt has a place for count times x. */
static void
expect_left_out(struct fixture *f, const char *before, size_t count, const char *after,
    const char *reason)
{
	size_t i;

	buf_reset(&f->json);
	buf_puts(&f->json, HEAD(",\"nodes\":[{\"url\":\"http://ok\",\"flows\":[]},{"));
	buf_puts(&f->json, before);
	for (i = 0; i < count; i++)
		buf_putc(&f->json, 'x');
	buf_puts(&f->json, after);
	buf_puts(&f->json, "},{\"url\":\"http://too\",\"flows\":[]}]}");
	assert_int_equal(read_kind(f, WIRE_CONNECT, buf_str(&f->json)), KODO_OK);
	assert_int_equal(f->body.n_nodes, reason == NULL ? 3 : 2);
	assert_int_equal(f->body.n_left_out, reason == NULL ? 0 : 1);
	if (reason != NULL) {
		assert_true(str_eq(f->body.left_out[0].reason, str_of(reason)));
		assert_true(str_starts(f->body.left_out[0].url, STR("http://n")));
	}
}

static void
test_ceilings(void **state)
{
	static const struct {
		const char *before, *after;
		size_t max;
		const char *reason;
	} rows[] = {
		{ "\"url\":\"http://n/", "\",\"flows\":[]", LIMIT_URL_BYTES - 9,
		    "url is over 2048 bytes" },
		{ "\"url\":\"http://n\",\"organization\":\"", "\",\"flows\":[]", LIMIT_NAME_BYTES,
		    "organization is over 1024 bytes" },
		{ "\"url\":\"http://n\",\"flows\":[],\"status\":\"", "\"", LIMIT_NAME_BYTES,
		    "status is over 1024 bytes" },
		{ "\"url\":\"http://n\",\"flows\":[{\"url\":\"", "\",\"name\":\"\"}]",
		    LIMIT_URL_BYTES,
		    "url of flow 0 is over 2048 bytes" },
		{ "\"url\":\"http://n\",\"flows\":[{\"url\":\"\",\"name\":\"\"},{\"url\":\"\","
		    "\"name\":\"", "\"}]",
		    LIMIT_NAME_BYTES, "name of flow 1 is over 1024 bytes" },
		{ "\"url\":\"http://n\",\"flows\":[{\"url\":\"\",\"name\":\"\",\"description\":\"",
		    "\"}]",
		    LIMIT_DESCRIPTION_BYTES, "description of flow 0 is over 65536 bytes" },
		{ "\"url\":\"http://n\",\"flows\":[{\"url\":\"\",\"name\":\"\",\"author\":\"",
		    "\"}]",
		    LIMIT_NAME_BYTES, "author of flow 0 is over 1024 bytes" },
		{ "\"url\":\"http://n\",\"flows\":[{\"url\":\"\",\"name\":\"\",\"tags\":[\"a\",\"",
		    "\"]}]",
		    LIMIT_TAG_BYTES, "tag 1 of flow 0 is over 256 bytes" },
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expect_left_out(f, rows[i].before, rows[i].max, rows[i].after, NULL);
		expect_left_out(f, rows[i].before, rows[i].max + 1, rows[i].after, rows[i].reason);
	}
	/* what is named is cut off, between characters */
	expect_left_out(f, "\"url\":\"http://n/\xc3\xa9", 5000, "\",\"flows\":[]",
	    "url is over 2048 bytes");
	assert_int_equal(f->body.left_out[0].url.len, 200);
}

/* before, count times element with commas between, after */
static void
put_list(struct buf *b, const char *before, size_t count, const char *element, const char *after)
{
	size_t i;

	buf_reset(b);
	buf_puts(b, before);
	for (i = 0; i < count; i++) {
		buf_puts(b, i > 0 ? "," : "");
		buf_puts(b, element);
	}
	buf_puts(b, after);
}

static void
test_counts(void **state)
{
	static const struct {
		const char *before, *element, *after;
		size_t max;
		const char *reason;
	} rows[] = {
		{ HEAD(",\"nodes\":[{\"url\":\"http://n\",\"flows\":[{\"url\":\"\",\"name\":\"\","
		    "\"tags\":["), "\"t\"",
		    "]}]}]}", LIMIT_TAGS, "tags of flow 0 are more than 64" },
		{ HEAD(",\"nodes\":[{\"url\":\"http://n\",\"flows\":["),
		    "{\"url\":\"\",\"name\":\"\"}", "]}]}",
		    LIMIT_NODE_FLOWS, "flows are more than 100000" },
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_list(&f->json, rows[i].before, rows[i].max, rows[i].element, rows[i].after);
		assert_int_equal(read_kind(f, WIRE_CONNECT, buf_str(&f->json)), KODO_OK);
		assert_int_equal(f->body.n_nodes, 1);
		put_list(&f->json, rows[i].before, rows[i].max + 1, rows[i].element, rows[i].after);
		assert_int_equal(read_kind(f, WIRE_CONNECT, buf_str(&f->json)), KODO_OK);
		assert_int_equal(f->body.n_nodes, 0);
		assert_int_equal(f->body.n_left_out, 1);
		assert_true(str_eq(f->body.left_out[0].reason, str_of(rows[i].reason)));
	}
}

/* A node with a long url and count small flows. */
static void
put_long_node(struct buf *b, const char *host, size_t count)
{
	char url[LIMIT_URL_BYTES - 16];
	size_t i;

	memset(url, 'u', sizeof(url));
	buf_printf(b, "{\"url\":\"http://%s/%.*s\",\"flows\":[", host, (int)sizeof(url), url);
	for (i = 0; i < count; i++)
		buf_puts(b, i > 0 ? ",{\"url\":\"\",\"name\":\"\"}"
		    : "{\"url\":\"\",\"name\":\"\"}");
	buf_puts(b, "]}");
}

/*
 * The url is in each flow: together they may not grow too far. What follows and is small is taken
 * again.
 */
static void
test_stored(void **state)
{
	static const struct {
		size_t a, b;	/* flows */
		size_t n_nodes;
	} rows[] = { { 8, 1, 3 }, { 20, 1, 2 }, { 15, 15, 2 }, { 8, 8, 3 }, { 8000, 1, 2 } };
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		buf_reset(&f->json);
		buf_puts(&f->json, HEAD(",\"nodes\":["));
		put_long_node(&f->json, "a", rows[i].a);
		buf_puts(&f->json, ",");
		put_long_node(&f->json, "b", rows[i].b);
		buf_puts(&f->json, ",{\"url\":\"http://small\",\"flows\":[]}]}");
		assert_int_equal(read_kind(f, WIRE_CONNECT, buf_str(&f->json)), KODO_OK);
		assert_int_equal(f->body.n_nodes, rows[i].n_nodes);
		assert_int_equal(f->body.n_left_out, 3 - rows[i].n_nodes);
		if (f->body.n_left_out > 0)
			assert_true(str_eq(f->body.left_out[0].reason,
			    STR("flows is over 8 times the body when stored")));
	}
}

static void
test_many_errors(void **state)
{
	struct fixture *f = *state;

	put_list(&f->json, HEAD(",\"nodes\":["), 2000, "1", "]}");
	assert_int_equal(read_kind(f, WIRE_CONNECT, buf_str(&f->json)), KODO_EINVAL);
	assert_int_equal(f->no.n_errors, 1000);
	assert_true(str_eq(f->no.errors[999].key, STR("nodes.999")));
	assert_null(f->no.detail.p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bad_bodies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_recorded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_greeting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_url, setup, teardown),
		cmocka_unit_test_setup_teardown(test_disconnect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nodes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_entry_and_audience, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ceilings, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stored, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_errors, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
