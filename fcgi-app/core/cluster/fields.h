/*
 * Structs as bytes by tables of their fields: numbers as LEB128, texts and lists with their length
 * before them. What is read is checked: a field that does not fit, a number over its ceiling or a
 * time that is none makes all of it bad.
 */
#ifndef KODO_FIELDS_H
#define KODO_FIELDS_H

#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/codec.h"

enum field_type {
	FIELD_NUMBER,	/* of size bytes, unsigned or not; below max, where that is not 0 */
	FIELD_BOOL,
	FIELD_TIME,	/* an int64_t, see is_time */
	FIELD_BYTES,	/* size of them */
	FIELD_TEXT,	/* struct str; null stays null */
	FIELD_WORDS,	/* const char *; NULL stays NULL */
	FIELD_CHARS,	/* char[size], terminated */
	FIELD_GROUP,	/* a struct within */
	FIELD_POINTER,	/* to a struct; NULL stays NULL; when read it is made */
	FIELD_INTO,	/* to a struct that is there */
	FIELD_LIST,	/* to the first of n structs; when read they are made */
	FIELD_ARRAY,	/* n of at most max structs within */
	FIELD_BODY,	/* struct wire_body, but its speaker: as JSON, read again */
	FIELD_CACHE,	/* struct wire_cache, in the same way */
	FIELD_OPTIONS	/* struct options, but its flows: option_write */
};

struct shape;

struct field {
	enum field_type type;
	size_t at, size;
	size_t n_at, n_size;	/* of a list: where its number is */
	uint64_t max;
	const struct shape *shape;
};

struct shape {
	const struct field *fields;
	size_t n;
	size_t size;		/* of the struct */
};

void fields_write(struct buf *out, const struct shape *s, const void *from);

/*
 * Texts point into what is read; made structs, and what had to be changed, live in a. KODO_EINVAL:
 * it is bad. KODO_ENOMEM.
 */
enum kodo_err fields_read(
    struct arena *a, struct reader *r, const struct shape *s, void *to) MUST_CHECK;

void fields_write_number(struct buf *out, uint64_t n);
uint64_t fields_read_number(struct reader *r);

#endif
