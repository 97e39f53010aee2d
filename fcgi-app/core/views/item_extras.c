#include "core/base/json.h"
#include "core/probe/probe.h"
#include "core/views/item_extras.h"

static void
put_state(struct buf *out, const struct flows_node *n, uint32_t flow)
{
	(void)flow;
	json_put_str(out, n->liveness.state);
}

static void
put_heard(struct buf *out, const struct flows_node *n, uint32_t flow)
{
	(void)flow;
	json_put_time(out, n->liveness.heard_us, false);
}

static void
put_probe(struct buf *out, const struct flows_node *n, uint32_t flow)
{
	json_put_str(out, probe_names[probe_result_of(n->probes, &n->p, flow).verdict]);
}

/* Of a damaged flow nothing is written: that was said where its item was. */
static void
put_entry(struct buf *out, const struct flows_node *n, uint32_t flow)
{
	struct packed_flow f;

	if (packed_flow(&n->p, flow, &f) == KODO_OK && f.entry.p != NULL)
		buf_put_str(out, f.entry);
	else
		buf_puts(out, "null");
}

static void
put_registry(struct buf *out, const struct flows_node *n, uint32_t flow)
{
	(void)flow;
	json_put_str(out, n->registry);
}

static const struct {
	enum query_field field;
	void (*put)(struct buf *out, const struct flows_node *n, uint32_t flow);
} extras[] = {
	{ QUERY_STATE, put_state },
	{ QUERY_HEARD, put_heard },
	{ QUERY_PROBE, put_probe },
	{ QUERY_ENTRY, put_entry },
	{ QUERY_REGISTRY, put_registry },
};

#define N_EXTRAS	(sizeof(extras) / sizeof(extras[0]))

static bool
extra_find(struct str name, unsigned *bits)
{
	size_t i;

	for (i = 0; i < N_EXTRAS; i++)
		if (str_eq(name, str_of(query_field_name(extras[i].field)))) {
			*bits |= QUERY_BIT(extras[i].field);
			return true;
		}
	return false;
}

enum kodo_err
item_extras_read(struct str list, unsigned *out)
{
	const char *end;
	struct str one;

	*out = 0;
	while (list.len > 0) {
		end = memchr(list.p, ',', list.len);
		one = (struct str){ list.p, end == NULL ? list.len : (size_t)(end - list.p) };
		if (!extra_find(one, out))
			return KODO_EINVAL;
		list = end == NULL ? STR_NULL : (struct str){ end + 1, list.len - one.len - 1 };
	}
	return KODO_OK;
}

void
item_extras_put(struct buf *out, unsigned asked, const struct flows_node *n, uint32_t flow)
{
	size_t i;

	for (i = 0; i < N_EXTRAS; i++) {
		if ((asked & QUERY_BIT(extras[i].field)) == 0)
			continue;
		buf_putc(out, ',');
		json_put_key(out, query_field_name(extras[i].field));
		extras[i].put(out, n, flow);
	}
}
