/* Node chunks at their receiver, however odd; and their records. */
#include "core/base/limit.h"
#include "core/check/integrity.h"
#include "core/records/node_chunks.h"
#include "core/records/record.h"
#include "core/registry/reply.h"
#include "core/registry/requests.h"
#include "core/registry/startup.h"
#include "core/storage/sink.h"
#include "registry_help.h"

#define TARGET "http://t:1"

static uint64_t
records_of(struct fixture *f)
{
	struct store_stat st;

	must(store_stat(registry_store(f->r), &st));
	return st.entries[T_NODE_CHUNK];
}

static enum kodo_err
forget(struct txn *t, void *arg)
{
	(void)arg;
	return node_chunks_drop(t, 1);
}

static struct wire_body
chunk_of(struct fixture *f, const char *nodes, const char *chunk)
{
	char *json = arena_printf(f->a,
	    "{\"url\":\"http://n:1\",\"registry\":true,\"feed\":false,\"idle\":true,"
	    "\"now\":\"2025-01-13T14:00:00Z\",\"message\":[],\"nodes\":[%s],"
	    "\"kodo\":{\"part\":%s}}",
	    nodes, chunk);
	struct wire_refusal no;
	struct wire_body b;

	must(wire_read(f->a, WIRE_UPDATE, str_of(json), f->now_us, f->o.url_key, &b, &no));
	return b;
}

static const char *
node_json_list(struct fixture *f, const char *url)
{
	return arena_printf(f->a, "[%s]", node_json(f, url, "Old", 2));
}

/* Take it; what does the answer say? */
static const char *
answer_to(struct fixture *f, const struct wire_body *b)
{
	struct sink sink = SINK_INIT(NULL);
	struct receipt in;
	char *text;
	bool rest;

	must(registry_update(f->r, b, f->now_us, &in));
	must(reply_put(f->r, b, false, false, f->now_us, &sink, &rest));
	text = arena_strz(f->a, buf_str(&sink.buf));
	sink_free(&sink);
	check_clean(f);
	return text;
}

static void
known(struct fixture *f)
{
	struct wire_body b;
	struct receipt in;

	fixture_options(f, TARGET, true, true, NULL, 0);
	fixture_apply(f, START_NOW);
	b = body_of(f, "http://n:1", false, "[]", "{}");
	must(registry_connect(f->r, &b, f->now_us, &in));
}

static void
has(struct fixture *f, const char *nodes, const char *chunk, unsigned n)
{
	struct wire_body b = chunk_of(f, nodes, chunk);
	const char *answer = answer_to(f, &b);
	char want[32];

	snprintf(want, sizeof(want), "\"has\":%u", n);
	if (strstr(answer, want) == NULL)
		fail_msg("%s is not in %s", want, answer);
}

static void
chunks_that_do_not_fit(void **state)
{
	struct fixture *f = *state;
	const char *two, *three;

	known(f);
	two = node_json(f, "http://n:1", "N", 2);
	three = node_json(f, "http://n:1", "N", 3);
	has(f, two, "{\"id\":\"ab\",\"from\":2,\"of\":5}", 0);	/* where is the start? */
	has(f, two, "{\"id\":\"ab\",\"from\":0,\"of\":5}", 2);
	has(f, two, "{\"id\":\"ab\",\"from\":3,\"of\":5}", 2);	/* a gap */
	has(f, two, "{\"id\":\"cd\",\"from\":2,\"of\":5}", 0);	/* of another */
	has(f, two, "{\"id\":\"ab\",\"from\":2,\"of\":6}", 2);	/* of another length */
	has(f, node_json(f, "http://m:1", "N", 2), "{\"id\":\"ab\",\"from\":2,\"of\":5}", 2);
	assert_int_equal(total_of(f), 0);
	/* ranges of no one node: with another organization */
	has(f, node_json(f, "http://n:1", "M", 3), "{\"id\":\"ab\",\"from\":2,\"of\":5}", 0);
	assert_int_equal(total_of(f), 0);
	assert_int_equal(records_of(f), 0);
	has(f, two, "{\"id\":\"ab\",\"from\":0,\"of\":5}", 2);
	has(f, three, "{\"id\":\"ab\",\"from\":2,\"of\":5}", 5);
	assert_int_equal(total_of(f), 5);
	has(f, three, "{\"id\":\"ab\",\"from\":2,\"of\":5}", 5);	/* repeated */
	assert_int_equal(total_of(f), 5);
	/* one node at a time */
	has(f, two, "{\"id\":\"ef\",\"from\":0,\"of\":5}", 2);
	has(f, two, "{\"id\":\"01\",\"from\":0,\"of\":5}", 2);
	assert_int_equal(records_of(f), 2);
}

static void
chunks_go_with_their_sender(void **state)
{
	struct fixture *f = *state;
	struct wire_body b;
	struct receipt in;
	uint64_t ticket;

	known(f);
	has(f, node_json(f, "http://n:1", "N", 2), "{\"id\":\"ab\",\"from\":0,\"of\":5}", 2);
	assert_int_equal(records_of(f), 2);
	b = disconnect_of(f, "http://n:1", "[\"http://n:1\"]", NULL);
	must(registry_disconnect(f->r, &b, f->now_us, &in, &ticket));
	assert_int_equal(records_of(f), 0);
	check_clean(f);
}

/* A connect in list chunks is open, and takes nothing back, until its last node is complete. */
static void
last_list_chunk_without_all_flows(void **state)
{
	struct fixture *f = *state;
	const char *two;
	struct wire_body b;
	struct receipt in;

	known(f);
	two = node_json(f, "http://n:1", "N", 2);
	b = body_of(f, "http://n:1", false, node_json_list(f, "http://old:1"), "{}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	assert_int_equal(total_of(f), 2);
	b = body_of(f, "http://n:1", false, "[]", "{\"piece\":9,\"more\":true}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	b = chunk_of(f, two, "{\"id\":\"ab\",\"from\":0,\"of\":4},\"piece\":9,\"more\":true");
	answer_to(f, &b);
	b = chunk_of(f, two, "{\"id\":\"cd\",\"from\":2,\"of\":4},\"piece\":9,\"more\":false");
	answer_to(f, &b);
	assert_int_equal(total_of(f), 2); /* the old one is still there */
	b = chunk_of(f, two, "{\"id\":\"ab\",\"from\":2,\"of\":4},\"piece\":9,\"more\":false");
	answer_to(f, &b);
	assert_int_equal(total_of(f), 4);
}

/* No connect has the id 0: such a list chunk ends none, and takes nothing back. */
static void
list_chunk_of_no_connect(void **state)
{
	struct fixture *f = *state;
	struct wire_body b;
	struct receipt in;

	known(f);
	b = body_of(f, "http://n:1", false, node_json_list(f, "http://old:1"), "{}");
	must(registry_connect(f->r, &b, f->now_us, &in));
	b = body_of(f, "http://n:1", false, node_json_list(f, "http://n:1"),
	    "{\"piece\":0,\"more\":false}");
	must(registry_update(f->r, &b, f->now_us, &in));
	assert_int_equal(total_of(f), 4);
}

/* A node whose flows are more than is kept of one. */
static void
more_than_is_stored_of_a_node(void **state)
{
	struct fixture *f = *state;
	char *fat = arena_alloc(f->a, LIMIT_DESCRIPTION_BYTES + 1), *flows;
	struct wire_body b;
	const char *answer = "";
	size_t i, from;

	known(f);
	memset(fat, 'f', LIMIT_DESCRIPTION_BYTES);
	fat[LIMIT_DESCRIPTION_BYTES] = '\0';
	flows = arena_printf(f->a, "{\"url\":\"/0\",\"name\":\"N\",\"description\":\"%s\"}", fat);
	for (i = 1; i < 16; i++)
		flows = arena_printf(f->a,
		    "%s,{\"url\":\"/%zu\",\"name\":\"N\",\"description\":\"%s\"}", flows, i, fat);
	flows = arena_printf(f->a, "{\"url\":\"http://n:1\",\"flows\":[%s]}", flows);
	for (from = 0; from < 160 && strstr(answer, "left out") == NULL; from += 16) {
		b = chunk_of(f, flows,
		    arena_printf(f->a, "{\"id\":\"ab\",\"from\":%zu,\"of\":1000}", from));
		answer = answer_to(f, &b);
	}
	assert_int_equal(from, 128);	/* the eighth went over 16 MiB */
	assert_non_null(
	    strstr(answer, "left out http://n:1: it is over 16777216 bytes when stored"));
	assert_non_null(strstr(answer, "\"has\":0"));
	assert_int_equal(records_of(f), 1);
}

/* --- kodo check --- */

static unsigned n_errors;

static void
errors_count(void *arg, enum finding kind, const char *line)
{
	(void)arg, (void)line;
	n_errors += kind == FINDING_ERROR;
}

static enum kodo_err
damage(struct txn *t, void *arg)
{
	struct str *record = arg;

	return store_put(t, (enum store_table)record[2].len, record[0], record[1]);
}

static void
damage_is_found(void **state)
{
	struct fixture *f = *state;
	unsigned char kb[8];
	struct str damages[][3] = {
		{ STR_NULL, STR("x"), { NULL, T_NODE_CHUNK } },
		{ STR_NULL, STR("\0\0\0\5\0\0\0\3\0\0\0\0\0\0\0\0\0\0\0\0"),
		    { NULL, T_NODE_CHUNK } },
		{ STR_NULL, STR("12345678"), { NULL, T_OUT } },
	};
	size_t i;

	known(f);
	has(f, node_json(f, "http://n:1", "N", 2), "{\"id\":\"ab\",\"from\":0,\"of\":5}", 2);
	damages[0][0] = key_u32_u32(kb, 1, 0);
	for (i = 0; i < 3; i++) {
		if (i == 1)
			damages[1][0] = key_u32(kb, 1);
		if (i == 2)
			damages[2][0] = key_u32_u32(kb, 77, 1);
		must(store_write(registry_store(f->r), damage, damages[i]));
		n_errors = 0;
		must(integrity_check(f->r, f->now_us, errors_count, NULL));
		assert_true(n_errors > 0);
		must(store_write(registry_store(f->r), forget, NULL));
	}
}

/* A peer that holds a node, and may have so many flows. */
static void
quota_start(struct fixture *f, unsigned quota)
{
	struct wire_body b;
	struct receipt in;

	fixture_options(f, TARGET, true, true, NULL, 0);
	f->o.quota_flows = quota;
	fixture_apply(f, START_NOW);
	b = body_of(f, "http://n:1", false, "[]", "{}");
	must(registry_connect(f->r, &b, f->now_us, &in));
}

/* Of a node that comes in chunks again the new one takes the place of the old one. */
static void
quota_lets_a_node_be_replaced(void **state)
{
	struct fixture *f = *state;
	const char *two, *three;

	quota_start(f, 6);
	two = node_json(f, "http://n:1", "N", 2);
	three = node_json(f, "http://n:1", "N", 3);
	has(f, two, "{\"id\":\"ab\",\"from\":0,\"of\":5}", 2);
	has(f, three, "{\"id\":\"ab\",\"from\":2,\"of\":5}", 5);
	assert_int_equal(total_of(f), 5);
	has(f, two, "{\"id\":\"cd\",\"from\":0,\"of\":5}", 2);
	has(f, three, "{\"id\":\"cd\",\"from\":2,\"of\":5}", 5);
}

static void
quota_leaves_out_a_whole_node(void **state)
{
	struct fixture *f = *state;
	struct wire_body b;
	struct receipt in;

	quota_start(f, 4);
	has(f, node_json(f, "http://n:1", "N", 2), "{\"id\":\"ab\",\"from\":0,\"of\":5}", 2);
	b = chunk_of(f, node_json(f, "http://n:1", "N", 3), "{\"id\":\"ab\",\"from\":2,\"of\":5}");
	must(registry_update(f->r, &b, f->now_us, &in));
	assert_int_equal(total_of(f), 0);
	assert_int_equal(in.n_left_out, 1);
	assert_true(str_eq(in.left_out[0].url, STR("http://n:1")));
	assert_true(in.left_out[0].reason.len > 0);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(chunks_that_do_not_fit),
		T(chunks_go_with_their_sender),
		T(last_list_chunk_without_all_flows),
		T(list_chunk_of_no_connect),
		T(more_than_is_stored_of_a_node),
		T(damage_is_found),
		T(quota_lets_a_node_be_replaced),
		T(quota_leaves_out_a_whole_node),
	};

	return cmocka_run_group_tests_name("chunk_ingest", tests, NULL, NULL);
}
