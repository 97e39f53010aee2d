/*
 * Any bytes as a packed node: what packed_check lets pass can be read to its end without looking
 * outside.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/flow/packed.h"
#include "core/wire/jread.h"

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

	packed_flow(p, i, &f);
	must(packed_raw(a, f.url, &text) == KODO_OK);
	must(packed_raw(a, f.name, &text) == KODO_OK);
	must(packed_raw(a, f.author, &text) == KODO_OK);
	must(packed_raw(a, f.description, &text) == KODO_OK);
	must(packed_tags(a, f.tags, &tags, &n) == KODO_OK);
	must(packed_flow_at(p, 0, (size_t)(f.folded.p - p->texts.p)) == i);
	must(packed_flow_at(p, i / 2, (size_t)(f.folded.p - p->texts.p) + f.folded.len) == i);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct str bytes = { (const char *)data, n };
	struct buf out = BUF_INIT(0);
	struct arena *a;
	struct packed p;
	uint32_t i;

	if (packed_check(bytes, NULL) != KODO_OK)
		return 0;
	a = arena_new();
	must(a != NULL);
	must(packed_open(bytes, &p) == KODO_OK);
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
