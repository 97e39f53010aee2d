/*
 * A cursor is base64url (RFC 4648) of: a byte for each field of the order, the ref, and the values:
 * of times 8 bytes, of texts 1 more than their length as 4 bytes, 0 for null, and their bytes.
 * Numbers are big-endian.
 */
#include "core/base/buf.h"
#include "core/query/cursor.h"
#include "core/query/order_private.h"

#define DESCENDING	0x80u

struct cursor {
	const struct order *o;
	uint64_t ref;
	int64_t times[ORDER_KEYS_MAX];
	struct str texts[ORDER_KEYS_MAX];
};

bool
cursor_can_hold(const struct order *o)
{
	return (order_needs(o) & (QUERY_BIT(QUERY_DESCRIPTION) | QUERY_BIT(QUERY_TAGS))) == 0;
}

/* --- base64url --- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void
base64_put(struct buf *out, struct str s)
{
	unsigned bits = 0, n = 0;
	size_t i;

	for (i = 0; i < s.len; i++) {
		bits = bits << 8 | (unsigned char)s.p[i];
		for (n += 8; n >= 6; n -= 6)
			buf_putc(out, digits[bits >> (n - 6) & 63]);
		bits &= (1u << n) - 1;
	}
	if (n > 0)
		buf_putc(out, digits[bits << (6 - n) & 63]);
}

/* false: it is none. */
static bool
base64_read(struct buf *out, struct str s)
{
	unsigned bits = 0, n = 0;
	const char *digit;
	size_t i;

	for (i = 0; i < s.len; i++) {
		digit = s.p[i] == '\0' ? NULL : strchr(digits, s.p[i]);
		if (digit == NULL)
			return false;
		bits = bits << 6 | (unsigned)(digit - digits);
		n += 6;
		if (n >= 8) {
			n -= 8;
			buf_putc(out, (char)(bits >> n & 255));
		}
		bits &= (1u << n) - 1;
	}
	return bits == 0;
}

/* --- writing --- */

static void
number_put(struct buf *out, uint64_t n, unsigned bytes)
{
	while (bytes-- > 0)
		buf_putc(out, (char)(n >> 8 * bytes & 255));
}

static void
value_put(struct buf *out, const struct order_key *k, const struct row *row)
{
	struct str text;

	if (k->type == QUERY_TYPE_TIME) {
		number_put(out, (uint64_t)row_time(row, k->field), 8);
		return;
	}
	text = row_text(row, k->field);
	number_put(out, text.p == NULL ? 0 : text.len + 1, 4);
	buf_put_str(out, text);
}

enum kodo_err
cursor_write(struct arena *a, const struct order *o, const struct row *row, uint64_t ref,
    struct str *out)
{
	struct buf bytes = BUF_INIT(0), text = BUF_INIT(0);
	enum kodo_err err = KODO_ENOMEM;
	unsigned i;

	*out = STR_NULL;
	for (i = 0; i < o->n; i++)
		buf_putc(&bytes,
		    (char)(o->keys[i].field | (o->keys[i].descending ? DESCENDING : 0)));
	number_put(&bytes, ref, 8);
	for (i = 0; i < o->n; i++)
		value_put(&bytes, &o->keys[i], row);
	base64_put(&text, buf_str(&bytes));
	if (!buf_failed(&bytes) && !buf_failed(&text))
		err = arena_str(a, buf_str(&text), out);
	buf_free(&bytes);
	buf_free(&text);
	return err;
}

/* --- reading --- */

static bool
bytes_take(struct str *rest, size_t n, struct str *out)
{
	if (n > rest->len)
		return false;
	*out = (struct str){ rest->p, n };
	*rest = (struct str){ rest->p + n, rest->len - n };
	return true;
}

static bool
number_take(struct str *rest, unsigned bytes, uint64_t *out)
{
	struct str s;
	size_t i;

	*out = 0;
	if (!bytes_take(rest, bytes, &s))
		return false;
	for (i = 0; i < s.len; i++)
		*out = *out << 8 | (unsigned char)s.p[i];
	return true;
}

static bool
value_take(struct str *rest, const struct order_key *k, int64_t *time, struct str *text)
{
	uint64_t n;

	if (!number_take(rest, k->type == QUERY_TYPE_TIME ? 8 : 4, &n))
		return false;
	*time = (int64_t)n;
	*text = STR_NULL;
	return k->type == QUERY_TYPE_TIME || n == 0 || bytes_take(rest, n - 1, text);
}

static bool
take_all(struct cursor *c, struct str rest)
{
	struct str field;
	unsigned i;

	for (i = 0; i < c->o->n; i++)
		if (!bytes_take(&rest, 1, &field) ||
		    (unsigned char)field.p[0] != (c->o->keys[i].field |
			(c->o->keys[i].descending ? DESCENDING : 0)))
			return false;
	if (!number_take(&rest, 8, &c->ref))
		return false;
	for (i = 0; i < c->o->n; i++)
		if (!value_take(&rest, &c->o->keys[i], &c->times[i], &c->texts[i]))
			return false;
	return rest.len == 0;
}

enum kodo_err
cursor_read(struct arena *a, const struct order *o, struct str text, struct cursor **out)
{
	struct buf bytes = BUF_INIT(0);
	struct cursor *c = arena_zalloc(a, sizeof(*c));
	struct str copy;
	enum kodo_err err = KODO_EINVAL;

	*out = NULL;
	if (c == NULL)
		return KODO_ENOMEM;
	c->o = o;
	if (cursor_can_hold(o) && base64_read(&bytes, text) && !buf_failed(&bytes)) {
		err = arena_str(a, buf_str(&bytes), &copy);
		if (err == KODO_OK && !take_all(c, copy))
			err = KODO_EINVAL;
	}
	if (buf_failed(&bytes))
		err = bytes.err;
	buf_free(&bytes);
	*out = err == KODO_OK ? c : NULL;
	return err;
}

/* --- comparing: as sort.c --- */

static int
time_compare(const struct order_key *k, int64_t x, int64_t y)
{
	int c;

	if (x == 0 || y == 0)
		return (x == 0) - (y == 0);
	c = (x > y) - (x < y);
	return k->descending ? -c : c;
}

static int
text_compare(const struct order_key *k, struct str x, struct str y)
{
	if (x.p == NULL || y.p == NULL)
		return (x.p == NULL) - (y.p == NULL);
	return k->descending ? str_cmp(y, x) : str_cmp(x, y);
}

int64_t
cursor_first_time(const struct cursor *c)
{
	return c->times[0];
}

bool
cursor_is_behind(const struct cursor *c, const struct row *row, uint64_t ref)
{
	const struct order_key *k;
	unsigned i;
	int differ;

	for (i = 0; i < c->o->n; i++) {
		k = &c->o->keys[i];
		differ = k->type == QUERY_TYPE_TIME
		    ? time_compare(k, row_time(row, k->field), c->times[i])
		    : text_compare(k, row_text(row, k->field), c->texts[i]);
		if (differ != 0)
			return differ > 0;
	}
	return ref > c->ref;
}
