/*
 * The words that people search by, looked for in folded texts of flows (flow/packed.h):
 *
 *	budget report		both, anywhere and in any order; the begin of a word is enough
 *	"monthly report"	these words side by side, whole
 *	-draft			not this
 *	tag:legal org:"X Y"	in this field: name, tag, author, org or organization, description
 *
 * A word begins where a letter or digit follows something else, or anywhere in a script that has no
 * blanks. What stands inside of a word typed (`c++`, `e-mail`) is looked for as it is. Quotes and
 * dashes may be those of phones; any blanks part words.
 *
 * The rank of a flow is the sum of those of its words, each by its best place: name, tag, author or
 * organization, description; of one place a whole word before the begin of one.
 *
 * words.c reads, words_match.c finds and ranks, words_mark.c shows where, words_near.c looks for
 * what was meant. Pure: no I/O, no memory but the arena's.
 */
#ifndef KODO_WORDS_H
#define KODO_WORDS_H

#include <stdint.h>

#include "core/base/arena.h"
#include "core/flow/bounds.h"

struct words;

/*
 * Read text (valid UTF-8). *out: NULL where it has no word to look for. All in a, a copy of text as
 * well. KODO_EINVAL: a ceiling (LIMIT_WORDS, LIMIT_WORD_BYTES), why has the reason; KODO_ENOMEM.
 */
enum kodo_err words_compile(
    struct arena *a, struct str text, struct words **out, struct why *why) MUST_CHECK;

/* A text as q has it (query.h), to be marked: words_mark. As words_compile. */
enum kodo_err words_of_text(struct arena *a, struct str text, struct words **out) MUST_CHECK;

struct str words_text(const struct words *w);	/* as given */

/* A text contained in the folded text of each flow that has the words, null if there is none. */
struct str words_needle(const struct words *w);

/* The first place in folded texts, NULs between, where the needle begins a word; NULL: none. */
const char *words_next(const struct words *w, struct str texts);

/* Can a flow with that text, which holds the needle, have the words? Costs less than words_rank. */
bool words_may_be(const struct words *w, struct str folded);

/*
 * The rank of a flow, 1 is the best; 0: it has not got the words. The bytes compared in vain are
 * added to *vain: they alone are not in proportion to the text.
 */
uint32_t words_rank(const struct words *w, struct str folded, const struct packed_bounds *bounds,
    uint64_t *vain);

/*
 * Keys of an index: hashes of the first bytes of words. A flow that has the words has in its folded
 * text all of theirs; which others have them too is for words_rank to tell. 0: none of the words
 * is long enough to have one.
 */
#define WORDS_KEYS_MAX	32u
size_t words_keys(const struct words *w, uint32_t out[WORDS_KEYS_MAX]);
/* Those of folded texts, NULs between, some of them several times. */
void words_keys_of_texts(struct str texts, void (*each)(void *arg, uint32_t key), void *arg);

/* Where words are in a text: bytes from .. to - 1. */
struct words_span {
	size_t from, to;
};

/*
 * The spans of text, which is a flow's field as it is shown, in order and apart; *spans lives in a.
 * KODO_ENOMEM.
 */
enum kodo_err words_mark(struct arena *a, const struct words *w, enum packed_bound field,
    struct str text, const struct words_span **spans, size_t *n) MUST_CHECK;

/*
 * What may have been meant, where one letter is wrong: show it the texts of all flows, which must
 * stay until words_near_end. Looked for are words that occur nowhere.
 */
struct words_near;

enum kodo_err words_near_new(
    struct arena *a, const struct words *w, struct words_near **out) MUST_CHECK;
bool words_near_is_idle(const struct words_near *n);	/* no text makes a difference (any more) */
/* Is a word bound to fields, so that each text must come alone, with the bounds of its fields? */
bool words_near_has_fields(const struct words_near *n);
/* Else folded may be several texts, NULs between, and bounds NULL. KODO_ENOMEM. */
enum kodo_err words_near_add(struct words_near *n, struct str folded,
    const struct packed_bounds *bounds) MUST_CHECK;
/*
 * The text with words in their place that occur, in the arena; null: nothing is near. Frees what
 * the arena does not hold; must be called, whatever failed.
 */
enum kodo_err words_near_end(struct words_near *n, struct str *out) MUST_CHECK;

#endif
