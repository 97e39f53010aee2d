/*
 * Any bytes as a packed node: what packed_open lets pass is read without looking outside, and what
 * packed_check lets pass without a failure.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/flow/packed.h"
#include "core/wire/jread.h"

#define READ_MAX	(1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
look_at_json(const struct buf *out)
{
	struct jread_fault fault;
	struct str value;

	must(!buf_failed(out));
	must(jread_check(buf_str(out), &value, &fault));
}

static void
look_at_flow(struct arena *a, const struct packed *p, uint32_t i)
{
	struct packed_flow f;
	const struct str *tags;
	struct str text;
	size_t n;

	must(packed_flow(p, i, &f) == KODO_OK);
	must(packed_raw(a, f.url, &text) == KODO_OK);
	must(packed_raw(a, f.name, &text) == KODO_OK);
	must(packed_raw(a, f.author, &text) == KODO_OK);
	must(packed_raw(a, f.description, &text) == KODO_OK);
	must(packed_tags(a, f.tags, &tags, &n) == KODO_OK);
	must(f.entry.p == NULL || packed_raw(a, f.entry, &text) == KODO_OK);
	must(packed_flow_at(p, 0, (size_t)(f.folded.p - p->texts.p)) == i);
	must(packed_flow_at(p, i / 2, (size_t)(f.folded.p - p->texts.p) + f.folded.len) == i);
}

static void
read_unchecked(const struct packed *p)
{
	struct buf out = BUF_INIT(READ_MAX);
	size_t off;
	uint32_t i;

	for (i = 0; i < p->n_flows; i++) {
		(void)packed_name(p, i);
		packed_put_item(&out, p, i, 1, 2, STR("[]"));
	}
	packed_put_node(&out, p, 1, 2);
	for (off = 0; off < p->texts.len; off++)
		must(packed_flow_at(p, 0, off) < p->n_flows);
	must(packed_range_end(p, 0, 100) <= p->n_flows);
	buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct str bytes = { (const char *)data, n };
	struct buf out = BUF_INIT(0);
	struct arena *a;
	struct packed p;
	uint32_t i;

	if (packed_open(bytes, &p) != KODO_OK)
		return 0;
	read_unchecked(&p);
	if (packed_check(bytes, NULL) != KODO_OK)
		return 0;
	a = arena_new();
	must(a != NULL);
	packed_put_node(&out, &p, 1, 2);
	look_at_json(&out);
	for (i = 0; i < p.n_flows; i++) {
		look_at_flow(a, &p, i);
		buf_reset(&out);
		packed_put_item(&out, &p, i, 1, 2, STR_NULL);
		look_at_json(&out);
	}
	buf_free(&out);
	arena_free(a);
	return 0;
}
