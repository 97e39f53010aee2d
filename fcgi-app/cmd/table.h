/*
 * Tables for people on a terminal: columns as wide as their cells, the last one cut at the edge of
 * the terminal. Text of the wire cannot move the cursor or change colours: controls and marks that
 * turn the direction of text are shown as `?`.
 */
#ifndef KODO_TABLE_H
#define KODO_TABLE_H

#include <stdint.h>

#include "core/base/arena.h"

#define TABLE_COLUMNS	16u

struct table;

/* names: of the columns, up to a NULL. NULL: memory ran out. */
struct table *table_new(struct arena *a, const char *const names[]);

/* The next cell of the last row; texts are copied. */
void table_put(struct table *t, struct str text);
void table_put_u64(struct table *t, uint64_t n);
void table_put_ago(struct table *t, int64_t us, int64_t now_us);	/* `3m`; 0: `-` */
void table_end_row(struct table *t);

/* Print to standard output. KODO_ENOMEM, KODO_EIO. */
enum kodo_err table_print(const struct table *t) MUST_CHECK;

#endif
