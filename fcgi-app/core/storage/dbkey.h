/* Keys of big-endian numbers, whose bytes sort as the numbers do; in the caller's buffer. */
#ifndef KODO_DBKEY_H
#define KODO_DBKEY_H

#include <stdint.h>

#include "core/base/str.h"

struct str key_u32(unsigned char out[4], uint32_t a);
struct str key_u64(unsigned char out[8], uint64_t a);
struct str key_u32_u32(unsigned char out[8], uint32_t a, uint32_t b);
struct str key_u32_u64(unsigned char out[12], uint32_t a, uint64_t b);

/* The first number of what p points to, which may be unaligned. */
uint32_t get_be32(const void *p);
uint64_t get_be64(const void *p);

#endif
