/*
 * Base64 (RFC 4648), read strictly: no blanks, no bits left over, and padding just where the
 * alphabet has it, so that equal bytes have one text.
 */
#ifndef KODO_BASE64_H
#define KODO_BASE64_H

#include "core/base/arena.h"
#include "core/base/buf.h"

enum base64_alphabet {
	BASE64,		/* section 4, with padding */
	BASE64_URL	/* section 5, without: of JOSE, and of keys as people see them */
};

void base64_put(struct buf *out, enum base64_alphabet alphabet, struct str bytes);

/* Into a. KODO_EINVAL: it is none. KODO_ENOMEM. */
enum kodo_err base64_read(struct arena *a, enum base64_alphabet alphabet, struct str text,
    struct str *out) MUST_CHECK;
/* Of just n bytes, into out. KODO_EINVAL. */
enum kodo_err base64_read_n(
    enum base64_alphabet alphabet, struct str text, unsigned char *out, size_t n) MUST_CHECK;

#endif
