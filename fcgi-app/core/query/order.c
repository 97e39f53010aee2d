#include "core/base/limit.h"
#include "core/base/utf8.h"
#include "core/query/order_private.h"

void
order_sort_tags(struct str *tags, size_t n, int direction)
{
	struct str t;
	size_t i, k;

	for (i = 1; i < n; i++) {
		t = tags[i];
		for (k = i; k > 0 && str_cmp(tags[k - 1], t) * direction > 0; k--)
			tags[k] = tags[k - 1];
		tags[k] = t;
	}
}

size_t
order_row_tags(const struct row *row, int direction, struct str *out)
{
	size_t n = row->n_tags < LIMIT_TAGS ? row->n_tags : LIMIT_TAGS;

	if (n > 0)
		memcpy(out, row->tags, n * sizeof(*out));
	order_sort_tags(out, n, direction);
	return n;
}

/* ---- reading ---- */

/* `name:d`: the field is before the first colon, the direction after the last one. */
static struct str
split_item(struct str item, bool *descending)
{
	const char *first = item.len == 0 ? NULL : memchr(item.p, ':', item.len);
	const char *last = first == NULL ? NULL : memrchr(item.p, ':', item.len);
	struct str direction = { "", 0 };

	if (last != NULL)
		direction = utf8_trim(
		    (struct str){ last + 1, item.len - (size_t)(last + 1 - item.p) });
	*descending = !str_starts(STR("ascending"), direction);
	return first == NULL ? item : utf8_trim((struct str){ item.p, (size_t)(first - item.p) });
}

static void
add_key(struct order *o, enum query_field field, bool descending)
{
	unsigned i;

	for (i = 0; i < o->n; i++)
		if (o->keys[i].field == field)
			return;	/* already compared */
	o->keys[o->n++] = (struct order_key){ field, query_field_type(field), descending };
	if (field == QUERY_TAGS)
		o->tags_direction = descending ? -1 : 1;
}

/* A text in quotes as Python's repr. */
static void
put_repr(struct buf *out, struct str s)
{
	bool single = s.len > 0 && memchr(s.p, '\'', s.len) != NULL;
	char quote = single && memchr(s.p, '"', s.len) == NULL ? '"' : '\'';
	size_t i;

	buf_putc(out, quote);
	for (i = 0; i < s.len; i++) {
		if (s.p[i] == quote || s.p[i] == '\\')
			buf_putc(out, '\\');
		buf_putc(out, s.p[i]);
	}
	buf_putc(out, quote);
}

/*
 * The items of by, which is folded, as keys; text becomes the answer's `by`. false: an item is
 * wrong; text is the error.
 */
static bool
read_items(struct order *o, struct str by, struct buf *text)
{
	enum query_field field;
	const char *comma;
	struct str item;
	bool descending;
	unsigned n = 0;

	do {
		comma = memchr(by.p, ',', by.len);
		item = utf8_trim(
		    (struct str){ by.p, comma == NULL ? by.len : (size_t)(comma - by.p) });
		if (comma != NULL)
			by = (struct str){ comma + 1, by.len - (size_t)(comma + 1 - by.p) };
		buf_puts(text, n > 0 ? ", " : "");
		buf_put_str(text, item);
		if (n++ >= LIMIT_BY_FIELDS) {
			buf_reset(text);
			buf_printf(text, "ValueError: more than %u fields", LIMIT_BY_FIELDS);
			return false;
		}
		item = split_item(item, &descending);
		if (!query_field_find(item, &field)) {
			buf_reset(text);
			buf_puts(text, "KeyError: ");
			put_repr(text, item);
			return false;
		}
		add_key(o, field, descending);
	} while (comma != NULL);
	return true;
}

static enum kodo_err
parse(struct arena *a, struct str by, bool is_ranked, struct order **out)
{
	struct buf folded = BUF_INIT(0), text = BUF_INIT(0);
	struct order *o = arena_zalloc(a, sizeof(*o));
	enum kodo_err err = KODO_ENOMEM;

	*out = NULL;
	if (o == NULL)
		return KODO_ENOMEM;
	utf8_fold(&folded, by);
	if (buf_failed(&folded))
		goto out;
	if (by.len == 0 && is_ranked)
		add_key(o, QUERY_RANK, false);
	if (by.len == 0)
		buf_puts(&text, is_ranked ? "rank, name, url" : "name, url");
	else if (!read_items(o, buf_str(&folded), &text)) {
		o->n = 0;
		o->tags_direction = 0;
		o->has_error = true;
	}
	add_key(o, QUERY_NAME, false);
	add_key(o, QUERY_URL, false);
	if (buf_failed(&text) || arena_str(a, buf_str(&text), &o->text) != KODO_OK)
		goto out;
	*out = o;
	err = KODO_OK;
out:
	buf_free(&folded);
	buf_free(&text);
	return err;
}

enum kodo_err
order_parse(struct arena *a, struct str by, struct order **out)
{
	return parse(a, by, false, out);
}

enum kodo_err
order_parse_ranked(struct arena *a, struct str by, struct order **out)
{
	return parse(a, by, true, out);
}

struct str
order_text(const struct order *o)
{
	return o->text;
}

bool
order_has_error(const struct order *o)
{
	return o->has_error;
}

bool
order_is_default(const struct order *o)
{
	return o->n == 2 && o->keys[0].field == QUERY_NAME && !o->keys[0].descending &&
	    !o->keys[1].descending;
}

bool
order_is_alive_first(const struct order *o)
{
	return o->n == 3 && o->keys[0].field == QUERY_ALIVE && o->keys[1].field == QUERY_NAME &&
	    !o->keys[0].descending && !o->keys[1].descending && !o->keys[2].descending;
}

unsigned
order_needs(const struct order *o)
{
	unsigned i, needs = 0;

	for (i = 0; i < o->n; i++)
		needs |= QUERY_BIT(o->keys[i].field);
	return needs;
}

enum query_field
order_first(const struct order *o, bool *descending)
{
	*descending = o->keys[0].descending;
	return o->keys[0].field;
}

int
order_tags_direction(const struct order *o)
{
	return o->tags_direction;
}
