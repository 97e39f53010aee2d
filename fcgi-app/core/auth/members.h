/*
 * The members of a JSON object of a token or a key: read strictly, as two readers that each take
 * another one of two members of one name could be played off against each other (RFC 7515, 4).
 */
#ifndef KODO_MEMBERS_H
#define KODO_MEMBERS_H

#include "core/wire/jread.h"

/*
 * values[i] becomes the member named names[i], or null. KODO_EINVAL: object is no object, two of
 * its members have one name, or it has more than LIMIT_JWT_MEMBERS. KODO_ENOMEM.
 */
enum kodo_err members_read(struct jread *j, struct arena *a, struct str object,
    const char *const names[], size_t n, struct str values[]) MUST_CHECK;

/* The member named name, or null. Errors as members_read. */
enum kodo_err members_find(struct jread *j, struct arena *a, struct str object, struct str name,
    struct str *out) MUST_CHECK;

/* The text of a value; null where it is no text. KODO_ENOMEM. */
enum kodo_err members_text(
    struct jread *j, struct arena *a, struct str value, struct str *out) MUST_CHECK;

#endif
