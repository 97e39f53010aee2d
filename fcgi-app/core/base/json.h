/*
 * Writing JSON: compact, UTF-8 not escaped. Only `"`, `\` and control characters are escaped, the
 * latter as \b \f \n \r \t where there is such a letter, else as \u00XX in lower case. Reading JSON
 * is wire.h's.
 */
#ifndef KODO_JSON_H
#define KODO_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/str.h"

void json_put_str(struct buf *b, struct str s);		/* null for a null text */
/* the same without quotes; nothing for a null text */
void json_put_inside(struct buf *b, struct str s);
void json_put_bool(struct buf *b, bool v);
void json_put_u64(struct buf *b, uint64_t v);
void json_put_time(struct buf *b, int64_t us, bool offset);	/* null for 0; see isotime_format */

/* The member's name and colon: `"name":`. key is plain ASCII that needs no escapes. */
void json_put_key(struct buf *b, const char *key);
/* A member that is a text. */
void json_put_text(struct buf *b, const char *key, struct str text);
/* Members whose values lie in a struct, in the order of a const table. */
enum json_kind {
	JSON_TEXT,		/* struct str */
	JSON_TEXT_IF_SET,	/* left out where it is null */
	JSON_JSON_IF_SET,	/* struct str that is JSON already; left out where it is null */
	JSON_NUMBER,		/* uint64_t */
	JSON_TIME,		/* int64_t us; with offset, null for 0 */
};

struct json_member {
	const char *key;
	enum json_kind kind;
	size_t at;		/* in the struct */
};

/* Members of an object without its braces, each but the first behind a comma; in: the struct. */
void json_put_members(struct buf *b, const struct json_member *all, size_t n, const void *in);
#define JSON_PUT_MEMBERS(b, table, in)	\
	json_put_members(b, table, sizeof(table) / sizeof((table)[0]), in)

/* A list of texts. */
void json_put_texts(struct buf *b, const struct str *all, size_t n);

/*
 * A lower bound of the number of first bytes of p that stand for themselves in a JSON string: up to
 * a quote, a backslash, a control character or (with ascii) a byte over 0x7f. The last n % 8 bytes
 * are not read.
 */
static inline size_t
json_plain(const char *p, size_t n, bool ascii)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
	size_t i;

	for (i = 0; i + 8 <= n; i += 8) {
		uint64_t v, quote, slash, stop;

		memcpy(&v, p + i, 8);
		quote = v ^ (ones * '"');
		slash = v ^ (ones * '\\');
		/* what is below 0x20 (or 1) borrows its top bit when that is subtracted */
		stop = (v - ones * 0x20) & ~v;
		stop |= (quote - ones) & ~quote;
		stop |= (slash - ones) & ~slash;
		stop = (ascii ? stop | v : stop) & tops;
		if (stop != 0)
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
			return i + (size_t)__builtin_ctzll(stop) / 8;
#else
			return i;
#endif
	}
	return i;
}

#endif
