/*
 * Texts to look for in folded texts, by both the full text of q and words. What people copy and
 * texts that were wrapped part words by other blanks than people type; phones make of an apostrophe
 * a quote, of a hyphen a dash; input methods leave letters wide; files have accents by themselves.
 */
#ifndef KODO_WAYS_H
#define KODO_WAYS_H

#include <stdint.h>

#include "core/base/arena.h"

/* s folded (utf8.h), each run of blanks as one blank. KODO_ENOMEM. */
enum kodo_err ways_fold(struct arena *a, struct str s, struct str *out) MUST_CHECK;

/* Is it one of those that are typed as ' " -? 0: no. */
char ways_key(uint32_t cp);

/* Other ways to write s, each distinct and not s: *n of them. KODO_ENOMEM. */
#define WAYS_MAX	3u
enum kodo_err ways_other(
    struct arena *a, struct str s, struct str out[WAYS_MAX], size_t *n) MUST_CHECK;

#endif
