#include "core/base/ascii.h"
#include "core/base/memfind.h"
#include "core/base/utf8.h"
#include "core/words/words_private.h"

/* --- where words begin and end --- */

static inline bool
is_alnum(char c)
{
	return ascii_is_digit(c) || (c >= 'a' && c <= 'z');
}

static bool
is_word(uint32_t cp)
{
	return cp != '_' && utf8_is_word(cp);
}

/* Do the characters a and b, side by side, belong to one word? */
static bool
is_joined(uint32_t a, uint32_t b)
{
	return is_word(a) && is_word(b) && !utf8_is_unspaced(a) && !utf8_is_unspaced(b);
}

/* Is pos inside of a word? */
static bool
is_inside(struct str s, size_t pos)
{
	size_t next = pos;

	if (pos == 0 || pos == s.len)
		return false;
	if ((signed char)s.p[pos - 1] >= 0 && (signed char)s.p[pos] >= 0)
		return is_alnum(s.p[pos - 1]) && is_alnum(s.p[pos]);
	return is_joined(utf8_before(s, pos), utf8_next(s, &next));
}

/* --- finding --- */

/* The end of the way at pos of s; 0: it is not there. */
static size_t
end_of(struct str way, struct str s, size_t pos, uint64_t *vain)
{
	size_t i, n;

	for (i = 0; i < way.len; i++, ++*vain) {
		if (pos == s.len)
			return 0;
		if (way.p[i] != ' ') {
			if (s.p[pos++] != way.p[i])
				return 0;
			continue;
		}
		if (utf8_blank_bytes(s, pos) == 0)
			return 0;
		while (pos < s.len && (n = utf8_blank_bytes(s, pos)) > 0) {
			pos += n;
			++*vain;
		}
	}
	return pos;
}

bool
words_find_way(const struct term *t, struct str way, struct str s, size_t pos, struct hit *out,
    uint64_t *vain)
{
	struct str rest = way, head = str_cut(&rest, ' ');
	const char *at;

	while (pos < s.len && (at = memfind(str_skip(s, pos), head)) != NULL) {
		out->from = (size_t)(at - s.p);
		pos = out->from + 1;
		if (!t->is_text && is_inside(s, out->from))
			continue;
		out->to = head.len == way.len ? out->from + way.len :
		    end_of(way, s, out->from, vain);
		out->is_whole = out->to > 0 && !is_inside(s, out->to);
		if (out->to > 0 && (out->is_whole || !t->is_phrase))
			return true;
	}
	return false;
}

const char *
words_next(const struct words *w, struct str texts)
{
	const struct str needle = w->needle;
	const bool is_plain = is_alnum(needle.p[0]);
	struct str rest = texts;
	const char *at;

	while ((at = memfind(rest, needle)) != NULL) {
		if (!is_plain || at == texts.p || !is_alnum(at[-1]))
			return at;
		rest = (struct str){ at + 1, rest.len - (size_t)(at + 1 - rest.p) };
	}
	return NULL;
}

bool
words_may_be(const struct words *w, struct str folded)
{
	const struct term *t;
	struct str rest;

	for (t = w->terms; t < w->terms + w->n; t++) {
		rest = t->ways[0];
		/* the needle has been found already */
		if (t->without || t->n_ways > 1 ||
		    (w->needle.p >= rest.p && w->needle.p < rest.p + rest.len))
			continue;
		if (memfind(folded, str_cut(&rest, ' ')) == NULL)
			return false;
	}
	return true;
}

/* --- ranking --- */

static enum packed_bound
field_of(const struct packed_bounds *b, size_t pos)
{
	unsigned i;

	for (i = 0; i < PACKED_BOUND_TAGS && pos >= b->end[i]; i++)
		;
	return (enum packed_bound)i;
}

#define RANK_NONE	UINT32_MAX

/* The better the lower. */
static uint32_t
term_rank(
    const struct term *t, struct str s, const struct packed_bounds *b, uint64_t *vain)
{
	static const unsigned char places[PACKED_BOUNDS] = {
		[PACKED_BOUND_NAME] = 0, [PACKED_BOUND_TAGS] = 2, [PACKED_BOUND_AUTHOR] = 4,
		[PACKED_BOUND_ORGANIZATION] = 4, [PACKED_BOUND_DESCRIPTION] = 6,
	};
	uint32_t best = RANK_NONE, rank;
	enum packed_bound field;
	struct hit hit;
	size_t i, pos;

	for (i = 0; i < t->n_ways && best > 0; i++)
		for (pos = 0; best > 0 && words_find_way(t, t->ways[i], s, pos, &hit, vain);) {
			field = field_of(b, hit.from);
			rank = places[field] + !hit.is_whole;
			pos = hit.from + 1;
			if ((t->fields >> field & 1u) != 0 && hit.to <= b->end[field])
				best = rank < best ? rank : best;
			if ((t->fields >> field & 1u) == 0 || best <= places[field])
				pos = b->end[field];	/* nothing better in this field */
		}
	return best;
}

uint32_t
words_rank(const struct words *w, struct str folded, const struct packed_bounds *bounds,
    uint64_t *vain)
{
	uint32_t sum = 1, rank;
	size_t i;

	for (i = 0; i < w->n; i++) {
		rank = term_rank(&w->terms[i], folded, bounds, vain);
		if ((rank == RANK_NONE) != w->terms[i].without)
			return 0;
		sum += rank == RANK_NONE ? 0 : rank;
	}
	return sum;
}
