/* What the files of walk.h share. */
#ifndef KODO_IMPORT_WALK_PRIVATE_H
#define KODO_IMPORT_WALK_PRIVATE_H

#include "core/import/walk.h"
#include "core/registry/registry_private.h"

#define HOUR_US		(3600ll * 1000000)
/* of the documents that are to be fetched */
#define QUEUE_BYTES	65536u

/*
 * What the changes of imports take and return. An entry of a cluster's log has all of it.
 */

/* CHANGE_WALK_NEXT: begin a walk of that source where none is on its way. */
struct walk_next {
	struct str slug;
	struct walk_work work;	/* after: what is next; texts in the change's arena */
};

/* CHANGE_WALK_TAKE: an answer as it was read, so many of its entries in each. */
struct walk_page {
	const struct walk_work *work;
	const struct walk_answer *answer;	/* without its body */
	uint64_t n_bytes;			/* of that */
	unsigned kind;				/* enum import_kind */
	const char *why;			/* it cannot be read; NULL: it can */
	const struct import_entry *entries;
	size_t n_entries;
	const struct import_doc *docs;		/* that it names */
	size_t n_docs;
	uint32_t refused[IMPORT_REFUSALS];
	size_t n_refused;			/* IMPORT_REFUSALS */
	struct str example;			/* of one that was refused */
	bool is_first, is_last;			/* of the changes of that answer */
	/* those that were live, and of them seen before in this walk */
	size_t n_live, n_again;		/* before this change */
	size_t live_now, again_now;	/* after it */
	bool is_over;	/* after: the walk has gone on, or ended, meanwhile */
};

/* CHANGE_WALK_SETTLE: a step of a source whose documents have come. */
struct walk_settling {
	struct str slug;
	const struct settle_rivals *rivals;
	bool is_full;		/* a step had no room: the rest is left to the next walk */
	/* after: */
	bool is_done, is_ended;
	struct source s;	/* its slug, numbers and error; texts in the change's arena */
	uint32_t n_refused;
};

/* CHANGE_WALK_DOUBTS: namespaces that are to be looked at. */
struct walk_doubt {
	struct str slug, space;
	uint32_t node;		/* another registry's that shows it; or, is_own, ours */
	bool is_own;		/* others state what is below our own url */
};
struct walk_doubts {
	struct walk_doubt *all;
	size_t n;
	uint64_t position;	/* in the log of changes, to be stored */
	bool is_to_store;
};

/* CHANGE_WALK_WISH: see walk_want and walk_forget. */
struct walk_wish {
	struct str text;
	bool is_over;			/* it is to be forgotten */
	char slug[WALK_SLUG_BYTES];	/* after */
};

extern const struct change_type change_walk_next, change_walk_take, change_walk_settle,
    change_walk_doubts, change_walk_wish;

/* The first document of the queue, which is not taken off. false: it is empty. */
bool walk_queue_first(struct str queue, struct import_doc *out);
/* The queue without it. */
struct str walk_queue_rest(struct str queue);
void walk_queue_put(struct buf *out, const struct import_doc *doc);

/* The documents that a walk begins with: the first that can be read is what the source is. */
enum kodo_err walk_queue_begin(struct arena *a, const struct source *s,
    const struct option_import *o, struct str *out) MUST_CHECK;

/* The url of a page of an MCP registry, without what walk_queue_begin has put behind it. */
struct str walk_queue_root(const struct source *s, struct str url);

/*
 * The walk is over, whole or by s->error; nodes are made next. retry_after_s: the source asks for
 * it.
 */
void walk_end(struct source *s, int64_t now_us, unsigned retry_after_s);

/* The peer of a source, made where it is missing. */
enum kodo_err walk_peer(struct change *ch, struct source *s, struct peer **out) MUST_CHECK;

#endif
