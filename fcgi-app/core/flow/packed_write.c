#include "core/base/json.h"
#include "core/base/utf8.h"
#include "core/flow/packed_private.h"

void
packed_begin(struct packed_writer *w, struct str url, struct str organization)
{
	struct buf *const all[] = { &w->prefix, &w->folded, &w->table, &w->items, &w->texts };
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
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

	packed_set_u32(row + PACKED_ROW_ITEM, at[0]);
	packed_set_u32(row + PACKED_ROW_TEXT, at[1]);
	packed_set_u32(row + PACKED_ROW_DESCRIPTION, description);
	for (i = 0; i < 4; i++) {
		row[PACKED_ROW_URL + 2 * i] = (unsigned char)small[i];
		row[PACKED_ROW_URL + 2 * i + 1] = (unsigned char)(small[i] >> 8);
	}
	buf_put(table, row, sizeof(row));
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
	w->n_flows++;
	if (w->items.len > UINT32_MAX || w->texts.len > UINT32_MAX)
		w->too_big = true;
}

static uint32_t
len_of(struct str s)
{
	return s.p == NULL ? PACKED_NULL : (uint32_t)s.len;
}

/* The first failure of the pieces, as one of out. */
static bool
failed(const struct packed_writer *w, size_t total, struct buf *out)
{
	const struct buf *const all[] = { &w->prefix, &w->folded, &w->table, &w->items, &w->texts };
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]) && out->err == KODO_OK; i++)
		out->err = all[i]->err;
	if (out->err == KODO_OK && (w->too_big || total > UINT32_MAX))
		out->err = KODO_ETOOBIG;
	return buf_failed(out);
}

size_t
packed_size(const struct packed_writer *w, struct str status)
{
	const size_t table = ((size_t)w->n_flows + 1) * PACKED_ROW_BYTES;

	return PACKED_HEADER_BYTES + w->url.len + w->organization.len + status.len + table
	    + w->items.len + w->texts.len;
}

void
packed_end(struct packed_writer *w, struct str status, int64_t heartbeat_us, struct buf *out)
{
	const uint32_t ends[2] = { (uint32_t)w->items.len, (uint32_t)w->texts.len };
	static const uint16_t none[4];
	const size_t total = packed_size(w, status);

	put_row(&w->table, ends, 0, none);
	if (failed(w, total, out) || buf_room(out, total) == NULL)
		return;
	buf_put_u32(out, PACKED_MAGIC);
	buf_put_u32(out, (uint32_t)total);
	buf_put_u64(out, (uint64_t)heartbeat_us);
	buf_put_u32(out, w->n_flows);
	buf_put_u32(out, len_of(w->url));
	buf_put_u32(out, len_of(w->organization));
	buf_put_u32(out, len_of(status));
	buf_put_u32(out, (uint32_t)w->items.len);
	buf_put_u32(out, (uint32_t)w->prefix.len);
	buf_put_str(out, w->url);
	buf_put_str(out, w->organization);
	buf_put_str(out, status);
	buf_put_str(out, buf_str(&w->table));
	buf_put_str(out, buf_str(&w->items));
	buf_put_str(out, buf_str(&w->texts));
}

void
packed_writer_free(struct packed_writer *w)
{
	buf_free(&w->prefix);
	buf_free(&w->folded);
	buf_free(&w->table);
	buf_free(&w->items);
	buf_free(&w->texts);
}

void
packed_write(struct buf *out, const struct node *n)
{
	struct packed_writer w = PACKED_WRITER_INIT;
	size_t i;

	packed_begin(&w, n->url, n->organization);
	for (i = 0; i < n->n_flows; i++)
		packed_add(&w, &n->flows[i]);
	packed_end(&w, n->status, n->heartbeat_us, out);
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
	    x->heartbeat_us == y->heartbeat_us && x->prefix_len == y->prefix_len;
}

struct sums {
	uint64_t n_flows, items, texts, total;
};

static enum kodo_err
sums_of(const struct packed *runs, size_t n, struct sums *out)
{
	size_t i;

	*out = (struct sums){ 0 };
	for (i = 0; i < n; i++) {
		if (!is_like(&runs[0], &runs[i]))
			return KODO_EINVAL;
		out->n_flows += runs[i].n_flows;
		out->items += runs[i].items.len;
		out->texts += runs[i].texts.len;
	}
	out->total = PACKED_HEADER_BYTES + runs[0].url.len + runs[0].organization.len +
	    runs[0].status.len + (out->n_flows + 1) * PACKED_ROW_BYTES + out->items + out->texts;
	return out->total > UINT32_MAX ? KODO_ETOOBIG : KODO_OK;
}

/* The rows of all runs, whose offsets rise by what lies before, and the last one. */
static void
put_rows(struct buf *out, const struct packed *runs, size_t n)
{
	static const uint16_t none[4];
	uint32_t at[2] = { 0, 0 };
	unsigned char row[PACKED_ROW_BYTES];
	uint32_t j;
	size_t i;

	for (i = 0; i < n; i++) {
		for (j = 0; j < runs[i].n_flows; j++) {
			memcpy(row, runs[i].table + (size_t)j * PACKED_ROW_BYTES, sizeof(row));
			packed_set_u32(row + PACKED_ROW_ITEM,
			    at[0] + packed_get_u32(row + PACKED_ROW_ITEM));
			packed_set_u32(row + PACKED_ROW_TEXT,
			    at[1] + packed_get_u32(row + PACKED_ROW_TEXT));
			buf_put(out, row, sizeof(row));
		}
		at[0] += (uint32_t)runs[i].items.len;
		at[1] += (uint32_t)runs[i].texts.len;
	}
	put_row(out, at, 0, none);
}

void
packed_join(struct buf *out, const struct packed *runs, size_t n)
{
	struct sums sums;
	size_t i;

	if (buf_failed(out))
		return;
	out->err = sums_of(runs, n, &sums);
	if (buf_failed(out) || buf_room(out, sums.total) == NULL)
		return;
	buf_put_u32(out, PACKED_MAGIC);
	buf_put_u32(out, (uint32_t)sums.total);
	buf_put_u64(out, (uint64_t)runs[0].heartbeat_us);
	buf_put_u32(out, (uint32_t)sums.n_flows);
	buf_put_u32(out, len_of(runs[0].url));
	buf_put_u32(out, len_of(runs[0].organization));
	buf_put_u32(out, len_of(runs[0].status));
	buf_put_u32(out, (uint32_t)sums.items);
	buf_put_u32(out, runs[0].prefix_len);
	buf_put_str(out, runs[0].url);
	buf_put_str(out, runs[0].organization);
	buf_put_str(out, runs[0].status);
	put_rows(out, runs, n);
	for (i = 0; i < n; i++)
		buf_put_str(out, runs[i].items);
	for (i = 0; i < n; i++)
		buf_put_str(out, runs[i].texts);
}
