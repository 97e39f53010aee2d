#include <stdlib.h>

#include "core/base/hash.h"
#include "core/base/json.h"
#include "core/base/limit.h"
#include "core/base/url.h"
#include "core/records/changelog.h"
#include "core/records/known.h"
#include "core/views/changes.h"
#include "core/views/flows_each.h"

#define AT_BITS		40u	/* 10^12 changes; 13 bits of a JSON number are left for the stamp */
#define AT_MASK		((1ull << AT_BITS) - 1)
#define STAMPS		((LIMIT_VERSION_MAX >> AT_BITS) + 1)
#define LOOK_MAX	20000u	/* entries that one answer may look at */

/* --- numbers --- */

/* 1 to STAMPS - 1. of: 0, or for places before log_floor one more than that. */
static uint64_t
stamp(const struct head *h, uint64_t of)
{
	const uint64_t both[2] = { h->state_id, of };
	const struct str bytes = { (const char *)both, sizeof(both) };

	return 1 + hash_text(HASH_STORED, bytes) % (STAMPS - 1);
}

uint64_t
changes_number(const struct head *h, uint64_t at)
{
	return stamp(h, at < h->log_floor ? h->log_floor + 1 : 0) << AT_BITS | (at & AT_MASK);
}

uint64_t
changes_last(const struct head *h)
{
	return changes_number(h, h->logged);
}

enum kodo_err
changes_place(const struct head *h, uint64_t number, uint64_t *at)
{
	*at = number & AT_MASK;
	if (number == 0 || (*at <= h->logged && number == changes_number(h, *at)))
		return KODO_OK;
	return KODO_ENOTFOUND;
}

/* --- what a client was told --- */

struct changes_told {
	unsigned char *bits;
	size_t n;		/* bytes; nodes of higher ids were not told */
};

static enum kodo_err
told_add(struct flows_each *e, const struct flows_node *n, uint32_t flow)
{
	struct changes_told *told = e->arg;
	const size_t need = n->id / 8 + 1;
	unsigned char *bits;

	(void)flow;
	if (n->id >= e->v->head.next_node)
		return KODO_ECORRUPT;
	if (need > told->n) {
		bits = realloc(told->bits, need * 2);
		if (bits == NULL)
			return KODO_ENOMEM;
		memset(bits + told->n, 0, need * 2 - told->n);
		told->bits = bits;
		told->n = need * 2;
	}
	told->bits[n->id / 8] |= (unsigned char)(1u << n->id % 8);
	return KODO_OK;
}

enum kodo_err
changes_told_new(struct view *v, struct query *q, struct changes_told **out)
{
	struct flows_each e = { .v = v, .q = q, .each = told_add };
	enum kodo_err err;

	*out = e.arg = calloc(1, sizeof(**out));
	if (*out == NULL)
		return KODO_ENOMEM;
	err = flows_each(&e);
	if (err == KODO_OK)
		return KODO_OK;
	changes_told_free(*out);
	*out = NULL;
	return err;
}

void
changes_told_free(struct changes_told *told)
{
	if (told == NULL)
		return;
	free(told->bits);
	free(told);
}

static bool
is_told(const struct changes_told *told, uint32_t node)
{
	return told == NULL || (node / 8 < told->n && (told->bits[node / 8] >> node % 8 & 1) != 0);
}

/* --- finding --- */

struct finder {
	struct arena *a;
	const struct changes_query *cq;
	struct flows_each each;
	struct changes_item *items;
	size_t n, cap, cap_flows;
	uint64_t bytes;
};

static enum kodo_err
flow_add(struct flows_each *e, const struct flows_node *n, uint32_t flow)
{
	struct finder *f = e->arg;
	struct changes_item *item = &f->items[f->n];

	(void)n;
	item->flows =
	    arena_grow(f->a, item->flows, item->n_flows, &f->cap_flows, sizeof(*item->flows));
	if (item->flows == NULL)
		return KODO_ENOMEM;
	item->flows[item->n_flows++] = flow;
	return KODO_OK;
}

/* The flows that match. A node without any is gone, for this client. */
static enum kodo_err
item_narrow(struct finder *f, struct changes_item *item)
{
	struct packed p;
	enum kodo_err err = packed_open(item->said.bytes, &p);

	if (err != KODO_OK || query_is_all(f->cq->q))
		return err;
	f->cap_flows = 0;
	err = flows_each_node(&f->each, item->node, &item->said);
	if (err == KODO_OK && item->n_flows == 0) {
		item->is_seen = false;
		item->said.bytes = p.url;
	}
	return err;
}

static enum kodo_err
item_read(struct finder *f, const struct changelog_entry *entry)
{
	struct changes_item *item = &f->items[f->n];
	struct known known;
	struct packed p;
	enum kodo_err err = known_get(&f->each.v->t, entry->node, &known);

	*item = (struct changes_item){ .at = entry->at, .node = entry->node,
		.is_seen = known.is_seen && known.verdict == VERDICT_SHOWN,
		.said = known.is_seen ? known.winner : known.tomb };
	if (err == KODO_OK && !known.is_seen && !known.is_gone)
		err = KODO_ECORRUPT;
	if (err != KODO_OK || !known.is_seen)
		return err;
	if (item->is_seen)
		return item_narrow(f, item);
	err = packed_open(item->said.bytes, &p);
	item->said.bytes = p.url;
	return err;
}

/* Take the item just read, unless the client need not know of it. */
static void
item_keep(struct finder *f)
{
	const struct changes_item *item = &f->items[f->n];

	if (!item->is_seen && (f->cq->behind == 0 || !is_told(f->cq->told, item->node)))
		return;
	f->bytes += item->said.bytes.len;
	f->n++;
}

static bool
is_full(const struct finder *f, uint64_t looked)
{
	return f->n == f->cq->limit || f->bytes >= LIMIT_ANSWER_NODES_BYTES ||
	    looked == (f->cq->look_max == 0 ? LOOK_MAX : f->cq->look_max);
}

static enum kodo_err
find(struct finder *f, struct changes *out)
{
	struct scan s = changelog_scan(&f->each.v->t, f->cq->behind);
	struct changelog_entry entry;
	uint64_t looked = 0;

	while (changelog_next(&s, &entry)) {
		out->is_more = is_full(f, looked++);
		if (out->is_more)
			break;
		f->items = arena_grow(f->a, f->items, f->n, &f->cap, sizeof(*f->items));
		s.err = f->items == NULL ? KODO_ENOMEM : item_read(f, &entry);
		if (s.err == KODO_OK)
			item_keep(f);
		out->at = entry.at;
		arena_reset(f->each.scratch);
	}
	return scan_end(&s);
}

enum kodo_err
changes_find(
    struct view *v, struct arena *a, const struct changes_query *cq, struct changes *out)
{
	struct finder f = { .a = a, .cq = cq,
		.each = { .v = v, .q = cq->q, .each = flow_add, .scratch = arena_new() } };
	enum kodo_err err;

	*out = (struct changes){ .at = cq->behind };
	if (f.each.scratch == NULL)
		return KODO_ENOMEM;
	f.each.arg = &f;
	err = find(&f, out);
	arena_free(f.each.scratch);
	out->items = f.items;
	out->n = f.n;
	if (!out->is_more)
		out->at = v->head.logged;
	return err;
}

/* --- rendering --- */

static enum kodo_err
put_node(struct view *v, const struct changes_item *item, struct buf *b)
{
	struct flows_node n;
	enum kodo_err err =
	    flows_node_open(v, item->node, &item->said, CHANGES_NOT_ASKED, &n);

	if (err != KODO_OK)
		return err;
	buf_puts(b, ",\"state\":\"seen\",\"node\":");
	if (item->flows == NULL)
		packed_put_node(b, &n.p, n.created_us, n.modified_us);
	else
		packed_put_some(
		    b, &n.p, item->flows, item->n_flows, n.created_us, n.modified_us);
	return KODO_OK;
}

static enum kodo_err
put_item(struct view *v, struct arena *a, const struct changes_item *item, struct sink *out)
{
	struct buf *b = &out->buf;
	struct str url = item->said.bytes, key;
	struct packed p;
	enum kodo_err err = item->is_seen ? packed_open(item->said.bytes, &p) : KODO_OK;

	if (err == KODO_OK)
		err = url_key(a, item->is_seen ? p.url : url, &key);
	if (err != KODO_OK)
		return err == KODO_ENOMEM ? err : KODO_ECORRUPT;
	buf_puts(b, "{\"view\":");
	json_put_u64(b, changes_number(&v->head, item->at));
	buf_puts(b, ",\"url\":");
	json_put_str(b, key);
	if (item->is_seen)
		err = put_node(v, item, b);
	else
		buf_puts(b, ",\"state\":\"gone\"");
	buf_putc(b, '}');
	return err == KODO_OK ? sink_step(out) : err;
}

enum kodo_err
changes_put(struct view *v, struct arena *a, uint64_t since, const struct changes *found,
    struct sink *out)
{
	struct buf *b = &out->buf;
	size_t i;
	enum kodo_err err = KODO_OK;

	buf_puts(b, "{\"since\":");
	json_put_u64(b, since);
	buf_puts(b, ",\"view\":");
	json_put_u64(b, changes_number(&v->head, found->at));
	buf_puts(b, ",\"more\":");
	json_put_bool(b, found->is_more);
	buf_puts(b, ",\"changes\":[");
	for (i = 0; i < found->n && err == KODO_OK; i++) {
		if (i > 0)
			buf_putc(b, ',');
		err = put_item(v, a, &found->items[i], out);
	}
	buf_puts(b, "]}");
	return err == KODO_OK ? sink_end(out) : err;
}
