/* What answers of flows mean, how they are stored, and how hosts want to be asked. */
#include "core/probe/host.h"
#include "core/probe/probe.h"
#include "records_help.h"

#define SECOND_US	1000000ll
#define HOUR_US		(3600 * SECOND_US)
#define NOW_US		(1767225600 * SECOND_US)

static void
verdicts(void **state)
{
	static const struct {
		unsigned status;
		enum probe_verdict verdict;
	} rows[] = {
		{ 0, PROBE_FAILS }, { 200, PROBE_ANSWERS }, { 206, PROBE_ANSWERS },
		{ 301, PROBE_ANSWERS }, { 304, PROBE_ANSWERS }, { 400, PROBE_ANSWERS },
		{ 401, PROBE_GATED }, { 402, PROBE_FAILS }, { 403, PROBE_GATED },
		{ 404, PROBE_GONE }, { 405, PROBE_ANSWERS }, { 406, PROBE_ANSWERS },
		{ 407, PROBE_FAILS }, { 410, PROBE_GONE }, { 415, PROBE_ANSWERS },
		{ 416, PROBE_ANSWERS }, { 417, PROBE_FAILS }, { 426, PROBE_ANSWERS },
		{ 429, PROBE_UNKNOWN }, { 500, PROBE_FAILS }, { 503, PROBE_FAILS },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (probe_judge(rows[i].status) != rows[i].verdict)
			fail_msg("%u is %d", rows[i].status, (int)probe_judge(rows[i].status));
}

static void
due_again(void **state)
{
	struct probe_result r = { 0, PROBE_UNKNOWN };

	(void)state;
	assert_true(probe_is_due(&r, NOW_US));
	r = (struct probe_result){ NOW_US, PROBE_ANSWERS };
	assert_false(probe_is_due(&r, NOW_US + 23 * HOUR_US));
	assert_true(probe_is_due(&r, NOW_US + 24 * HOUR_US));
	r.verdict = PROBE_FAILS;
	assert_false(probe_is_due(&r, NOW_US + HOUR_US - 1));
	assert_true(probe_is_due(&r, NOW_US + HOUR_US));
	assert_true(probe_is_due(&r, NOW_US - HOUR_US)); /* the clock was set back */
}

static struct str
node_pack(struct buf *b, unsigned from, unsigned to)
{
	struct flow flows[8];
	char urls[8][16];
	unsigned i;

	memset(flows, 0, sizeof(flows));
	for (i = from; i < to; i++) {
		snprintf(urls[i], sizeof(urls[i]), "/f%u", i);
		flows[i - from].url = str_of(urls[i]);
		flows[i - from].name = STR("f");
	}
	buf_reset(b);
	packed_write(b, &(struct node){ .url = STR("http://n:1"), .flows = flows,
		.n_flows = to - from });
	assert_false(buf_failed(b));
	return buf_str(b);
}

static struct probe_result
result_at(const struct packed *p, uint32_t flow)
{
	struct str results;

	assert_int_equal(probe_results_get(&db.t, 7, &results), KODO_OK);
	return probe_result_of(results, p, flow);
}

/* They follow their flow to another place, and end with it. */
static void
results_follow_flows(void **state)
{
	struct buf b = BUF_INIT(0);
	struct packed p;
	struct str results;
	bool changed;
	uint32_t i;

	(void)state;
	assert_int_equal(packed_open(node_pack(&b, 0, 4), &p), KODO_OK);
	for (i = 4; i-- > 0;) {
		const struct probe_result r = { NOW_US + i, (enum probe_verdict)(i + 1) };

		assert_int_equal(
		    probe_result_put(&db.t, 7, &p, probe_flow_id(&p, i), r, &changed), KODO_OK);
		assert_true(changed);
		assert_int_equal(
		    probe_result_put(&db.t, 7, &p, probe_flow_id(&p, i), r, &changed), KODO_OK);
		assert_false(changed);
	}
	for (i = 0; i < 4; i++) {
		assert_int_equal(result_at(&p, i).verdict, i + 1);
		assert_int_equal(result_at(&p, i).at_us, NOW_US + i);
	}
	assert_int_equal(packed_open(node_pack(&b, 2, 6), &p), KODO_OK);
	assert_int_equal(result_at(&p, 0).verdict, PROBE_GONE);
	assert_int_equal(result_at(&p, 2).at_us, 0);
	assert_int_equal(probe_result_put(&db.t, 7, &p, probe_flow_id(&p, 3),
	    (struct probe_result){ NOW_US, PROBE_GATED }, &changed), KODO_OK);
	assert_int_equal(probe_results_get(&db.t, 7, &results), KODO_OK);
	assert_int_equal(results.len, 3 * 16);	/* those of flows 0 and 1 are no more */
	assert_int_equal(probe_results_del(&db.t, 7), KODO_OK);
	assert_int_equal(result_at(&p, 3).at_us, 0);
	buf_free(&b);
}

static void
hosts_and_origins(void **state)
{
	const struct str url = STR("http://Example.org/a");

	(void)state;
	assert_int_equal(probe_host_id(url), probe_host_id(STR("https://example.org.:8443/b")));
	assert_int_not_equal(probe_host_id(url), probe_host_id(STR("http://www.example.org")));
	assert_int_equal(probe_origin_id(url), probe_origin_id(STR("HTTP://example.org:80/b?c")));
	assert_int_not_equal(probe_origin_id(url), probe_origin_id(STR("https://example.org")));
	assert_int_not_equal(probe_origin_id(url), probe_origin_id(STR("http://example.org:8080")));
	assert_int_equal(probe_host_id(STR("no url")), 0);
}

static bool
is_free(int64_t now_us)
{
	bool free_now;

	assert_int_equal(probe_pace_get(&db.t, 5, now_us, &free_now), KODO_OK);
	return free_now;
}

static void
paces(void **state)
{
	bool more;

	(void)state;
	assert_true(is_free(NOW_US));
	assert_int_equal(probe_pace_put(&db.t, 5, NOW_US + PROBE_PACE_US), KODO_OK);
	assert_false(is_free(NOW_US + PROBE_PACE_US - 1));
	assert_true(is_free(NOW_US + PROBE_PACE_US));
	assert_true(is_free(NOW_US - 48 * HOUR_US)); /* the clock was set back */
	assert_int_equal(probe_hosts_tidy(&db.t, NOW_US, &more), KODO_OK);
	assert_false(is_free(NOW_US));
	assert_int_equal(probe_hosts_tidy(&db.t, NOW_US + PROBE_PACE_US, &more), KODO_OK);
	assert_true(is_free(NOW_US) && !more);
}

static void
robots(void **state)
{
	static const struct {
		unsigned status;
		bool is_cut;
		enum probe_rule rule;
		int64_t life_us;
		bool x, y;		/* may it ask /x, /y? */
	} rows[] = {
		{ 200, false, PROBE_RULE_TEXT, 24 * HOUR_US, false, true },
		{ 200, true, PROBE_RULE_FORBID, HOUR_US, false, false },
		{ 404, false, PROBE_RULE_ALLOW, 24 * HOUR_US, true, true },
		{ 403, false, PROBE_RULE_ALLOW, 24 * HOUR_US, true, true },
		{ 429, false, PROBE_RULE_FORBID, HOUR_US, false, false },
		{ 301, false, PROBE_RULE_FORBID, HOUR_US, false, false },
		{ 503, false, PROBE_RULE_FORBID, HOUR_US, false, false },
		{ 0, false, PROBE_RULE_FORBID, HOUR_US, false, false },
	};
	struct probe_robots r;
	size_t i;

	(void)state;
	assert_int_equal(probe_robots_get(&db.t, 9, &r), KODO_OK);
	assert_true(probe_robots_is_old(&r, NOW_US));
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		r = (struct probe_robots){ NOW_US, probe_rule_of(rows[i].status, rows[i].is_cut),
			STR("User-agent: *\nDisallow: /x\n") };
		assert_int_equal(r.rule, rows[i].rule);
		assert_int_equal(probe_robots_put(&db.t, 9, &r), KODO_OK);
		assert_int_equal(probe_robots_get(&db.t, 9, &r), KODO_OK);
		assert_int_equal(r.at_us, NOW_US);
		assert_false(probe_robots_is_old(&r, NOW_US + rows[i].life_us - 1));
		assert_true(probe_robots_is_old(&r, NOW_US + rows[i].life_us));
		assert_true(probe_robots_is_old(&r, NOW_US - 1));
		assert_int_equal(probe_robots_allows(&r, STR("http://h:1/x?q")), rows[i].x);
		assert_int_equal(probe_robots_allows(&r, STR("http://[::1]:1/y/x")), rows[i].y);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(due_again),
		cmocka_unit_test(hosts_and_origins),
		RECORDS_TEST(results_follow_flows),
		RECORDS_TEST(paces),
		RECORDS_TEST(robots),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
