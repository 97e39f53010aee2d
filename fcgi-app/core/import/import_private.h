/* What the files of families share. */
#ifndef KODO_IMPORT_PRIVATE_H
#define KODO_IMPORT_PRIVATE_H

#include <stddef.h>

#include "core/import/import.h"

/* A member of an object that is a text, and where in struct import_entry it goes. */
struct import_field {
	const char *name;
	size_t at;
};
#define IMPORT_FIELD(name, member)	{ name, offsetof(struct import_entry, member) }
#define IMPORT_FIELDS_MAX	8u

/*
 * The texts of an object by their names; what is no text, or empty, is as if it were not there. The
 * first of several fields for one place wins.
 */
enum kodo_err import_take_texts(struct import_reader *r, struct str object,
    const struct import_field *fields, size_t n, struct import_entry *e) MUST_CHECK;

/* A member by its name; null: not there. KODO_ENOMEM. */
enum kodo_err import_member(struct import_reader *r, struct str object, const char *name,
    struct str *out) MUST_CHECK;
/* The same where it is a text; else null. */
enum kodo_err import_text(struct import_reader *r, struct str object, const char *name,
    struct str *out) MUST_CHECK;

/*
 * The tag of the source, more tags, and the texts of a list behind them; n_tags over LIMIT_TAGS:
 * too many. list may be null. Of an entry without its id, space and slug, which is refused
 * whatever its tags are, none are read.
 */
enum kodo_err import_take_tags(struct import_reader *r, struct str list, const char *const more[],
    struct import_entry *e) MUST_CHECK;

/*
 * Text as a part of a url: letters in lower case, digits, dots, - and _; others are -, and where
 * that lost something 8 digits of a hash follow.
 */
enum kodo_err import_slug(struct arena *a, struct str text, struct str *out) MUST_CHECK;
/* Is it one as it stands, and neither . nor ..? */
bool import_is_slug(struct str s);

/* url with a query member behind its others, in the place of those of that name. */
enum kodo_err import_put_query(struct import_reader *r, struct str url, const char *name,
    struct str value, struct str *out) MUST_CHECK;

/* url as a reference within the document; null: it leads nowhere. */
enum kodo_err import_join(struct import_reader *r, struct str url, struct str *out) MUST_CHECK;

/* Judge an entry and hand it over, or refuse it. */
enum kodo_err import_give(struct import_reader *r, const struct import_entry *e) MUST_CHECK;
/* Judge a document that this one names; what is too deep is refused. */
enum kodo_err import_give_doc(struct import_reader *r, struct str url) MUST_CHECK;
/* The page behind this one, at the same depth. */
enum kodo_err import_give_next(
    struct import_reader *r, const char *name, struct str cursor) MUST_CHECK;

/* The families. object: the whole document. KODO_EINVAL: it is none, why is set. */
enum kodo_err import_read_mcp(
    struct import_reader *r, struct str object, struct why *why) MUST_CHECK;
enum kodo_err import_read_ard(
    struct import_reader *r, struct str object, struct why *why) MUST_CHECK;
enum kodo_err import_read_a2a(
    struct import_reader *r, struct str object, struct why *why) MUST_CHECK;
enum kodo_err import_read_openapi(
    struct import_reader *r, struct str object, struct why *why) MUST_CHECK;
enum kodo_err import_read_kodosumi(
    struct import_reader *r, struct str object, struct why *why) MUST_CHECK;

#endif
