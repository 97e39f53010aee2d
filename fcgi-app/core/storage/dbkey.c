#include "core/storage/dbkey.h"

static void
put_be(unsigned char *out, uint64_t v, size_t n)
{
	while (n-- > 0) {
		out[n] = (unsigned char)v;
		v >>= 8;
	}
}

static uint64_t
get_be(const void *p, size_t n)
{
	const unsigned char *c = p;
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < n; i++)
		v = v << 8 | c[i];
	return v;
}

struct str
key_u32(unsigned char out[4], uint32_t a)
{
	put_be(out, a, 4);
	return (struct str){ (const char *)out, 4 };
}

struct str
key_u64(unsigned char out[8], uint64_t a)
{
	put_be(out, a, 8);
	return (struct str){ (const char *)out, 8 };
}

struct str
key_u32_u32(unsigned char out[8], uint32_t a, uint32_t b)
{
	put_be(out, a, 4);
	put_be(out + 4, b, 4);
	return (struct str){ (const char *)out, 8 };
}

struct str
key_u32_u64(unsigned char out[12], uint32_t a, uint64_t b)
{
	put_be(out, a, 4);
	put_be(out + 4, b, 8);
	return (struct str){ (const char *)out, 12 };
}

uint32_t
get_be32(const void *p)
{
	return (uint32_t)get_be(p, 4);
}

uint64_t
get_be64(const void *p)
{
	return get_be(p, 8);
}
