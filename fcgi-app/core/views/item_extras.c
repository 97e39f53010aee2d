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
put_queries(struct buf *out, const struct flows_node *n, uint32_t flow)
{
	struct packed_flow f;

	if (packed_flow(&n->p, flow, &f) == KODO_OK && f.queries.p != NULL)
		buf_put_str(out, f.queries);
	else
		buf_puts(out, "[]");
}

static void
put_registry(struct buf *out, const struct flows_node *n, uint32_t flow)
{
	(void)flow;
	json_put_str(out, n->registry);
}

/* What no question can be about has a bit of its own, behind those of the fields. */
#define EXTRA_QUERIES	31u

static const struct {
	unsigned bit;
	const char *name;	/* NULL: that of the field */
	void (*put)(struct buf *out, const struct flows_node *n, uint32_t flow);
} extras[] = {
	{ QUERY_STATE, NULL, put_state },
	{ QUERY_HEARD, NULL, put_heard },
	{ QUERY_PROBE, NULL, put_probe },
	{ QUERY_ENTRY, NULL, put_entry },
	{ QUERY_REGISTRY, NULL, put_registry },
	{ EXTRA_QUERIES, "queries", put_queries },
};

#define N_EXTRAS	(sizeof(extras) / sizeof(extras[0]))

static const char *
extra_name(size_t i)
{
	return extras[i].name != NULL ? extras[i].name :
	    query_field_name((enum query_field)extras[i].bit);
}

static bool
extra_find(struct str name, unsigned *bits)
{
	size_t i;

	for (i = 0; i < N_EXTRAS; i++)
		if (str_eq(name, str_of(extra_name(i)))) {
			*bits |= QUERY_BIT(extras[i].bit);
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
		if ((asked & QUERY_BIT(extras[i].bit)) == 0)
			continue;
		buf_putc(out, ',');
		json_put_key(out, extra_name(i));
		extras[i].put(out, n, flow);
	}
}
