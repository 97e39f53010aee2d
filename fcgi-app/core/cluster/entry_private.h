/*
 * What entry.c, entry_table.c and apply.c share.
 */
#ifndef KODO_CLUSTER_ENTRY_PRIVATE_H
#define KODO_CLUSTER_ENTRY_PRIVATE_H

#include "core/cluster/entry.h"
#include "core/cluster/fields.h"

struct entry {
	struct entry_head head;
	const struct entry_row *row;
	void *arg;			/* as row->type has it */
	const struct options *options;	/* see struct change_run */
};

/* What an entry of a kind holds. */
struct entry_row {
	const struct change_type *type;	/* NULL: entries of that kind are no changes */
	struct shape in, out;		/* of arg: what it says, and what is said after */
	/* after arg was read: what follows from it; NULL: nothing */
	enum kodo_err (*complete)(struct arena *a, struct entry *e);
};

extern const struct entry_row entry_rows[CHANGE_KINDS];

/* Read all of it, in a and within bytes. Errors as entry_head_read, and KODO_ENOMEM. */
enum kodo_err entry_read(struct arena *a, struct str bytes, struct entry *out) MUST_CHECK;

/* Append what came of a run: err, and what is said after it. */
void entry_result_write(struct buf *out, const struct change_run *run, enum kodo_err err);

/* Does an error say that the change is refused, as it is everywhere; or is it of this machine? */
bool entry_is_refused(enum kodo_err err);

#endif
