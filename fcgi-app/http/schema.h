/*
 * The records of PROTOCOL.md as a table: for the API's document and for people.
 */
#ifndef KODO_SCHEMA_H
#define KODO_SCHEMA_H

#include "core/base/str.h"

struct route;

/*
 * Fields of a record in order: `?` for one that may be null, `[]` for a list, `{}` for an object of
 * such values by name. An empty field name: all fields of the record that type names. may_lack:
 * some bodies are without it.
 */
struct schema_field {
	const char *record, *field, *type;
	bool may_lack;
};

const struct schema_field *schema_fields(size_t *n);

/* The chapters of the API, in the order in which people read them. */
enum schema_part { PART_FIND, PART_BETWEEN, PART_BRIDGES, PART_OPERATE, SCHEMA_PARTS };
enum schema_part schema_part(const struct route *r);
const char *schema_part_name(enum schema_part part);
const char *schema_part_about(enum schema_part part);
const char *schema_part_path(enum schema_part part);	/* of its page: "/docs" */

/* What a call is for, in a sentence or two; NULL: its summary says it. */
const char *schema_about(const struct route *r);

const char *schema_method(const struct route *r);	/* "GET" */
const char *schema_status(const struct route *r);	/* of success: "201" */

/*
 * A recorded call of the route and its answer, from www/examples.txt. false: there is none. Texts
 * are valid until the file changes.
 */
struct schema_example {
	struct str target;		/* "/flows?pp=1" */
	struct str sent, came;		/* JSON; null: none */
};
bool schema_example(const struct route *r, struct schema_example *out);

#endif
