/*
 * Structured fields of HTTP (RFC 8941), as far as signatures use them: a dictionary whose members
 * are byte sequences or inner lists of strings, with parameters. Read strictly, without copies.
 *
 *	struct sfv_walk w = sfv_begin(text);
 *	while (sfv_next(&w, &m))
 *		...
 *	if (w.is_bad)		it is no such dictionary, perhaps only behind what was seen
 */
#ifndef KODO_SFV_H
#define KODO_SFV_H

#include <stdint.h>

#include "core/base/str.h"

enum sfv_kind { SFV_BYTES, SFV_LIST };

struct sfv_member {
	struct str key;
	enum sfv_kind kind;
	struct str bytes;	/* SFV_BYTES: the base64 between the colons */
	struct str items;	/* SFV_LIST: what stands between the parentheses */
	struct str params;	/* from the first `;` on, or empty */
	struct str text;	/* the whole value with its parameters, as written */
};

struct sfv_walk {
	struct str rest;
	bool is_begun, is_bad;
};

struct sfv_walk sfv_begin(struct str field);
bool sfv_next(struct sfv_walk *w, struct sfv_member *out);

/*
 * The next item of an inner list, a string without escapes, and its parameters. *rest was the
 * member's items before. False: it was the last one.
 */
bool sfv_next_item(struct str *rest, struct str *text, struct str *params);

/*
 * The value of a parameter: a string (without quotes), an integer, or a boolean ("" for true).
 * False: there is none. Of several the last counts.
 */
bool sfv_param(struct str params, struct str name, struct str *value);

#endif
