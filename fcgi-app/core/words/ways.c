#include "core/base/buf.h"
#include "core/base/utf8.h"
#include "core/words/ways.h"

/* The text of b, which is freed. */
static enum kodo_err
take(struct arena *a, struct buf *b, struct str *out)
{
	enum kodo_err err = buf_failed(b) ? KODO_ENOMEM : arena_str(a, buf_str(b), out);

	buf_free(b);
	return err;
}

enum kodo_err
ways_fold(struct arena *a, struct str s, struct str *out)
{
	struct buf folded = BUF_INIT(0), b = BUF_INIT(0);
	struct str f;
	size_t i, n;

	*out = STR_NULL;
	utf8_fold(&folded, s);
	f = buf_str(&folded);
	for (i = 0; i < f.len; i += n > 0 ? n : 1) {
		n = utf8_blank_bytes(f, i);
		if (n == 0)
			buf_putc(&b, f.p[i]);
		else if (b.len == 0 || b.p[b.len - 1] != ' ')
			buf_putc(&b, ' ');
	}
	if (buf_failed(&folded) && !buf_failed(&b))
		b.err = folded.err;
	buf_free(&folded);
	return take(a, &b, out);
}

char
ways_key(uint32_t cp)
{
	static const struct {
		uint32_t first, last;
		char key;
	} rows[] = {
		{ '\'', '\'', '\'' }, { 0xb4, 0xb4, '\'' }, { 0x2bc, 0x2bc, '\'' },
		{ 0x2018, 0x201b, '\'' }, { 0x2032, 0x2032, '\'' }, { 0xff07, 0xff07, '\'' },
		{ 0x201c, 0x201f, '"' }, { 0xab, 0xab, '"' }, { 0xbb, 0xbb, '"' },
		{ 0x2010, 0x2013, '-' }, { 0x2212, 0x2212, '-' },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (cp >= rows[i].first && cp <= rows[i].last)
			return rows[i].key;
	return '\0';
}

/* With what keyboards have, or with the apostrophe of printed texts. */
static enum kodo_err
with_keys(struct arena *a, struct str text, bool is_printed, struct str *out)
{
	struct buf b = BUF_INIT(0);
	size_t pos = 0, begin;
	char key;

	while (pos < text.len) {
		begin = pos;
		key = ways_key(utf8_next(text, &pos));
		if (key == '\0' || (is_printed && key != '\''))
			buf_put(&b, text.p + begin, pos - begin);
		else if (is_printed)
			buf_puts(&b, "\xe2\x80\x99");
		else
			buf_putc(&b, key);
	}
	return take(a, &b, out);
}

static enum kodo_err
composed(struct arena *a, struct str text, bool compat, struct str *out)
{
	struct buf b = BUF_INIT(0);
	enum kodo_err err = utf8_compose(&b, text, compat);

	if (err == KODO_OK)
		return take(a, &b, out);
	buf_free(&b);
	*out = text;
	return err == KODO_EINVAL ? KODO_OK : err;
}

static bool
is_plain(struct str text)
{
	size_t i;

	for (i = 0; i < text.len && (signed char)text.p[i] >= 0 && text.p[i] != '\''; i++)
		;
	return i == text.len;
}

enum kodo_err
ways_other(struct arena *a, struct str s, struct str out[WAYS_MAX], size_t *n)
{
	struct str ways[WAYS_MAX], compat;
	size_t i, k;
	enum kodo_err err;

	*n = 0;
	if (is_plain(s))
		return KODO_OK;
	err = composed(a, s, false, &ways[0]);
	if (err == KODO_OK)
		err = composed(a, s, true, &compat);
	if (err == KODO_OK)
		err = with_keys(a, compat, false, &ways[1]);
	if (err == KODO_OK)
		err = with_keys(a, ways[0], true, &ways[2]);
	for (i = 0; i < WAYS_MAX && err == KODO_OK; i++) {
		for (k = 0; k < *n && !str_eq(out[k], ways[i]); k++)
			;
		if (k == *n && !str_eq(ways[i], s))
			out[(*n)++] = ways[i];
	}
	return err;
}
