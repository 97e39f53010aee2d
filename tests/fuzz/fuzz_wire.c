/*
 * Any bytes as a body of each kind and as a cache file: what is taken must be whole nodes, and no
 * answer but JSON comes out of what is refused.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/limit.h"
#include "core/flow/packed.h"
#include "core/wire/jread.h"
#include "core/wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

static void
look_at_nodes(const struct wire_node *nodes, size_t n, struct buf *out)
{
	struct packed p;
	size_t i;

	for (i = 0; i < n; i++) {
		must(packed_check(nodes[i].bytes, NULL) == KODO_OK);
		must(packed_open(nodes[i].bytes, &p) == KODO_OK);
		must(nodes[i].key.p != NULL && nodes[i].version <= LIMIT_VERSION_MAX);
		packed_put_node(out, &p, 0, 0);
	}
}

/* What we write must be readable again. */
static void
look_at_json(const struct buf *out)
{
	struct jread_fault fault;
	struct str value;

	must(!buf_failed(out));
	must(jread_check(buf_str(out), &value, &fault));
}

static void
read_kind(struct arena *a, enum wire_kind kind, struct str json)
{
	struct buf out = BUF_INIT(0);
	struct wire_body body;
	struct wire_refusal no;
	enum kodo_err err;

	err = wire_read(a, kind, json, 1736776800000000, STR("http://own:1"), &body, &no);
	must(err == KODO_OK || err == KODO_EINVAL);
	if (err == KODO_OK) {
		must(body.from.url.p != NULL && body.from_key.p != NULL);
		buf_puts(&out, "[{");
		wire_put_greeting(&out, &body.from);
		buf_puts(&out, "},[");
		look_at_nodes(body.nodes, body.n_nodes > 0 ? 1 : 0, &out);
		buf_puts(&out, "]]");
		look_at_json(&out);
		buf_reset(&out);
		look_at_nodes(body.nodes, body.n_nodes, &out);
	} else {
		must(no.detail.p != NULL || no.n_errors > 0);
		wire_put_error(&out, 400, no.detail.p != NULL ? no.detail : STR("x"), no.errors,
		    no.n_errors);
		look_at_json(&out);
	}
	buf_free(&out);
	arena_reset(a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const enum wire_kind kinds[] = { WIRE_CONNECT, WIRE_UPDATE, WIRE_DEFAULT,
	    WIRE_DISCONNECT, WIRE_ANSWER };
	const struct str json = { (const char *)data, n };
	struct arena *a = arena_new();
	struct buf out = BUF_INIT(0);
	struct wire_cache cache;
	struct why why;
	size_t i;

	must(a != NULL);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		read_kind(a, kinds[i], json);
	if (wire_read_cache(a, json, &cache, &why) == KODO_OK) {
		for (i = 0; i < cache.n_providers; i++)
			look_at_nodes(cache.providers[i].nodes, cache.providers[i].n_nodes, &out);
	}
	buf_free(&out);
	arena_free(a);
	return 0;
}
