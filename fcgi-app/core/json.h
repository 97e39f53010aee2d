/*
 * Writing JSON: compact, UTF-8 not escaped. Only `"`, `\` and control characters are escaped, the latter as \b \f \n \r \t
 * where there is such a letter, else as \u00XX in lower case. Reading JSON is wire.h's.
 */
#ifndef KODO_JSON_H
#define KODO_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "str.h"

void json_put_str(struct buf *b, struct str s);		/* null for a null text */
void json_put_bool(struct buf *b, bool v);
void json_put_u64(struct buf *b, uint64_t v);
void json_put_time(struct buf *b, int64_t us, bool offset);	/* null for 0; see isotime_format */

/* The member's name and colon: `"name":`. key is plain ASCII that needs no escapes. */
void json_put_key(struct buf *b, const char *key);

#endif
