#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "find.h"

/*
 * Longer ones are left to memmem, which is linear whatever the texts are; here a place where the
 * first and the last byte fit costs a comparison of this length at most.
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
static inline unsigned
fits(const char *p, size_t last, __m128i a, __m128i z)
{
	return (unsigned)_mm_movemask_epi8(
	    _mm_and_si128(_mm_cmpeq_epi8(load(p), a), _mm_cmpeq_epi8(load(p + last), z)));
}

/* needle.len is at least 2. Returns the place, or NULL and *done: so many places were tried. */
static const char *
find_blocks(struct str hay, struct str needle, size_t *done)
{
	const __m128i a = _mm_set1_epi8(needle.p[0]), z = _mm_set1_epi8(needle.p[needle.len - 1]);
	const size_t last = needle.len - 1;
	const char *hit;
	unsigned mask;
	size_t i;

	for (i = 0; i + last + BLOCK <= hay.len; i += BLOCK) {
		/* processors by themselves stop at the end of a page of memory */
		__builtin_prefetch(hay.p + i + AHEAD);
		for (mask = fits(hay.p + i, last, a, z); mask != 0; mask &= mask - 1) {
			hit = hay.p + i + (unsigned)__builtin_ctz(mask);
			if (memcmp(hit + 1, needle.p + 1, last) == 0)
				return hit;
		}
	}
	*done = i;
	return NULL;
}

#else

static const char *
find_blocks(struct str hay, struct str needle, size_t *done)
{
	(void)hay;
	(void)needle;
	*done = 0;
	return NULL;
}

#endif

const char *
find_text(struct str hay, struct str needle)
{
	const char *hit;
	size_t done = 0;

	if (needle.len == 0 || hay.len < needle.len)
		return needle.len == 0 ? hay.p : NULL;
	if (needle.len > 1 && needle.len <= NEEDLE_MAX) {
		hit = find_blocks(hay, needle, &done);
		if (hit != NULL)
			return hit;
	}
	return memmem(hay.p + done, hay.len - done, needle.p, needle.len);
}
