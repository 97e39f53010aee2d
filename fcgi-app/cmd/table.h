/*
 * Tables for people. On a terminal a table keeps to its width: columns that say less go, texts are
 * cut, what must be read whole (an error) stands on a line of its own; urls are never cut.
 * Elsewhere, and with -o wide, all columns are there and nothing is cut. Text of the wire cannot
 * move the cursor or change colours: controls and marks that turn the direction of text are shown
 * as \xNN.
 */
#ifndef KODO_TABLE_H
#define KODO_TABLE_H

#include <stdint.h>

#include "cmd/colour.h"
#include "core/base/arena.h"

#define TABLE_COLUMNS	16u

enum table_kind {
	TABLE_TEXT,	/* may be cut */
	TABLE_WHOLE,	/* a url; the first of them is the name of the row */
	TABLE_BELOW,	/* on a line of its own where the terminal is too narrow */
};

struct table_column {
	const char *name;
	enum table_kind kind;
	unsigned drop;	/* on a narrow terminal the highest goes first; 0: stays */
};

enum table_output { TABLE_FIT, TABLE_WIDE, TABLE_NAMES };

struct table;

/* columns: up to one without a name; they stay the caller's. NULL: memory ran out. */
struct table *table_new(struct arena *a, const struct table_column columns[]);

/* The next cell of the last row; texts are copied. */
void table_put(struct table *t, struct str text);
void table_put_coloured(struct table *t, struct str text, enum colour colour);
void table_put_u64(struct table *t, uint64_t n);
void table_put_ago(struct table *t, int64_t us, int64_t now_us);	/* `3m`; 0: `-` */
void table_end_row(struct table *t);

/* "3m", "in 8s"; 0: "-". */
#define TABLE_AGO_BYTES	32u
const char *table_ago(int64_t us, int64_t now_us, char out[TABLE_AGO_BYTES]);

/* Print to standard output; TABLE_NAMES: the names of the rows only. KODO_ENOMEM, KODO_EIO. */
enum kodo_err table_print(const struct table *t, enum table_output output) MUST_CHECK;

#endif
