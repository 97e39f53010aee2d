#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/base/memfind.h"

/*
 * Longer ones are left to memmem, which is linear for all texts; here each place where the first
 * and the last byte fit costs a comparison of at most this length.
 */
#define NEEDLE_MAX	64u

#ifdef __SSE2__

#define BLOCK	sizeof(__m128i)
#define AHEAD	1024u	/* bytes */

static inline __m128i
load(const char *p)
{
	__m128i v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Of 16 places from p on those where both the first and the last byte of the needle fit. */
static inline __m128i
fits(const char *p, size_t last, __m128i a, __m128i z)
{
	return _mm_and_si128(_mm_cmpeq_epi8(load(p), a), _mm_cmpeq_epi8(load(p + last), z));
}

/* The first of those places with all of the needle. */
static inline const char *
first_hit(const char *p, __m128i places, struct str needle)
{
	unsigned mask = (unsigned)_mm_movemask_epi8(places);

	for (; mask != 0; mask &= mask - 1) {
		const char *hit = p + (unsigned)__builtin_ctz(mask);

		if (memcmp(hit + 1, needle.p + 1, needle.len - 1) == 0)
			return hit;
	}
	return NULL;
}

/* needle.len is at least 2, hay.len at least needle.len - 1 + BLOCK. */
static const char *
find_blocks(struct str hay, struct str needle)
{
	const __m128i a = _mm_set1_epi8(needle.p[0]), z = _mm_set1_epi8(needle.p[needle.len - 1]);
	const size_t last = needle.len - 1;
	const char *p = hay.p, *const end = hay.p + hay.len - last - BLOCK, *hit = NULL;
	__m128i f[4];
	unsigned i;

	/* four blocks at a time, as almost all have no place */
	for (; end - p >= (ptrdiff_t)(3 * BLOCK); p += 4 * BLOCK) {
		/* processors by themselves stop at the end of a page of memory */
		__builtin_prefetch(p + AHEAD);
		f[0] = fits(p, last, a, z);
		f[1] = fits(p + BLOCK, last, a, z);
		f[2] = fits(p + 2 * BLOCK, last, a, z);
		f[3] = fits(p + 3 * BLOCK, last, a, z);
		if (_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(f[0], f[1]),
		    _mm_or_si128(f[2], f[3]))) == 0)
			continue;
		for (i = 0; i < 4; i++)
			if ((hit = first_hit(p + i * BLOCK, f[i], needle)) != NULL)
				return hit;
	}
	for (; p < end && hit == NULL; p += BLOCK)
		hit = first_hit(p, fits(p, last, a, z), needle);
	/* the last block overlaps the one before */
	return hit != NULL ? hit : first_hit(end, fits(end, last, a, z), needle);
}

#else

#define BLOCK	SIZE_MAX

static const char *
find_blocks(struct str hay, struct str needle)
{
	return memmem(hay.p, hay.len, needle.p, needle.len);
}

#endif

const char *
memfind(struct str hay, struct str needle)
{
	if (needle.len == 0 || hay.len < needle.len)
		return needle.len == 0 ? hay.p : NULL;
	if (needle.len > 1 && needle.len <= NEEDLE_MAX && hay.len - needle.len + 1 >= BLOCK)
		return find_blocks(hay, needle);
	return memmem(hay.p, hay.len, needle.p, needle.len);
}
