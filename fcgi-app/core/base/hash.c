#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"

struct hash_key
hash_key_own(void)
{
	static struct hash_key key;

	if (key.k0 == 0)
		arc4random_buf(&key, sizeof(key));
	return key;
}

static inline uint64_t
rotl(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void
sip_rounds(uint64_t v[4], unsigned n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] = rotl(v[0], 32) + v[3];
		v[2] += v[1];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[2] = rotl(v[2], 32);
	}
}

static inline void
sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_rounds(v, 2);
	v[0] ^= word;
}

uint64_t
hash_text(struct hash_key key, struct str s)
{
	uint64_t v[4] = { key.k0 ^ 0x736f6d6570736575, key.k1 ^ 0x646f72616e646f6d,
		key.k0 ^ 0x6c7967656e657261, key.k1 ^ 0x7465646279746573 };
	uint64_t word;
	size_t i;

	for (i = 0; i + 8 <= s.len; i += 8) {
		memcpy(&word, s.p + i, 8);
		sip_word(v, le64toh(word));
	}
	word = 0;
	if (i < s.len)	/* the text of no bytes may be NULL */
		memcpy(&word, s.p + i, s.len - i);
	sip_word(v, le64toh(word) | (uint64_t)s.len << 56);
	v[2] ^= 0xFF;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
