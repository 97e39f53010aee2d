#include "core/base/ascii.h"
#include "core/base/isotime.h"
#include "core/base/json.h"
#include "core/base/utf8.h"
#include "core/flow/packed_private.h"

static const unsigned char *
row_of(const struct packed *p, uint32_t i)
{
	return p->table + (size_t)i * PACKED_ROW_BYTES;
}

/* The next n bytes of rest, or a null for PACKED_NULL, or false where there are not as many. */
static bool
take(struct str *rest, uint32_t n, struct str *out)
{
	*out = STR_NULL;
	if (n == PACKED_NULL)
		return true;
	if (n > rest->len)
		return false;
	*out = (struct str){ rest->p, n };
	rest->p += n;
	rest->len -= n;
	return true;
}

struct str
packed_base(struct str bytes)
{
	const unsigned char *h = (const unsigned char *)bytes.p;

	if (bytes.len < PACKED_HEADER_BYTES || get_le32(h + PACKED_AT_MAGIC) != PACKED_MAGIC
	    || get_le32(h + PACKED_AT_LEN) > bytes.len)
		return bytes;
	return (struct str){ bytes.p, get_le32(h + PACKED_AT_LEN) };
}

/* rest: what follows the entries. */
static bool
queries_open(struct packed *out, struct str rest)
{
	const uint64_t table_len = ((uint64_t)out->n_flows + 1) * PACKED_OFFSET_BYTES;
	struct str table;

	if (table_len > rest.len || !take(&rest, (uint32_t)table_len, &table))
		return false;
	out->query_table = (const unsigned char *)table.p;
	out->queries = rest;
	return rest.len > 0 && packed_queries_at(out, 0) == 0
	    && packed_queries_at(out, out->n_flows) == rest.len;
}

/* rest: what follows the base. */
static bool
rest_open(struct packed *out, struct str rest)
{
	const uint64_t table_len = ((uint64_t)out->n_flows + 1) * PACKED_OFFSET_BYTES;
	struct str length, table;

	if (rest.len == 0)
		return true;
	if (!take(&rest, sizeof(uint32_t), &length)
	    || !take(&rest, get_le32((const unsigned char *)length.p), &out->audience)
	    || table_len > rest.len || !take(&rest, (uint32_t)table_len, &table))
		return false;
	out->entry_table = (const unsigned char *)table.p;
	if (packed_entry_at(out, 0) != 0
	    || !take(&rest, packed_entry_at(out, out->n_flows), &out->entries))
		return false;
	return rest.len == 0 || queries_open(out, rest);
}

struct str
packed_digested(struct str bytes)
{
	struct packed p;

	if (packed_open(bytes, &p) != KODO_OK || p.query_table == NULL)
		return bytes;
	if (p.audience.p == NULL && p.entries.len == 0)
		return packed_base(bytes);
	return (struct str){ bytes.p, (size_t)((const char *)p.query_table - bytes.p) };
}

enum kodo_err
packed_open(struct str bytes, struct packed *out)
{
	const unsigned char *h = (const unsigned char *)bytes.p;
	const struct str base = packed_base(bytes);
	struct str rest, table;
	uint64_t table_len;

	memset(out, 0, sizeof(*out));
	if (bytes.p == NULL || base.len < PACKED_HEADER_BYTES
	    || get_le32(h + PACKED_AT_MAGIC) != PACKED_MAGIC
	    || get_le32(h + PACKED_AT_LEN) != base.len)
		return KODO_ECORRUPT;
	rest = (struct str){ bytes.p + PACKED_HEADER_BYTES, base.len - PACKED_HEADER_BYTES };
	out->bytes = bytes;
	out->heartbeat_us = (int64_t)get_le64(h + PACKED_AT_HEARTBEAT);
	out->n_flows = get_le32(h + PACKED_AT_FLOWS);
	out->prefix_len = get_le32(h + PACKED_AT_PREFIX);
	if (!take(&rest, get_le32(h + PACKED_AT_URL), &out->url) || out->url.p == NULL
	    || !take(&rest, get_le32(h + PACKED_AT_ORGANIZATION), &out->organization)
	    || !take(&rest, get_le32(h + PACKED_AT_STATUS), &out->status))
		return KODO_ECORRUPT;
	table_len = ((uint64_t)out->n_flows + 1) * PACKED_ROW_BYTES;
	if (table_len > rest.len || !take(&rest, (uint32_t)table_len, &table)
	    || !take(&rest, get_le32(h + PACKED_AT_ITEMS), &out->items)
	    || out->items.p == NULL)
		return KODO_ECORRUPT;
	out->texts = rest;
	out->table = (const unsigned char *)table.p;
	h = row_of(out, out->n_flows);
	if (get_le32(h + PACKED_ROW_ITEM) != out->items.len
	    || get_le32(h + PACKED_ROW_TEXT) != out->texts.len
	    || get_le32(out->table + PACKED_ROW_ITEM) != 0
	    || get_le32(out->table + PACKED_ROW_TEXT) != 0
	    || !rest_open(out, str_skip(bytes, base.len)))
		return KODO_ECORRUPT;
	return KODO_OK;
}

/* A text of one flow, from there to there among those of all. False: damaged. It has none: null. */
static inline bool
text_between(struct str all, size_t from, size_t to, struct str *out)
{
	*out = STR_NULL;
	if (from > to || to > all.len)
		return false;
	if (from < to)
		*out = (struct str){ all.p + from, to - from };
	return true;
}

static inline bool
entry_of(const struct packed *p, uint32_t i, struct str *out)
{
	return text_between(p->entries, packed_entry_at(p, i),
	    p->entry_table == NULL ? 0 : packed_entry_at(p, i + 1), out);
}

static inline bool
queries_of(const struct packed *p, uint32_t i, struct str *out)
{
	return text_between(p->queries, packed_queries_at(p, i),
	    p->query_table == NULL ? 0 : packed_queries_at(p, i + 1), out);
}

/* Null: damaged. */
static struct str
item_of(const struct packed *p, uint32_t i)
{
	struct str item = STR_NULL;

	return packed_between(row_of(p, i), PACKED_ROW_ITEM, p->items, &item) ? item : STR_NULL;
}

enum kodo_err
packed_flow(const struct packed *p, uint32_t i, struct packed_flow *out)
{
	const unsigned char *row = row_of(p, i);
	const size_t url = packed_get_u16(row + PACKED_ROW_URL);
	const size_t name = packed_get_u16(row + PACKED_ROW_NAME);
	const size_t author = packed_get_u16(row + PACKED_ROW_AUTHOR);
	const size_t description = get_le32(row + PACKED_ROW_DESCRIPTION);
	const char *at;

	if (!packed_between(row, PACKED_ROW_ITEM, p->items, &out->item)
	    || !packed_between(row, PACKED_ROW_TEXT, p->texts, &out->folded)
	    || url <= p->prefix_len || !entry_of(p, i, &out->entry)
	    || !queries_of(p, i, &out->queries)
	    || url + name + author + description + PACKED_ITEM_LEAST > out->item.len) {
		*out = (struct packed_flow){ .item = STR_NULL };
		return KODO_ECORRUPT;
	}
	out->folded.len--;
	at = out->item.p + PACKED_KEY_LEN(PACKED_KEY_URL);
	out->url = (struct str){ at, url };
	at += url + PACKED_KEY_LEN(PACKED_KEY_NAME);
	out->name = (struct str){ at, name };
	at += name + PACKED_KEY_LEN(PACKED_KEY_AUTHOR);
	out->author = (struct str){ at, author };
	at += author + PACKED_KEY_LEN(PACKED_KEY_DESCRIPTION);
	out->description = (struct str){ at, description };
	at += description + PACKED_KEY_LEN(PACKED_KEY_TAGS);
	out->tags = (struct str){ at, out->item.len - (size_t)(at - out->item.p) };
	return KODO_OK;
}

/*
 * Bytes of s, folded. is_json: less its escapes, which stand for one byte each; then *quotes is the
 * number of its quotes.
 */
static size_t
folded_len(struct str s, bool is_json, size_t *quotes)
{
	const uint64_t ones = 0x0101010101010101ull, high = ones << 7;
	size_t i = 0, n = 0;
	uint64_t w, plain;
	char c[4];

	*quotes = 0;
	while (i < s.len) {
		for (; s.len - i >= sizeof(w); i += sizeof(w), n += sizeof(w)) {
			memcpy(&w, s.p + i, sizeof(w));
			/* a byte beyond ASCII, or a backslash */
			plain = (w ^ ones * '\\') + (high - ones);
			if (((w | ~plain) & high) != 0)
				break;
			plain = (w ^ ones * '"') + (high - ones);
			*quotes += ((~plain & high) >> 7) * ones >> 56;	/* the sum of its bytes */
		}
		if (i == s.len)
			break;
		if (is_json && s.p[i] == '\\') {
			i += i + 1 < s.len && s.p[i + 1] == 'u' ? 6 : 2;
			n++;
		} else if ((signed char)s.p[i] >= 0) {
			*quotes += s.p[i++] == '"';
			n++;
		} else {
			n += utf8_fold_next(s, &i, c);
		}
	}
	return n;
}

/* The same of a JSON fragment: a text, null, or a list of texts, with blanks between them. */
static size_t
fragment_len(struct str json)
{
	size_t quotes, n;

	if (json.len < 2 || json.p[0] == 'n')
		return 0;
	n = folded_len((struct str){ json.p + 1, json.len - 2 }, true, &quotes);
	return n - quotes;
}

/* Nothing but ASCII that JSON writes as it is? */
static bool
is_plain(struct str s)
{
	const uint64_t ones = 0x0101010101010101ull, high = ones << 7, low = high - ones;
	uint64_t w, bad = 0;
	size_t i = 0;

	for (; s.len - i >= sizeof(w); i += sizeof(w)) {
		memcpy(&w, s.p + i, sizeof(w));
		/* a high bit where a byte is beyond ASCII, below a blank, a backslash, a quote */
		bad |= w | ~(w + ones * (0x80 - ' ')) | ~((w ^ ones * '\\') + low) |
		    ~((w ^ ones * '"') + low);
	}
	for (; i < s.len; i++)
		if ((signed char)s.p[i] < ' ' || s.p[i] == '\\' || s.p[i] == '"')
			return false;
	return (bad & high) == 0;
}

/*
 * The bounds from the lengths of the fragments alone, as reading the item costs more than the
 * search in the text. True where they fit. What folds to other ASCII with another length (U+212A,
 * U+0130) is found by the blanks that are not where they should be.
 */
static bool
plain_bounds(const struct packed *p, const struct packed_flow *f, size_t *end)
{
	const struct str lens[] = { f->name, f->author, f->description };
	size_t i, at = p->organization.len;

	end[0] = at;
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		/* of four bytes it may be null */
		if (lens[i].len < 2 || lens[i].len == 4 || at >= f->folded.len ||
		    f->folded.p[at] != ' ')
			return false;
		at += 1 + lens[i].len - 2;
		end[i + 1] = at;
	}
	return at < f->folded.len && f->folded.p[at] == ' ' && is_plain(f->folded);
}

enum kodo_err
packed_bounds_of(const struct packed *p, const struct packed_flow *f, struct packed_bounds *out)
{
	size_t tags, quotes, *end = out->end;

	end[PACKED_BOUND_TAGS] = f->folded.len;
	if (plain_bounds(p, f, end))
		return KODO_OK;
	tags = fragment_len(f->tags);
	end[PACKED_BOUND_ORGANIZATION] = folded_len(p->organization, false, &quotes);
	end[PACKED_BOUND_NAME] = end[PACKED_BOUND_ORGANIZATION] + 1 + fragment_len(f->name);
	end[PACKED_BOUND_AUTHOR] = end[PACKED_BOUND_NAME] + 1 + fragment_len(f->author);
	if (tags + end[PACKED_BOUND_AUTHOR] + 2 > f->folded.len)
		return KODO_ECORRUPT;
	end[PACKED_BOUND_DESCRIPTION] = f->folded.len - tags - 1;
	return KODO_OK;
}

/* A fragment that begins so far behind the begin of its item. */
static inline struct str
fragment_at(const struct packed *p, const unsigned char *row, size_t at, size_t len)
{
	at += get_le32(row + PACKED_ROW_ITEM);
	return at + len > p->items.len ? STR_NULL : (struct str){ p->items.p + at, len };
}

struct str
packed_url(const struct packed *p, uint32_t i)
{
	const unsigned char *row = row_of(p, i);

	return fragment_at(
	    p, row, PACKED_KEY_LEN(PACKED_KEY_URL), packed_get_u16(row + PACKED_ROW_URL));
}

struct str
packed_name(const struct packed *p, uint32_t i)
{
	const unsigned char *row = row_of(p, i);

	return fragment_at(p, row, packed_get_u16(row + PACKED_ROW_URL) +
	    PACKED_KEY_LEN(PACKED_KEY_URL PACKED_KEY_NAME), packed_get_u16(row + PACKED_ROW_NAME));
}

static inline bool
text_begins(const struct packed *p, uint32_t i, size_t off)
{
	return get_le32(row_of(p, i) + PACKED_ROW_TEXT) <= off;
}

/* Mostly it is near: steps that double, then halves. */
uint32_t
packed_flow_at(const struct packed *p, uint32_t from, size_t off)
{
	uint32_t low = from, high, step, mid;	/* text of low <= off < text of high */

	for (step = 1; step < p->n_flows - low && text_begins(p, low + step, off); step *= 2)
		low += step;
	high = step < p->n_flows - low ? low + step : p->n_flows;
	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (text_begins(p, mid, off))
			low = mid;
		else
			high = mid;
	}
	return low;
}

struct str
packed_text(const struct packed *p, uint32_t i)
{
	struct str text = STR_NULL;

	return packed_between(row_of(p, i), PACKED_ROW_TEXT, p->texts, &text) ? text : STR_NULL;
}

void
packed_prefetch(const struct packed *p, uint32_t i)
{
	const char *item = p->items.p + get_le32(row_of(p, i) + PACKED_ROW_ITEM);

	__builtin_prefetch(item);
	__builtin_prefetch(item + 64);
}

/* A node that cannot be read is a failure of out. */
static void
put_damage(struct buf *out)
{
	if (out->err == KODO_OK)
		out->err = KODO_ECORRUPT;
}

void
packed_put_flow(struct buf *out, const struct packed *p, uint32_t i)
{
	const unsigned slashes = packed_get_u16(row_of(p, i) + PACKED_ROW_SLASHES);
	struct packed_flow f;
	char *to;

	if (packed_flow(p, i, &f) != KODO_OK) {
		put_damage(out);
		return;
	}
	buf_put_str(out, STR("{" PACKED_KEY_URL "\""));
	to = buf_room(out, slashes);
	if (to == NULL)
		return;
	memset(to, '/', slashes);
	out->len += slashes;
	buf_put(out, f.url.p + p->prefix_len, f.url.len - p->prefix_len);
	buf_put_str(out, STR(PACKED_KEY_NAME));
	buf_put_str(out, f.name);
	buf_put_str(out, STR(PACKED_KEY_DESCRIPTION));
	buf_put_str(out, f.description);
	buf_put_str(out, STR(PACKED_KEY_AUTHOR));
	buf_put_str(out, f.author);
	buf_put_str(out, STR(PACKED_KEY_TAGS));
	buf_put_str(out, f.tags);
	if (f.entry.p != NULL) {
		buf_put_str(out, STR(PACKED_KEY_ENTRY));
		buf_put_str(out, f.entry);
	}
	if (f.queries.p != NULL) {
		buf_put_str(out, STR(PACKED_KEY_QUERIES));
		buf_put_str(out, f.queries);
	}
	buf_putc(out, '}');
}

static char *
put_time(char *to, struct str key, int64_t us, bool offset)
{
	memcpy(to, key.p, key.len);
	to += key.len;
	if (us == 0) {
		memcpy(to, "null", 4);
		return to + 4;
	}
	*to++ = '"';
	to += isotime_format(us, offset, to);
	*to++ = '"';
	return to;
}

/* The three times of a node or item, and in which form. */
static void
put_times(struct buf *out, const struct packed *p, int64_t created_us, int64_t modified_us,
    bool offset)
{
	char *const from = buf_room(out, 3 * (sizeof(",\"heartbeat\":\"\"") + ISOTIME_BYTES));
	char *to = from;

	if (from == NULL)
		return;
	to = put_time(to, STR("\"created\":"), created_us, offset);
	to = put_time(to, STR(",\"modified\":"), modified_us, offset);
	to = put_time(to, STR(",\"heartbeat\":"), p->heartbeat_us, offset);
	out->len += (size_t)(to - from);
}

static void
put_node_begin(struct buf *out, const struct packed *p)
{
	buf_put_str(out, STR("{\"url\":"));
	json_put_str(out, p->url);
	if (p->audience.p != NULL) {
		buf_put_str(out, STR(",\"audience\":"));
		json_put_str(out, p->audience);
	}
	buf_put_str(out, STR(",\"organization\":"));
	json_put_str(out, p->organization);
	buf_put_str(out, STR(",\"flows\":["));
}

static void
put_node_end(struct buf *out, const struct packed *p, int64_t created_us, int64_t modified_us)
{
	buf_put_str(out, STR("],"));
	put_times(out, p, created_us, modified_us, false);
	buf_put_str(out, STR(",\"status\":"));
	json_put_str(out, p->status);
	buf_putc(out, '}');
}

void
packed_put_range(struct buf *out, const struct packed *p, uint32_t from, uint32_t to,
    int64_t created_us, int64_t modified_us)
{
	uint32_t i;

	put_node_begin(out, p);
	for (i = from; i < to; i++) {
		if (i > from)
			buf_putc(out, ',');
		packed_put_flow(out, p, i);
	}
	put_node_end(out, p, created_us, modified_us);
}

void
packed_put_some(struct buf *out, const struct packed *p, const uint32_t *flows, size_t n,
    int64_t created_us, int64_t modified_us)
{
	size_t i;

	put_node_begin(out, p);
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_putc(out, ',');
		packed_put_flow(out, p, flows[i]);
	}
	put_node_end(out, p, created_us, modified_us);
}

void
packed_put_node(struct buf *out, const struct packed *p, int64_t created_us, int64_t modified_us)
{
	packed_put_range(out, p, 0, p->n_flows, created_us, modified_us);
}

/* Bytes of packed_put_flow and a comma: an item without the common start of its url. */
static size_t
flow_size(const struct packed *p, uint32_t i)
{
	const size_t len = item_of(p, i).len + packed_get_u16(row_of(p, i) + PACKED_ROW_SLASHES);
	size_t size = (len > p->prefix_len ? len - p->prefix_len : 0) + sizeof("{\"},") - 1;
	struct str entry, queries;

	if (entry_of(p, i, &entry) && entry.p != NULL)
		size += PACKED_KEY_LEN(PACKED_KEY_ENTRY) + entry.len;
	if (queries_of(p, i, &queries) && queries.p != NULL)
		size += PACKED_KEY_LEN(PACKED_KEY_QUERIES) + queries.len;
	return size;
}

/* At least the bytes of packed_put_range without flows: no byte becomes more than six. */
static size_t
frame_size(const struct packed *p)
{
	return 256 + 6 * (p->url.len + p->organization.len + p->status.len + p->audience.len);
}

size_t
packed_range_size(const struct packed *p, uint32_t from, uint32_t to)
{
	size_t size = frame_size(p);

	for (; from < to; from++)
		size += flow_size(p, from);
	return size;
}

uint32_t
packed_range_end(const struct packed *p, uint32_t from, size_t max_bytes)
{
	size_t size = frame_size(p);
	uint32_t to = from;

	while (to < p->n_flows && (to == from || size + flow_size(p, to) <= max_bytes))
		size += flow_size(p, to++);
	return to;
}

void
packed_put_item(struct buf *out, const struct packed *p, uint32_t i, int64_t created_us,
    int64_t modified_us, struct str tags)
{
	struct packed_flow f;

	buf_put_str(out, STR("{\"organization\":"));
	json_put_str(out, p->organization);
	buf_putc(out, ',');
	put_times(out, p, created_us, modified_us, true);
	buf_putc(out, ',');
	if (tags.p == NULL) {
		f.item = item_of(p, i);
		buf_put_str(out, f.item);
	} else if (packed_flow(p, i, &f) == KODO_OK) {
		buf_put(out, f.item.p, f.item.len - f.tags.len);
		buf_put_str(out, tags);
	}
	if (f.item.p == NULL)
		put_damage(out);
	buf_putc(out, '}');
}
