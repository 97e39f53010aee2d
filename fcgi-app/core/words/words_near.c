#include "core/base/buf.h"
#include "core/base/memfind.h"
#include "core/base/strmap.h"
#include "core/base/utf8.h"
#include "core/words/words_private.h"

#define LETTERS_MIN	3u	/* of a word to correct: shorter ones are like any other */
#define BEGIN_MIN	4u	/* of the begin of a word in its place */
#define LETTERS_MAX	40u
#define FOUND_MAX	4096u	/* words near one, of which the most frequent is taken */
#define WHOLE		(1ull << 32)	/* what a whole word counts: more than all begins */

struct wanted {
	const struct term *term;
	uint32_t letters[LETTERS_MAX];	/* n of them */
	size_t n;
	bool occurs;
	struct strmap found;		/* value: how often; the texts are those of flows */
};

struct words_near {
	struct arena *a;
	const struct words *w;
	struct wanted wanted[LIMIT_WORDS];
	size_t n;
};

/* Its letters; false: too many, or some that part words. */
static bool
letters_of(struct str s, uint32_t *out, size_t *n)
{
	size_t pos = 0;

	*n = 0;
	while (pos < s.len) {
		if (*n == LETTERS_MAX)
			return false;
		out[*n] = utf8_next(s, &pos);
		if (!utf8_is_word(out[*n]) || out[*n] == '_')
			return false;
		++*n;
	}
	return true;
}

enum kodo_err
words_near_new(struct arena *a, const struct words *w, struct words_near **out)
{
	struct words_near *n = arena_zalloc(a, sizeof(*n));
	const struct term *t;
	struct wanted *wanted;

	*out = n;
	if (n == NULL)
		return KODO_ENOMEM;
	n->a = a;
	n->w = w;
	for (t = w->terms; t < w->terms + w->n; t++) {
		wanted = &n->wanted[n->n];
		wanted->term = t;
		if (!t->without && !t->is_phrase &&
		    letters_of(t->ways[0], wanted->letters, &wanted->n) &&
		    wanted->n >= LETTERS_MIN)
			n->n++;
	}
	return KODO_OK;
}

bool
words_near_is_idle(const struct words_near *n)
{
	size_t i;

	for (i = 0; i < n->n && n->wanted[i].occurs; i++)
		;
	return i == n->n;
}

bool
words_near_has_fields(const struct words_near *n)
{
	size_t i;

	for (i = 0; i < n->n && n->wanted[i].term->fields == WORDS_ANY_FIELD; i++)
		;
	return i < n->n;
}

static bool
is_same(const uint32_t *a, const uint32_t *b, size_t n)
{
	return memcmp(a, b, n * sizeof(*a)) == 0;
}

/*
 * The letters of u that are w with one letter more, less, other, or changed with the next one; 0:
 * none. All of u if it can be. u has m of them, w is not their begin.
 */
static size_t
near_length(const struct wanted *w, const uint32_t *u, size_t m)
{
	const uint32_t *t = w->letters;
	const size_t n = w->n;
	size_t k = 0, best = 0, i;

	while (k < n && k < m && t[k] == u[k])
		k++;
	const struct {
		size_t len;
		bool is;
	} edits[] = {
		{ n - 1, m >= n - 1 && is_same(t + k + 1, u + k, n - 1 - k) },
		{ n, m >= n && is_same(t + k + 1, u + k + 1, n - 1 - k) },
		{ n + 1, m >= n + 1 && is_same(t + k, u + k + 1, n - k) },
		{ n, m >= n && k + 1 < n && t[k] == u[k + 1] && t[k + 1] == u[k] &&
		    is_same(t + k + 2, u + k + 2, n - 2 - k) },
	};

	for (i = 0; i < sizeof(edits) / sizeof(edits[0]); i++)
		if (edits[i].is && edits[i].len >= (edits[i].len == m ? LETTERS_MIN : BEGIN_MIN) &&
		    (best == 0 || edits[i].len == m))
			best = edits[i].len;
	return best;
}

static enum kodo_err
compare(struct wanted *w, struct str word)
{
	uint32_t letters[LETTERS_MAX + 2];
	size_t pos = 0, m = 0, len;
	uint32_t i;
	enum kodo_err err;

	while (pos < word.len && m < LETTERS_MAX + 2)
		letters[m++] = utf8_next(word, &pos);
	if (m >= w->n && is_same(w->letters, letters, w->n)) {
		w->occurs = true;
		return KODO_OK;
	}
	len = near_length(w, letters, m);
	if (len == 0 || w->found.n == FOUND_MAX)
		return KODO_OK;
	err = strmap_find(&w->found, (struct str){ word.p, utf8_bytes(word, len) }, &i);
	if (err == KODO_OK)
		w->found.all[i].value += len == m ? WHOLE : 1;
	return err;
}

/* Bytes of the letter or digit at pos of a folded text; 0: it is none. */
static inline size_t
letter_at(struct str s, size_t pos)
{
	const unsigned char c = (unsigned char)s.p[pos];
	size_t next = pos;

	if (c < 0x80)
		return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
	return utf8_is_word(utf8_next(s, &next)) ? next - pos : 0;
}

/* The word of s around its byte at: before that, max letters at most. False: it has more there. */
static bool
word_around(struct str s, size_t at, size_t max, struct str *word)
{
	size_t begin = at, end = at, n, letters = 0;

	while (begin > 0 && letters <= max) {
		for (n = begin - 1; n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80; n--)
			;
		if (letter_at(s, n) == 0)
			break;
		begin = n;
		letters++;
	}
	if (letters > max)
		return false;
	for (; end < s.len && letters <= LETTERS_MAX && (n = letter_at(s, end)) > 0; letters++)
		end += n;
	*word = (struct str){ s.p + begin, end - begin };
	return true;
}

/*
 * Words of text, from byte pos on, near w. With one letter wrong, or two changed with each other,
 * one half of w, less the letter in its middle, is still right: the first, where the word begins,
 * or the second, at most a letter away from its place.
 */
static enum kodo_err
search(struct wanted *w, struct str text, size_t pos)
{
	const struct str way = w->term->ways[0];
	const size_t middle = w->n / 2;
	const struct str halves[] = { { way.p, utf8_bytes(way, middle) },
		str_skip(way, utf8_bytes(way, middle + 1)) };
	const char *at;
	struct str word;
	size_t i, from;
	enum kodo_err err = KODO_OK;

	for (i = 0; i < 2; i++) {
		from = pos;
		while (err == KODO_OK && !w->occurs &&
		    (at = memfind(str_skip(text, from), halves[i])) != NULL) {
			from = (size_t)(at - text.p) + 1;
			if (!word_around(text, from - 1, i == 0 ? 0 : middle + 2, &word))
				continue;
			from = (size_t)(word.p - text.p) + word.len;
			if (i == 0 || !str_starts(word, halves[0]))
				err = compare(w, word);
		}
	}
	return err;
}

enum kodo_err
words_near_add(struct words_near *n, struct str folded, const struct packed_bounds *bounds)
{
	struct wanted *w;
	struct str text;
	size_t field, begin;
	enum kodo_err err = KODO_OK;

	for (w = n->wanted; w < n->wanted + n->n && err == KODO_OK; w++) {
		if (w->term->fields == WORDS_ANY_FIELD) {
			err = search(w, folded, 0);
			continue;
		}
		begin = 0;
		for (field = 0; field < PACKED_BOUNDS && err == KODO_OK; field++) {
			text = (struct str){ folded.p, bounds->end[field] };
			if ((w->term->fields >> field & 1u) != 0)
				err = search(w, text, begin);
			begin = text.len + 1;
		}
	}
	return err;
}

/* Whole words, then what begins as w does (few mistype a first letter), then what is frequent. */
static bool
is_better(const struct wanted *w, const struct strmap_entry *a, const struct strmap_entry *b)
{
	const char first = w->term->ways[0].p[0];

	if ((a->value >= WHOLE) != (b->value >= WHOLE))
		return a->value >= WHOLE;
	if ((a->text.p[0] == first) != (b->text.p[0] == first))
		return a->text.p[0] == first;
	return a->value != b->value ? a->value > b->value : str_cmp(a->text, b->text) < 0;
}

static struct str
find_best(const struct wanted *w)
{
	const struct strmap_entry *best = NULL, *e;

	for (e = w->found.all; e < w->found.all + w->found.n; e++)
		if (best == NULL || is_better(w, e, best))
			best = e;
	return best == NULL ? STR_NULL : best->text;
}

enum kodo_err
words_near_end(struct words_near *n, struct str *out)
{
	const struct str text = n->w->text;
	const struct wanted *w;
	struct buf b = BUF_INIT(0);
	size_t copied = 0;
	struct str word;
	enum kodo_err err = KODO_OK;

	*out = STR_NULL;
	for (w = n->wanted; w < n->wanted + n->n; w++) {
		word = w->occurs ? STR_NULL : find_best(w);
		if (word.p == NULL)
			continue;
		buf_put(&b, text.p + copied, w->term->from - copied);
		buf_put_str(&b, word);
		copied = w->term->to;
	}
	if (b.len > 0) {
		buf_put(&b, text.p + copied, text.len - copied);
		err = buf_failed(&b) ? b.err : arena_str(n->a, buf_str(&b), out);
	}
	for (; n->n > 0; n->n--)
		strmap_free(&n->wanted[n->n - 1].found);
	buf_free(&b);
	return err;
}
