/*
 * A number for each text: a hash table in the order of insertion. Texts are not copied. They may
 * come from outside, so the hash is SipHash with the key of this process.
 */
#ifndef KODO_STRMAP_H
#define KODO_STRMAP_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/str.h"

struct strmap_entry {
	struct str text;
	uint64_t hash;
	uint64_t value;		/* the caller's; 0 at first */
};

/* All zeros: empty. */
struct strmap {
	struct strmap_entry *all;	/* n of them, in the order of insertion */
	size_t n, cap;
	struct strmap_slot *slots;
	size_t n_slots;
};

void strmap_free(struct strmap *m);	/* leaves an empty one */

/*
 * Find text, or add it with the value 0: *i is its place in all, which stays; all itself moves.
 * Must not be called any more once all is sorted. KODO_ENOMEM.
 */
enum kodo_err strmap_find(struct strmap *m, struct str text, uint32_t *i) MUST_CHECK;

#endif
