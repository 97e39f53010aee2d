#include "core/base/ascii.h"
#include "core/base/utf8.h"
#include "core/words/words_private.h"

static const struct {
	const char *name;
	unsigned fields;
} names[] = {
	{ "name", 1u << PACKED_BOUND_NAME },
	{ "tag", 1u << PACKED_BOUND_TAGS },
	{ "tags", 1u << PACKED_BOUND_TAGS },
	{ "author", 1u << PACKED_BOUND_AUTHOR },
	{ "org", 1u << PACKED_BOUND_ORGANIZATION },
	{ "organization", 1u << PACKED_BOUND_ORGANIZATION },
	{ "description", 1u << PACKED_BOUND_DESCRIPTION },
};

struct reader {
	struct arena *a;
	struct str s;
	size_t pos;
	struct words *w;
	struct why *why;
};

/* What the character at pos is typed as, see ways_key. */
static char
key_at(const struct reader *r, size_t pos, size_t *bytes)
{
	size_t next = pos;
	const char key = pos < r->s.len ? ways_key(utf8_next(r->s, &next)) : '\0';

	*bytes = next - pos;
	return pos < r->s.len && r->s.p[pos] == '"' ? '"' :
	    pos < r->s.len && r->s.p[pos] == '-' ? '-' : key;
}

static bool
is_blank_at(const struct reader *r, size_t pos)
{
	return pos == r->s.len || utf8_blank_bytes(r->s, pos) > 0;
}

/* The fields of a `name:` at pos, which is followed by something; *bytes: of it. */
static unsigned
field_at(const struct reader *r, size_t *bytes)
{
	const struct str rest = str_skip(r->s, r->pos);
	size_t i, n;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		n = strlen(names[i].name);
		if (rest.len <= n + 1 || rest.p[n] != ':' || is_blank_at(r, r->pos + n + 1) ||
		    !ascii_starts(rest, str_of(names[i].name)))
			continue;
		*bytes = n + 1;
		return names[i].fields;
	}
	*bytes = 0;
	return WORDS_ANY_FIELD;
}

/* Is there anything to look for? Lone punctuation is none. */
static bool
has_word(struct str s)
{
	size_t pos = 0;
	uint32_t cp;

	while (pos < s.len) {
		cp = utf8_next(s, &pos);
		if (utf8_is_word(cp) ? cp != '_' : cp >= 0x80 && ways_key(cp) == '\0')
			return true;
	}
	return false;
}

static enum kodo_err
term_add(struct reader *r, struct term t, struct str text)
{
	struct words *w = r->w;
	struct str other[WAYS_MAX];
	size_t i;
	enum kodo_err err;

	text = utf8_trim(text);
	if (!has_word(text))
		return KODO_OK;
	if (w->n == LIMIT_WORDS)
		return why_set(r->why, KODO_EINVAL, "More than %u words to search for: leave out "
		    "those that matter least.", LIMIT_WORDS);
	if (text.len > LIMIT_WORD_BYTES)
		return why_set(r->why, KODO_EINVAL, "A word or phrase to search for has at most %u "
		    "bytes, and `%.*s` has %zu.", LIMIT_WORD_BYTES,
		    (int)utf8_bytes((struct str){ text.p, 60 }, 12), text.p, text.len);
	err = ways_fold(r->a, text, &t.ways[0]);
	if (err == KODO_OK)
		err = ways_other(r->a, text, other, &t.n_ways);
	for (i = 0; err == KODO_OK && i < t.n_ways; i++)
		err = ways_fold(r->a, other[i], &t.ways[i + 1]);
	t.n_ways++;
	w->terms[w->n++] = t;
	return err;
}

/* A phrase up to its closing quote, or to the end of the text, as while it is typed. */
static enum kodo_err
read_phrase(struct reader *r, struct term t)
{
	size_t n = 1;

	t.is_phrase = true;
	t.from = r->pos;
	while (r->pos < r->s.len && key_at(r, r->pos, &n) != '"')
		r->pos += n;
	t.to = r->pos;
	r->pos += r->pos < r->s.len ? n : 0;
	return term_add(r, t, (struct str){ r->s.p + t.from, t.to - t.from });
}

static enum kodo_err
read_term(struct reader *r)
{
	struct term t = { .fields = WORDS_ANY_FIELD };
	size_t n;

	if (key_at(r, r->pos, &n) == '-' && !is_blank_at(r, r->pos + n)) {
		t.without = true;
		r->pos += n;
	}
	t.fields = field_at(r, &n);
	r->pos += n;
	if (key_at(r, r->pos, &n) == '"') {
		r->pos += n;
		return read_phrase(r, t);
	}
	t.from = r->pos;
	while (!is_blank_at(r, r->pos) && key_at(r, r->pos, &n) != '"')
		r->pos += n;
	t.to = r->pos;
	return term_add(r, t, (struct str){ r->s.p + t.from, t.to - t.from });
}

/* The longest word of those that must be there, in one way alone. */
static struct str
find_needle(const struct words *w)
{
	struct str best = STR_NULL, rest, word;
	size_t i;

	for (i = 0; i < w->n; i++) {
		rest = w->terms[i].ways[0];
		if (w->terms[i].without || w->terms[i].n_ways > 1)
			continue;
		while (rest.len > 0) {
			word = str_cut(&rest, ' ');
			best = word.len > best.len ? word : best;
		}
	}
	return best;
}

enum kodo_err
words_compile(struct arena *a, struct str text, struct words **out, struct why *why)
{
	struct reader r = { .a = a, .why = why, .w = arena_zalloc(a, sizeof(*r.w)) };
	size_t n;
	enum kodo_err err;

	*out = NULL;
	if (r.w == NULL)
		return KODO_ENOMEM;
	err = arena_str(a, text, &r.s);
	r.w->text = r.s;
	while (err == KODO_OK && r.pos < r.s.len) {
		n = utf8_blank_bytes(r.s, r.pos);
		r.pos += n;
		if (n == 0)
			err = read_term(&r);
	}
	r.w->needle = find_needle(r.w);
	if (err == KODO_OK && r.w->n > 0)
		*out = r.w;
	return err;
}

enum kodo_err
words_of_text(struct arena *a, struct str text, struct words **out)
{
	const struct term t = { .fields = WORDS_ANY_FIELD, .is_text = true };
	struct reader r = { .a = a, .w = arena_zalloc(a, sizeof(*r.w)) };
	enum kodo_err err = r.w == NULL ? KODO_ENOMEM : term_add(&r, t, text);

	*out = err == KODO_OK && r.w->n > 0 ? r.w : NULL;
	return err;
}

struct str
words_text(const struct words *w)
{
	return w->text;
}

struct str
words_needle(const struct words *w)
{
	return w->needle;
}
