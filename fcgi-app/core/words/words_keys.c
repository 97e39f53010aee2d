#include "core/base/utf8.h"
#include "core/words/words_private.h"

/* Bytes of the begins of words that keys are made of; a longer begin takes the keys of both. */
static const unsigned char lengths[] = { 3, 4, 6 };

static uint64_t
mix(const char *p, unsigned bytes)
{
	uint64_t h = 0;

	memcpy(&h, p, bytes);
	h = (h + bytes) * 0x9e3779b97f4a7c15u;
	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9u;
	return h ^ h >> 32;
}

/* Two of each begin. */
static unsigned
put_keys(const char *p, unsigned bytes, uint32_t *out)
{
	const uint64_t h = mix(p, bytes);

	out[0] = (uint32_t)h;
	out[1] = (uint32_t)(h >> 32);
	return 2;
}

static bool
is_letter(uint32_t cp)
{
	return cp != '_' && utf8_is_word(cp);
}

void
words_keys_of_texts(struct str texts, void (*each)(void *arg, uint32_t key), void *arg)
{
	bool joins = false, letter, unspaced;	/* joins: the character before goes on in a word */
	size_t pos = 0, at, i;
	uint32_t cp, keys[2];
	unsigned n;

	while (pos < texts.len) {
		at = pos;
		cp = (unsigned char)texts.p[pos];
		if (cp < 0x80) {
			pos++;
			letter = (cp >= 'a' && cp <= 'z') || (cp >= '0' && cp <= '9');
			unspaced = false;
		} else {
			cp = utf8_next(texts, &pos);
			letter = is_letter(cp);
			unspaced = letter && utf8_is_unspaced(cp);
		}
		if (letter && (!joins || unspaced))
			for (i = 0; i < sizeof(lengths) && at + lengths[i] <= texts.len; i++)
				for (n = put_keys(texts.p + at, lengths[i], keys); n > 0; n--)
					each(arg, keys[n - 1]);
		joins = letter && !unspaced;
	}
}

/* Those of the longest begins that a word of the way has. */
static size_t
way_keys(struct str way, uint32_t *out)
{
	struct str rest = way, word;
	size_t pos, i, n = 0;

	while (rest.len > 0 && n <= WORDS_KEYS_MAX - 4) {
		word = str_cut(&rest, ' ');
		pos = 0;
		if (word.len < lengths[0] || !is_letter(utf8_next(word, &pos)))
			continue;
		if (word.len < lengths[1])
			n += put_keys(word.p, lengths[0], out + n);
		for (i = 1; i < sizeof(lengths); i++)
			if (word.len >= lengths[i])
				n += put_keys(word.p, lengths[i], out + n);
	}
	return n;
}

size_t
words_keys(const struct words *w, uint32_t out[WORDS_KEYS_MAX])
{
	const struct term *t;
	uint32_t keys[WORDS_KEYS_MAX];
	size_t n = 0, more;

	for (t = w->terms; t < w->terms + w->n; t++) {
		if (t->without || t->is_text || t->n_ways > 1)
			continue;
		more = way_keys(t->ways[0], keys);
		more = more < WORDS_KEYS_MAX - n ? more : WORDS_KEYS_MAX - n;
		memcpy(out + n, keys, more * sizeof(*out));
		n += more;
	}
	return n;
}
