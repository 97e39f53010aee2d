/*
 * The results of a node are entries of 16 bytes, big-endian, sorted: the id of a flow, and the time
 * with the verdict in its last bits.
 */
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/base/hash.h"
#include "core/probe/probe.h"

#define DAY_US		(86400ll * 1000000)
#define HOUR_US		(3600ll * 1000000)
#define ENTRY_BYTES	16u
#define VERDICT_BITS	3

const struct str probe_names[PROBE_VERDICTS] = {
	[PROBE_ANSWERS] = { "answers", 7 },
	[PROBE_GATED] = { "gated", 5 },
	[PROBE_GONE] = { "gone", 4 },
	[PROBE_FAILS] = { "fails", 5 },
};

enum probe_verdict
probe_judge(unsigned status)
{
	static const struct {
		unsigned from, to;
		enum probe_verdict verdict;
	} rows[] = {
		{ 200, 399, PROBE_ANSWERS },
		{ 401, 401, PROBE_GATED }, { 403, 403, PROBE_GATED },
		{ 404, 404, PROBE_GONE }, { 410, 410, PROBE_GONE },
		/* there is something, which wants another method, or more than a bare GET has */
		{ 400, 400, PROBE_ANSWERS }, { 405, 406, PROBE_ANSWERS },
		{ 411, 411, PROBE_ANSWERS }, { 415, 416, PROBE_ANSWERS },
		{ 422, 422, PROBE_ANSWERS }, { 426, 426, PROBE_ANSWERS },
		{ 428, 428, PROBE_ANSWERS },
		/* it tells of us, not of the flow */
		{ 429, 429, PROBE_UNKNOWN },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (status >= rows[i].from && status <= rows[i].to)
			return rows[i].verdict;
	return PROBE_FAILS;
}

bool
probe_is_due(const struct probe_result *r, int64_t now_us)
{
	const int64_t since_us = now_us - r->at_us;

	/* or the clock was set back */
	return r->at_us == 0 || since_us < 0 ||
	    since_us >= (r->verdict == PROBE_FAILS ? HOUR_US : DAY_US);
}

uint64_t
probe_flow_id(const struct packed *p, uint32_t flow)
{
	return hash_text(HASH_STORED, packed_url(p, flow));
}

enum kodo_err
probe_results_get(struct txn *t, uint32_t node, struct str *out)
{
	unsigned char k[4];
	enum kodo_err err = store_get(t, T_PROBE, key_u32(k, node), out);

	if (err == KODO_OK && out->len % ENTRY_BYTES != 0)
		err = KODO_ECORRUPT;
	if (err != KODO_OK)
		*out = STR_NULL;
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

static struct probe_result
result_find(struct str results, uint64_t flow)
{
	size_t low = 0, high = results.len / ENTRY_BYTES, mid;
	uint64_t n;

	while (low < high) {
		mid = low + (high - low) / 2;
		n = get_be64(results.p + mid * ENTRY_BYTES);
		if (n == flow) {
			n = get_be64(results.p + mid * ENTRY_BYTES + 8);
			mid = n & ((1u << VERDICT_BITS) - 1);
			return (struct probe_result){ (int64_t)(n >> VERDICT_BITS),
				mid < PROBE_VERDICTS ? (enum probe_verdict)mid : PROBE_UNKNOWN };
		}
		if (n < flow)
			low = mid + 1;
		else
			high = mid;
	}
	return (struct probe_result){ 0, PROBE_UNKNOWN };
}

struct probe_result
probe_result_of(struct str results, const struct packed *p, uint32_t flow)
{
	if (results.len == 0)
		return (struct probe_result){ 0, PROBE_UNKNOWN };
	return result_find(results, probe_flow_id(p, flow));
}

struct entry {
	uint64_t flow;
	struct probe_result result;
};

static int
entry_compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->flow > y->flow) - (x->flow < y->flow);
}

static enum kodo_err
entries_put(struct txn *t, uint32_t node, const struct entry *all, size_t n)
{
	struct buf b = BUF_INIT(0);
	unsigned char k[8];
	size_t i;
	enum kodo_err err;

	for (i = 0; i < n; i++) {
		buf_put_str(&b, key_u64(k, all[i].flow));
		buf_put_str(&b, key_u64(k, (uint64_t)all[i].result.at_us << VERDICT_BITS |
			(uint64_t)all[i].result.verdict));
	}
	err = buf_failed(&b) ? b.err : store_put(t, T_PROBE, key_u32(k, node), buf_str(&b));
	buf_free(&b);
	return err;
}

enum kodo_err
probe_result_put(struct txn *t, uint32_t node, const struct packed *p, uint64_t flow,
    struct probe_result result, bool *changed)
{
	struct str old;
	struct entry *all = calloc(p->n_flows + 1u, sizeof(*all));
	uint32_t i;
	size_t n = 0;
	enum kodo_err err = all == NULL ? KODO_ENOMEM : probe_results_get(t, node, &old);

	*changed = false;
	for (i = 0; err == KODO_OK && i < p->n_flows; i++) {
		struct entry e = { .flow = probe_flow_id(p, i) };

		e.result = result_find(old, e.flow);
		if (e.flow == flow) {
			*changed |= e.result.verdict != result.verdict;
			e.result = result;
		}
		if (e.result.at_us != 0)
			all[n++] = e;
	}
	if (n > 1)
		qsort(all, n, sizeof(*all), entry_compare);
	if (err == KODO_OK)
		err = entries_put(t, node, all, n);
	free(all);
	return err;
}

enum kodo_err
probe_results_del(struct txn *t, uint32_t node)
{
	unsigned char k[4];

	return store_del(t, T_PROBE, key_u32(k, node));
}
