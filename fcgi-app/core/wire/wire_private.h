/*
 * The reader that the files of wire.h share: it walks checked JSON (jread.h) by tables of fields,
 * gathers errors in the order of fields, and leaves out nodes over a ceiling.
 *
 * After a failure of memory (r->err) all calls do nothing: it is enough to test it at the end.
 */
#ifndef KODO_WIRE_PRIVATE_H
#define KODO_WIRE_PRIVATE_H

#include "core/flow/packed.h"
#include "core/wire/jread.h"
#include "core/wire/wire.h"

#define WIRE_ERRORS	1000u	/* more are counted, not listed */

/* The place of a value: a member name or an index, and the place of its container. */
struct wire_at {
	const struct wire_at *up;
	struct str name;	/* null: index */
	size_t index;
};

struct wire_reader {
	struct arena *a;	/* of the result */
	struct arena *node_a;	/* texts of the node at hand */
	struct arena *flow_a;	/* texts of the flow at hand */
	struct arena *texts;	/* the one of these that takes texts at the moment */
	struct jread *j;
	struct str json;
	struct str own_key;
	int64_t now_us;
	struct wire_body *body;

	struct buf errors;	/* struct wire_error */
	size_t n_errors;
	size_t error_at;	/* byte of the first */

	bool lenient;		/* over a ceiling: left out instead of an error */
	bool is_cache;		/* the same for a url that is none */
	struct str over;	/* why the node or entry at hand is left out; null: it is not */

	struct packed_writer packer;
	size_t n_listed;	/* elements of the list of nodes, left out or not */
	size_t stored;		/* bytes that the nodes so far take, see LIMIT_STORED_BYTES */
	struct buf nodes;	/* struct wire_node */
	struct buf left_out;	/* struct wire_left_out */
	struct buf gone;	/* struct wire_gone */
	struct buf silent;	/* struct wire_silent */
	enum kodo_err err;
};

enum wire_type { WIRE_TEXT, WIRE_URL, WIRE_BOOL, WIRE_TIME, WIRE_INTEGER, WIRE_LIST, WIRE_OBJECT,
    WIRE_ANY };

typedef void wire_read_fn(struct wire_reader *r, const struct wire_at *at, struct str value,
    void *target);

/* One member of an object. Unless required it may be null, and then leaves the target as it is. */
struct wire_field {
	const char *name;
	enum wire_type type;
	bool required;
	uint32_t max;		/* bytes of a text or url */
	/* in the target: struct str, bool, int64_t (time), uint64_t (integer) */
	size_t offset;
	wire_read_fn *read;	/* called with a value of that type, after it was stored; or NULL */
};

#define WIRE_FIELDS_MAX 16u
/* a table and its length, which the compiler holds to WIRE_FIELDS_MAX */
#define WIRE_TABLE(fields) (fields), \
    sizeof(fields) / sizeof((fields)[0]) + \
	0 * sizeof(char[sizeof(fields) / sizeof((fields)[0]) <= WIRE_FIELDS_MAX ? 1 : -1])

enum kodo_err wire_reader_init(struct wire_reader *r, struct arena *a, struct str json) MUST_CHECK;
void wire_reader_free(struct wire_reader *r);

/* An error at at (NULL: the body as a whole), on the value, or on the object that lacks one. */
void wire_fail(struct wire_reader *r, const struct wire_at *at, struct str value, const char *fmt,
    ...) PRINTF_LIKE(4, 5);

/* value is over a ceiling: left out if lenient, else an error. unit is NULL for a list. */
void wire_over(struct wire_reader *r, const struct wire_at *at, struct str value, uint32_t max,
    const char *unit);

/* No error so far, and nothing over a ceiling? */
bool wire_is_clean(const struct wire_reader *r);

/* List url as left out, for r->over or, if not NULL, for reason. */
void wire_leave_out(struct wire_reader *r, struct str url, const char *reason);

void wire_read_fields(struct wire_reader *r, const struct wire_at *up,
    const struct wire_field *fields, size_t n, struct str object, void *target);

/*
 * Call read for each element of a list or member of an object, with its index or name in at.
 * Returns how many there are.
 */
size_t wire_read_each(struct wire_reader *r, const struct wire_at *at, struct str container,
    wire_read_fn *read, void *target);

void wire_read_text(struct wire_reader *r, const struct wire_at *at, struct str value, uint32_t max,
    struct str *out);
void wire_read_url(struct wire_reader *r, const struct wire_at *at, struct str value,
    struct str *out);
void wire_read_time(struct wire_reader *r, const struct wire_at *at, struct str value, int64_t *us);

/* The raw name of a member, as wire_read_each puts it into at, without its quotes and escapes. */
struct str wire_name(struct wire_reader *r, struct str raw);

/* The key of url; null after an error, which is listed. */
struct str wire_key(struct wire_reader *r, const struct wire_at *at, struct str value,
    struct str url);

/* wire_read_fn for an element of nodes: appended packed to r->nodes, or to r->left_out. */
void wire_read_node(struct wire_reader *r, const struct wire_at *at, struct str value,
    void *unused);

/* wire_read_fn for `kodo`; target is the body. */
void wire_read_kodo(struct wire_reader *r, const struct wire_at *at, struct str value,
    void *target);

/* After the last node: see wire_body.nodes. */
void wire_nodes_end(struct wire_reader *r);

/* After all: leave out nodes and tombstones with a version out of range. */
void wire_versions_end(struct wire_reader *r);

/* Append a record to a list of the reader. */
void wire_push(struct wire_reader *r, struct buf *list, const void *record, size_t n);

/* Copy a list of the reader to r->a. */
void *wire_take(struct wire_reader *r, const struct buf *list, size_t size, size_t *n);

#endif
