#include "core/base/json.h"
#include "core/base/utf8.h"
#include "core/flow/packed_private.h"

#define N_BUFS	9u

static void
bufs_of(struct packed_writer *w, struct buf *all[N_BUFS])
{
	all[0] = &w->prefix;
	all[1] = &w->folded;
	all[2] = &w->table;
	all[3] = &w->items;
	all[4] = &w->texts;
	all[5] = &w->entry_table;
	all[6] = &w->entries;
	all[7] = &w->query_table;
	all[8] = &w->queries;
}

void
packed_begin(struct packed_writer *w, struct str url, struct str organization)
{
	struct buf *all[N_BUFS];
	size_t i;

	bufs_of(w, all);
	for (i = 0; i < N_BUFS; i++)
		buf_reset(all[i]);
	w->url = url;
	w->organization = organization;
	w->n_flows = 0;
	w->too_big = false;
	buf_putc(&w->prefix, '"');
	json_put_inside(&w->prefix, url);
	buf_put_str(&w->prefix, STR(PACKED_FLOWS));
	utf8_fold(&w->folded, organization);
	buf_putc(&w->folded, ' ');
}

/* The bytes that b grew since it was from long, if they fit 16 bits. */
static uint16_t
grown(struct packed_writer *w, const struct buf *b, size_t from)
{
	size_t n = b->len - from;

	if (n > UINT16_MAX)
		w->too_big = true;
	return (uint16_t)n;
}

static uint16_t
put_member(struct packed_writer *w, struct str key, struct str value)
{
	size_t from;

	buf_put_str(&w->items, key);
	from = w->items.len;
	json_put_str(&w->items, value);
	return grown(w, &w->items, from);
}

static uint32_t
put_description(struct packed_writer *w, struct str description)
{
	size_t from;

	buf_put_str(&w->items, STR(PACKED_KEY_DESCRIPTION));
	from = w->items.len;
	json_put_str(&w->items, description);
	return (uint32_t)(w->items.len - from);
}

static void
put_tags(struct packed_writer *w, const struct flow *f)
{
	size_t i;

	buf_put_str(&w->items, STR(PACKED_KEY_TAGS "["));
	for (i = 0; i < f->n_tags; i++) {
		if (i > 0)
			buf_putc(&w->items, ',');
		json_put_str(&w->items, f->tags[i]);
	}
	buf_putc(&w->items, ']');
}

static void
put_text(struct packed_writer *w, const struct flow *f)
{
	struct buf *b = &w->texts;
	size_t i;

	buf_put_str(b, buf_str(&w->folded));
	utf8_fold(b, f->name);
	buf_putc(b, ' ');
	utf8_fold(b, f->author);
	buf_putc(b, ' ');
	utf8_fold(b, f->description);
	/* without tags the blank before them stays */
	for (i = 0; i < f->n_tags || i == 0; i++) {
		buf_putc(b, ' ');
		if (i < f->n_tags)
			utf8_fold(b, f->tags[i]);
	}
	buf_putc(b, '\0');
}

static void
put_row(struct buf *table, const uint32_t at[2], uint32_t description, const uint16_t small[4])
{
	unsigned char row[PACKED_ROW_BYTES];
	size_t i;

	put_le32(row + PACKED_ROW_ITEM, at[0]);
	put_le32(row + PACKED_ROW_TEXT, at[1]);
	put_le32(row + PACKED_ROW_DESCRIPTION, description);
	for (i = 0; i < 4; i++) {
		row[PACKED_ROW_URL + 2 * i] = (unsigned char)small[i];
		row[PACKED_ROW_URL + 2 * i + 1] = (unsigned char)(small[i] >> 8);
	}
	buf_put(table, row, sizeof(row));
}

static void
put_entry(struct packed_writer *w, struct str entry)
{
	buf_put_u32(&w->entry_table, (uint32_t)w->entries.len);
	if (entry.p != NULL)
		json_put_str(&w->entries, entry);
}

static void
put_queries(struct packed_writer *w, const struct flow *f)
{
	buf_put_u32(&w->query_table, (uint32_t)w->queries.len);
	if (f->n_queries > 0)
		json_put_texts(&w->queries, f->queries, f->n_queries);
}

void
packed_add(struct packed_writer *w, const struct flow *f)
{
	const uint32_t at[2] = { (uint32_t)w->items.len, (uint32_t)w->texts.len };
	uint32_t description;
	uint16_t small[4];	/* in the order of the row */
	size_t slashes = 0, from;

	while (slashes < f->url.len && f->url.p[slashes] == '/')
		slashes++;
	buf_put_str(&w->items, STR(PACKED_KEY_URL));
	from = w->items.len;
	buf_put_str(&w->items, buf_str(&w->prefix));
	json_put_inside(&w->items, (struct str){ f->url.p + slashes, f->url.len - slashes });
	buf_putc(&w->items, '"');
	small[0] = grown(w, &w->items, from);
	small[1] = put_member(w, STR(PACKED_KEY_NAME), f->name);
	small[2] = put_member(w, STR(PACKED_KEY_AUTHOR), f->author);
	small[3] = (uint16_t)slashes;
	if (slashes > UINT16_MAX)
		w->too_big = true;
	description = put_description(w, f->description);
	put_tags(w, f);
	put_text(w, f);
	put_row(&w->table, at, description, small);
	put_entry(w, f->entry);
	put_queries(w, f);
	w->n_flows++;
	if (w->items.len > UINT32_MAX || w->texts.len > UINT32_MAX
	    || w->entries.len > UINT32_MAX || w->queries.len > UINT32_MAX)
		w->too_big = true;
}

static uint32_t
len_of(struct str s)
{
	return s.p == NULL ? PACKED_NULL : (uint32_t)s.len;
}

/* The first failure of the buffers, as one of out. */
static bool
failed(struct packed_writer *w, size_t total, struct buf *out)
{
	struct buf *all[N_BUFS];
	size_t i;

	bufs_of(w, all);
	for (i = 0; i < N_BUFS && out->err == KODO_OK; i++)
		out->err = all[i]->err;
	if (out->err == KODO_OK && (w->too_big || total > UINT32_MAX))
		out->err = KODO_ETOOBIG;
	return buf_failed(out);
}

/* Bytes of a node of n_flows, which may be more than p->n_flows holds, without the rest. */
static size_t
base_size(const struct packed *p, uint64_t n_flows)
{
	return PACKED_HEADER_BYTES + p->url.len + p->organization.len + p->status.len +
	    (n_flows + 1) * PACKED_ROW_BYTES + p->items.len + p->texts.len;
}

static bool
has_rest(const struct packed *p)
{
	return p->audience.p != NULL || p->entries.len > 0 || p->queries.len > 0;
}

static size_t
size_of(const struct packed *p, uint64_t n_flows)
{
	return base_size(p, n_flows) + (has_rest(p) ? sizeof(uint32_t) + p->audience.len +
	    (n_flows + 1) * PACKED_OFFSET_BYTES + p->entries.len : 0) +
	    (p->queries.len > 0 ? (n_flows + 1) * PACKED_OFFSET_BYTES + p->queries.len : 0);
}

/* All before the table. */
static void
put_header(struct buf *out, const struct packed *p)
{
	buf_put_u32(out, PACKED_MAGIC);
	buf_put_u32(out, (uint32_t)base_size(p, p->n_flows));
	buf_put_u64(out, (uint64_t)p->heartbeat_us);
	buf_put_u32(out, p->n_flows);
	buf_put_u32(out, len_of(p->url));
	buf_put_u32(out, len_of(p->organization));
	buf_put_u32(out, len_of(p->status));
	buf_put_u32(out, (uint32_t)p->items.len);
	buf_put_u32(out, p->prefix_len);
	buf_put_str(out, p->url);
	buf_put_str(out, p->organization);
	buf_put_str(out, p->status);
}

/* The queries of the whole, if it has any. */
static void
put_all_queries(
    struct buf *out, const struct packed *whole, const struct packed *ranges, size_t n)
{
	uint32_t at = 0, j;
	size_t i;

	if (whole->queries.len == 0)
		return;
	for (i = 0; i < n; i++) {
		for (j = 0; j < ranges[i].n_flows; j++)
			buf_put_u32(out, at + packed_queries_at(&ranges[i], j));
		at += (uint32_t)ranges[i].queries.len;
	}
	buf_put_u32(out, at);
	for (i = 0; i < n; i++)
		buf_put_str(out, ranges[i].queries);
}

/* The rest of the whole that the ranges make, if it has one. */
static void
put_rest(struct buf *out, const struct packed *whole, const struct packed *ranges, size_t n)
{
	uint32_t at = 0, j;
	size_t i;

	if (!has_rest(whole))
		return;
	buf_put_u32(out, len_of(whole->audience));
	buf_put_str(out, whole->audience);
	for (i = 0; i < n; i++) {
		for (j = 0; j < ranges[i].n_flows; j++)
			buf_put_u32(out, at + packed_entry_at(&ranges[i], j));
		at += (uint32_t)ranges[i].entries.len;
	}
	buf_put_u32(out, at);
	for (i = 0; i < n; i++)
		buf_put_str(out, ranges[i].entries);
	put_all_queries(out, whole, ranges, n);
}

/* The node that w has gathered; its tables lie in w. */
static struct packed
gathered(const struct packed_writer *w, const struct packed_end *end)
{
	return (struct packed){ .url = w->url, .organization = w->organization,
		.status = end->status, .audience = end->audience,
		.heartbeat_us = end->heartbeat_us, .n_flows = w->n_flows,
		.prefix_len = (uint32_t)w->prefix.len, .items = buf_str(&w->items),
		.texts = buf_str(&w->texts), .entries = buf_str(&w->entries),
		.entry_table = (const unsigned char *)w->entry_table.p,
		.queries = buf_str(&w->queries),
		.query_table = (const unsigned char *)w->query_table.p };
}

size_t
packed_size(const struct packed_writer *w, const struct packed_end *end)
{
	const struct packed p = gathered(w, end);

	return size_of(&p, p.n_flows);
}

void
packed_end(struct packed_writer *w, const struct packed_end *end, struct buf *out)
{
	const uint32_t ends[2] = { (uint32_t)w->items.len, (uint32_t)w->texts.len };
	static const uint16_t none[4];
	const struct packed p = gathered(w, end);
	const size_t total = size_of(&p, p.n_flows);

	put_row(&w->table, ends, 0, none);
	if (failed(w, total, out) || buf_room(out, total) == NULL)
		return;
	put_header(out, &p);
	buf_put_str(out, buf_str(&w->table));
	buf_put_str(out, p.items);
	buf_put_str(out, p.texts);
	put_rest(out, &p, &p, 1);
}

void
packed_writer_free(struct packed_writer *w)
{
	struct buf *all[N_BUFS];
	size_t i;

	bufs_of(w, all);
	for (i = 0; i < N_BUFS; i++)
		buf_free(all[i]);
}

void
packed_write(struct buf *out, const struct node *n)
{
	struct packed_writer w = PACKED_WRITER_INIT;
	size_t i;

	packed_begin(&w, n->url, n->organization);
	for (i = 0; i < n->n_flows; i++)
		packed_add(&w, &n->flows[i]);
	packed_end(&w, &(struct packed_end){ n->status, n->audience, n->heartbeat_us }, out);
	packed_writer_free(&w);
}

/* --- joining --- */

/* Are two the same node but for its flows? */
static bool
is_like(const struct packed *x, const struct packed *y)
{
	return str_eq(x->url, y->url) && str_eq(x->organization, y->organization) &&
	    (x->organization.p == NULL) == (y->organization.p == NULL) &&
	    str_eq(x->status, y->status) && (x->status.p == NULL) == (y->status.p == NULL) &&
	    str_eq(x->audience, y->audience) &&
	    (x->audience.p == NULL) == (y->audience.p == NULL) &&
	    x->heartbeat_us == y->heartbeat_us && x->prefix_len == y->prefix_len;
}

/* All but bytes and table of the node that the ranges make, and its size. */
static enum kodo_err
whole_of(const struct packed *ranges, size_t n, struct packed *out, size_t *size)
{
	uint64_t n_flows = 0;
	size_t i;

	*out = ranges[0];
	out->items.len = out->texts.len = out->entries.len = out->queries.len = 0;
	for (i = 0; i < n; i++) {
		if (!is_like(&ranges[0], &ranges[i]))
			return KODO_EINVAL;
		n_flows += ranges[i].n_flows;
		out->items.len += ranges[i].items.len;
		out->texts.len += ranges[i].texts.len;
		out->entries.len += ranges[i].entries.len;
		out->queries.len += ranges[i].queries.len;
	}
	out->n_flows = (uint32_t)n_flows;
	*size = size_of(out, n_flows);
	return *size > UINT32_MAX ? KODO_ETOOBIG : KODO_OK;
}

/* The rows of all ranges, their offsets raised by the lengths before, and the last row. */
static void
put_rows(struct buf *out, const struct packed *ranges, size_t n)
{
	static const uint16_t none[4];
	uint32_t at[2] = { 0, 0 };
	unsigned char row[PACKED_ROW_BYTES];
	uint32_t j;
	size_t i;

	for (i = 0; i < n; i++) {
		for (j = 0; j < ranges[i].n_flows; j++) {
			memcpy(row, ranges[i].table + (size_t)j * PACKED_ROW_BYTES, sizeof(row));
			put_le32(row + PACKED_ROW_ITEM,
			    at[0] + get_le32(row + PACKED_ROW_ITEM));
			put_le32(row + PACKED_ROW_TEXT,
			    at[1] + get_le32(row + PACKED_ROW_TEXT));
			buf_put(out, row, sizeof(row));
		}
		at[0] += (uint32_t)ranges[i].items.len;
		at[1] += (uint32_t)ranges[i].texts.len;
	}
	put_row(out, at, 0, none);
}

void
packed_join(struct buf *out, const struct packed *ranges, size_t n)
{
	struct packed whole;
	size_t size, i;

	if (buf_failed(out))
		return;
	out->err = whole_of(ranges, n, &whole, &size);
	if (buf_failed(out) || buf_room(out, size) == NULL)
		return;
	put_header(out, &whole);
	put_rows(out, ranges, n);
	for (i = 0; i < n; i++)
		buf_put_str(out, ranges[i].items);
	for (i = 0; i < n; i++)
		buf_put_str(out, ranges[i].texts);
	put_rest(out, &whole, ranges, n);
}
