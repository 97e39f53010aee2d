/*
 * UTF-8: check, fold, decode. The only includer of utf8proc.h is utf8.c.
 *
 * Folding is utf8proc_tolower, code point by code point, without context: the folding of a text
 * contains that of each substring, so a search folds both sides by this same function. Lengths may
 * change (U+0130 becomes one byte, U+023A three).
 */
#ifndef KODO_UTF8_H
#define KODO_UTF8_H

#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/str.h"

/*
 * Well-formed (shortest forms, no surrogates, at most U+10FFFF) and without NUL. A null or empty
 * text is.
 */
bool utf8_valid(struct str s);

/* Of what folds texts, and of the tables of Unicode that it has: "2.8.0 (Unicode 15.0.0)". */
const char *utf8_version(void);

/* Append s folded to out. Bytes that are not UTF-8 are copied as they are. */
void utf8_fold(struct buf *out, struct str s);

/*
 * The same one character at a time: fold the character at s.p[*pos] into out, advance *pos, return
 * the number of bytes put (1 to 4). *pos < s.len.
 */
size_t utf8_fold_next(struct str s, size_t *pos, char out[4]);

/*
 * Decode the character at s.p[*pos] and advance *pos; a byte that is not UTF-8 gives U+FFFD. *pos <
 * s.len.
 */
uint32_t utf8_next(struct str s, size_t *pos);

/* Write cp (at most U+10FFFF) as UTF-8; returns the number of bytes, 1 to 4. */
size_t utf8_put(uint32_t cp, char out[4]);

/* Characters in s, for columns that people count. */
size_t utf8_count(struct str s);

/* Bytes of the first n characters of s, all of s if it has fewer. */
size_t utf8_bytes(struct str s, size_t n);

/*
 * Bytes of the blank at s.p[pos], 0 if there is none: the White_Space of Unicode, and what is as
 * wide as nothing but parts words (U+200B, U+2060, U+FEFF). pos < s.len.
 */
static inline size_t utf8_blank_bytes(struct str s, size_t pos);
size_t utf8_wide_blank_bytes(struct str s, size_t pos);	/* the same beyond ASCII */

static inline size_t
utf8_blank_bytes(struct str s, size_t pos)
{
	const unsigned char c = (unsigned char)s.p[pos];

	if (c < 0x80)
		return c == ' ' || (c >= '\t' && c <= '\r');
	/* most bytes beyond ASCII begin no blank */
	return c == 0xc2 || c >= 0xe1 ? utf8_wide_blank_bytes(s, pos) : 0;
}

/* s less the blanks at both of its ends. */
struct str utf8_trim(struct str s);

/*
 * Append s as most texts are written (NFC), without what cannot be seen: `e` and an accent become
 * one character. compat: also wide letters as narrow ones, ligatures as their letters, and the like
 * (NFKC). KODO_EINVAL: s is not UTF-8; KODO_ENOMEM.
 */
enum kodo_err utf8_compose(struct buf *out, struct str s, bool compat) MUST_CHECK;

/*
 * Control characters, what formats or turns the text around it (bidi, U+200B to U+200F, U+00AD,
 * U+FEFF, tags), line and paragraph separators, and letters without a shape.
 */
bool utf8_is_unseen(uint32_t cp);

/* May cp stand in a word (letters, digits, marks, connectors)? */
bool utf8_is_word(uint32_t cp);

/* Is cp of a script without blanks between words (Chinese, Japanese, Thai, ..)? */
bool utf8_is_unspaced(uint32_t cp);

/* The character that ends before s.p[pos], pos > 0, as utf8_next decodes it. */
uint32_t utf8_before(struct str s, size_t pos);

#endif
