/* Fields of what is stored: numbers little-endian, texts with their length before them. */
#ifndef KODO_CODEC_H
#define KODO_CODEC_H

#include <stdint.h>
#include <string.h>

#include "core/base/buf.h"

#define NULL_LEN UINT32_MAX	/* length of a null text */

struct reader {
	const unsigned char *p, *end;
	bool bad;		/* sticky: shorter than its fields, or a time that is none */
};

static inline struct reader
reader_of(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;

	return (struct reader){ p, s.len == 0 ? p : p + s.len, false };
}

/* The next n bytes. NULL: there are not as many. */
static inline const unsigned char *
read_bytes(struct reader *r, size_t n)
{
	const unsigned char *p = r->p;

	if ((size_t)(r->end - p) < n) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	return p;
}

/* Written out, so that the compiler makes one load of it. */
static inline uint32_t
get_le32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void
put_le32(unsigned char *p, uint32_t v)
{
	p[0] = (unsigned char)v;
	p[1] = (unsigned char)(v >> 8);
	p[2] = (unsigned char)(v >> 16);
	p[3] = (unsigned char)(v >> 24);
}

static inline uint64_t
get_le64(const unsigned char *p)
{
	return get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

static inline void
put_le64(unsigned char *p, uint64_t v)
{
	put_le32(p, (uint32_t)v);
	put_le32(p + 4, (uint32_t)(v >> 32));
}

static inline uint32_t
read_u32(struct reader *r)
{
	const unsigned char *p = read_bytes(r, 4);

	return p == NULL ? 0 : get_le32(p);
}

static inline uint64_t
read_u64(struct reader *r)
{
	const unsigned char *p = read_bytes(r, 8);

	return p == NULL ? 0 : get_le64(p);
}

/* What is further from the epoch is no time, and could not be reckoned with. */
#define TIME_END_US	(1ll << 62)

static inline bool
is_time(int64_t us)
{
	return us > -TIME_END_US && us < TIME_END_US;
}

static inline int64_t
read_time(struct reader *r)
{
	const int64_t us = (int64_t)read_u64(r);

	if (is_time(us))
		return us;
	r->bad = true;
	return 0;
}

static inline void
read_str(struct reader *r, struct str *out)
{
	uint32_t len = read_u32(r);

	*out = STR_NULL;
	if (r->bad || len == NULL_LEN)
		return;
	if ((size_t)(r->end - r->p) < len) {
		r->bad = true;
		return;
	}
	*out = (struct str){ (const char *)r->p, len };
	r->p += len;
}

static inline void
write_str(struct buf *b, struct str s)
{
	buf_put_u32(b, s.p == NULL ? NULL_LEN : (uint32_t)s.len);
	buf_put_str(b, s);
}

#endif
