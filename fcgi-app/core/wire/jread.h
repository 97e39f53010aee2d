/*
 * Reading JSON in two steps, without a tree: a text is checked as a whole, strictly, and then
 * walked, value by value, where nothing can be malformed any more. A value is its bytes in that
 * text, from the first to the last; the null str is "not there".
 *
 * Strict: RFC 8259, and besides UTF-8 without NUL, surrogates in pairs, at most LIMIT_DEPTH levels,
 * numbers in the range of a double. jread.c is the only includer of json-c, which turns numbers and
 * texts with escapes into values.
 */
#ifndef KODO_JREAD_H
#define KODO_JREAD_H

#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/str.h"

struct jread_fault {
	const char *text;	/* static: "expected ':'"; NULL: the text ended too early */
	size_t at;		/* byte; the end where the text ended too early */
};

/* Is json one well-formed value with blanks at most around it? *value is then that value. */
bool jread_check(struct str json, struct str *value, struct jread_fault *fault) MUST_CHECK;

enum jread_kind { JREAD_ABSENT, JREAD_NULL, JREAD_BOOL, JREAD_NUMBER, JREAD_TEXT, JREAD_LIST,
    JREAD_OBJECT };

enum jread_kind jread_kind(struct str value);

/* A converter of values to texts and numbers; it owns a tokener of json-c. */
struct jread;

struct jread *jread_new(void);		/* NULL: memory ran out */
void jread_free(struct jread *j);

/* A walk over the elements of a list or the members of an object, of a checked text. */
struct jread_walk {
	const char *at;
	const char *end;
	bool is_object;
};

void jread_begin(struct jread_walk *w, struct str container);

/*
 * The next element; *key is the raw member name with its quotes (null in a list). False at the end.
 */
bool jread_next(struct jread_walk *w, struct str *key, struct str *value);

/*
 * values[i] becomes the value of the member of object named names[i], the last one if there are
 * several, or null. KODO_ENOMEM.
 */
enum kodo_err jread_fields(struct jread *j, struct str object, const char *const names[], size_t n,
    struct str values[]) MUST_CHECK;

/*
 * A JREAD_TEXT value (or a key) without quotes and escapes; points into it where there are no
 * escapes, else into a. KODO_ENOMEM.
 */
enum kodo_err jread_text(struct jread *j, struct arena *a, struct str value,
    struct str *out) MUST_CHECK;

/* A JREAD_NUMBER value. KODO_ENOMEM. */
enum kodo_err jread_number(struct jread *j, struct str value, double *out) MUST_CHECK;

/*
 * A JREAD_NUMBER value written without fraction and exponent; larger than UINT64_MAX gives that,
 * below zero gives *negative. KODO_EINVAL: a fraction or exponent; KODO_ENOMEM.
 */
enum kodo_err jread_integer(struct jread *j, struct str value, uint64_t *out,
    bool *negative) MUST_CHECK;

#endif
