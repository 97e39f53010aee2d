#include "core/base/memfind.h"
#include "core/base/utf8.h"
#include "core/query/build.h"
#include "core/query/words.h"

/* bytes that may be compared in vain at single places: some, and a few for each byte of the text */
#define VAIN_BYTES	4096u
#define VAIN_FACTOR	4u

void
words_prepare(struct reading *r, struct str text, struct test *t)
{
	const struct str folded = reading_fold(r, text);
	struct buf b = BUF_INIT(0);
	size_t i, n, begin = 0;

	for (i = 0; i < folded.len; i += n > 0 ? n : 1) {
		n = utf8_blank_bytes(folded, i);
		if (n == 0)
			buf_putc(&b, folded.p[i]);
		else if (b.len == 0 || b.p[b.len - 1] != ' ')
			buf_putc(&b, ' ');
	}
	t->folded = reading_take(r, &b);
	for (i = 0; i <= t->folded.len; i++) {
		if (i < t->folded.len && t->folded.p[i] != ' ')
			continue;
		if (i - begin > t->word_len) {
			t->word_at = begin;
			t->word_len = i - begin;
		}
		begin = i + 1;
	}
	if (t->word_len < t->folded.len)
		t->skip = build_skip_table(r, t->folded);
}

/* Is it one of those that are typed as ' " -? 0: no. */
static char
key_of(uint32_t cp)
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
static struct str
with_keys(struct reading *r, struct str text, bool is_printed)
{
	struct buf b = BUF_INIT(0);
	size_t pos = 0, begin;
	char key;

	while (pos < text.len) {
		begin = pos;
		key = key_of(utf8_next(text, &pos));
		if (key == '\0' || (is_printed && key != '\''))
			buf_put(&b, text.p + begin, pos - begin);
		else if (is_printed)
			buf_puts(&b, "\xe2\x80\x99");
		else
			buf_putc(&b, key);
	}
	return reading_take(r, &b);
}

static struct str
composed(struct reading *r, struct str text, bool compat)
{
	struct buf b = BUF_INIT(0);

	if (utf8_compose(&b, text, compat) == KODO_OK)
		return reading_take(r, &b);
	buf_free(&b);
	return text;
}

static bool
is_plain(struct str text)
{
	size_t i;

	for (i = 0; i < text.len && (signed char)text.p[i] >= 0 && text.p[i] != '\''; i++)
		;
	return i == text.len;
}

size_t
words_other_ways(struct reading *r, struct str text, struct str out[WORDS_WAYS])
{
	struct str ways[WORDS_WAYS];
	size_t i, k, n = 0;

	if (is_plain(text))
		return 0;
	ways[0] = composed(r, text, false);
	ways[1] = with_keys(r, composed(r, text, true), false);
	ways[2] = with_keys(r, ways[0], true);
	for (i = 0; i < WORDS_WAYS && !r->oom; i++) {
		for (k = 0; k < n && !str_eq(out[k], ways[i]); k++)
			;
		if (k == n && !str_eq(ways[i], text))
			out[n++] = ways[i];
	}
	return n;
}

struct str
words_longest(const struct test *t)
{
	return (struct str){ t->folded.p + t->word_at, t->word_len };
}

/* The last byte of the first match, each byte being looked at once. */
static const char *
find_linear(const struct test *t, struct str s)
{
	size_t pos, k = 0, n, before = 0;

	for (pos = 0; pos < s.len; pos += n > 0 ? n : 1, before = n) {
		n = utf8_blank_bytes(s, pos);
		if (n == 0)
			k = build_skip_step(t->folded, t->skip, k, s.p[pos]);
		else if (before == 0)
			k = build_skip_step(t->folded, t->skip, k, ' ');
		if (k == t->folded.len)
			return s.p + pos;
	}
	return NULL;
}

/* Does what follows the longest word follow at pos? The bytes compared are added to *vain. */
static bool
follows(const struct test *t, struct str s, size_t pos, size_t *vain)
{
	size_t i, n;

	for (i = t->word_at + t->word_len; i < t->folded.len; i++, ++*vain) {
		if (pos == s.len)
			return false;
		if (t->folded.p[i] != ' ') {
			if (s.p[pos++] != t->folded.p[i])
				return false;
			continue;
		}
		if (utf8_blank_bytes(s, pos) == 0)
			return false;
		while (pos < s.len && (n = utf8_blank_bytes(s, pos)) > 0)
			pos += n;
	}
	return true;
}

/* Bytes of the blank that ends before pos, 0 if there is none. */
static size_t
blank_before(struct str s, size_t pos)
{
	size_t begin = pos;

	while (begin > 0 && pos - begin < 3) {
		begin--;
		if (((unsigned char)s.p[begin] & 0xc0) != 0x80)
			return begin + utf8_blank_bytes(s, begin) == pos ? pos - begin : 0;
	}
	return 0;
}

/* The same of what precedes it. */
static bool
precedes(const struct test *t, struct str s, size_t pos, size_t *vain)
{
	size_t i, n;

	for (i = t->word_at; i-- > 0; ++*vain) {
		if (pos == 0)
			return false;
		if (t->folded.p[i] != ' ') {
			if (s.p[--pos] != t->folded.p[i])
				return false;
			continue;
		}
		if (blank_before(s, pos) == 0)
			return false;
		while (pos > 0 && (n = blank_before(s, pos)) > 0)
			pos -= n;
	}
	return true;
}

static const char *
find_one(const struct test *t, struct str s)
{
	const struct str word = words_longest(t);
	struct str rest = s;
	size_t hit, vain = 0;
	const char *at;

	if (t->skip == NULL)
		return memfind(s, t->folded);
	while ((at = memfind(rest, word)) != NULL) {
		hit = (size_t)(at - s.p);
		if (follows(t, s, hit + word.len, &vain) && precedes(t, s, hit, &vain))
			return at;
		rest = (struct str){ at + 1, s.len - hit - 1 };
		if (vain > VAIN_BYTES + VAIN_FACTOR * hit)
			return find_linear(t, s);
	}
	return NULL;
}

const char *
words_find(const struct test *t, struct str s)
{
	const char *first = NULL, *at;

	for (; t != NULL; t = t->also) {
		at = find_one(t, s);
		if (at != NULL && (first == NULL || at < first))
			first = at;
	}
	return first;
}
