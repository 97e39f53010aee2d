/*
 * Hashes of texts from outside, which must not be made to collide: SipHash-2-4
 * (https://www.aumasson.jp/siphash/siphash.pdf).
 */
#ifndef KODO_HASH_H
#define KODO_HASH_H

#include <stdint.h>

#include "core/base/str.h"

struct hash_key {
	uint64_t k0, k1;
};

/* The same always and everywhere, for hashes that are stored or sent. All 64 bits must count. */
#define HASH_STORED	((struct hash_key){ 0, 0 })

/* Random, one a process: for tables in memory, which use only some of the bits. */
struct hash_key hash_key_own(void);

uint64_t hash_text(struct hash_key key, struct str s);

#endif
