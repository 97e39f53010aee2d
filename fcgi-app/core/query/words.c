#include "core/base/memfind.h"
#include "core/base/utf8.h"
#include "core/query/build.h"
#include "core/query/words.h"
#include "core/words/ways.h"

/* bytes that may be compared in vain at single places: some, and a few for each byte of the text */
#define VAIN_BYTES	4096u
#define VAIN_FACTOR	4u

/* Make a TEST_FOLDED look for text. */
static void
prepare(struct reading *r, struct str text, struct test *t)
{
	size_t i, begin = 0;

	if (ways_fold(r->a, text, &t->folded) != KODO_OK)
		r->oom = true;
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

struct node *
words_test(struct reading *r, struct str text)
{
	struct str ways[WAYS_MAX];
	struct node *n = build_text_test(r, TEST_FOLDED, QUERY_FOLDED, text), *way;
	size_t i;

	if (ways_other(r->a, text, ways, &i) != KODO_OK)
		r->oom = true;
	if (n != NULL)
		prepare(r, text, &n->test);
	for (; n != NULL && i > 0; i--) {
		way = build_text_test(r, TEST_FOLDED, QUERY_FOLDED, ways[i - 1]);
		if (way == NULL)
			return NULL;
		prepare(r, ways[i - 1], &way->test);
		way->test.also = n->test.also;
		n->test.also = &way->test;
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
