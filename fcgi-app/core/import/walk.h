/*
 * Reading sources (option `import`): what is to be done next, and what came of it, one transaction
 * each.
 *
 *	while (walk_next(..) == KODO_OK)
 *		WALK_FETCH	fetch work.doc, then walk_take
 *		WALK_SETTLE	walk_settle, again and again
 *
 * A walk goes through the documents of a source. The place in it is stored with each document, so
 * that it goes on after the end of a process. Only after a whole walk of all entries is concluded
 * what has gone; one that fails leaves what it has brought, and says why.
 */
#ifndef KODO_IMPORT_WALK_H
#define KODO_IMPORT_WALK_H

#include "core/import/settle.h"
#include "core/registry/registry.h"

enum walk_step { WALK_FETCH, WALK_SETTLE };

/* Something to do for a source. Texts live in the arena that was given. */
struct walk_work {
	enum walk_step step;
	struct str slug;
	struct import_doc doc;	/* of WALK_FETCH */
	struct str etag;	/* to be sent; null: none */
	uint64_t walk;
	bool is_listed;		/* its host is that of the source, which the operator has named */
};

/*
 * The first thing due, of sources that are not among busy. KODO_ENOTFOUND: nothing is due; *due_us
 * becomes the time when something will be, if that is sooner.
 */
enum kodo_err walk_next(struct registry *r, struct arena *a, int64_t now_us,
    const struct str *busy, size_t n_busy, struct walk_work *out, int64_t *due_us) MUST_CHECK;

/* The answer of a document. status 304: the etag holds. etag: null, or to be sent next time. */
struct walk_answer {
	unsigned status;
	struct str body;
	struct str etag;
	struct str problem;	/* why there is none; null: there is one */
	bool is_final;		/* asking again is of no use */
	bool is_ours;		/* the problem is of this service: nothing else is of use either */
	unsigned retry_after_s;
};
enum kodo_err walk_take(struct registry *r, const struct walk_work *w,
    const struct walk_answer *answer, int64_t now_us) MUST_CHECK;

/* One step of WALK_SETTLE; rivals as settle_rivals_find has them at its begin. */
enum kodo_err walk_settle(struct registry *r, const struct walk_work *w,
    const struct settle_rivals *rivals, int64_t now_us) MUST_CHECK;
/* For that, in a reading transaction. *position: the end of the log of changes then. */
enum kodo_err walk_rivals(struct registry *r, struct arena *a, struct str slug,
    struct settle_rivals *out, uint64_t *position) MUST_CHECK;

/*
 * What others have said since of imported nodes, and of the same ones elsewhere: the entries of the
 * log behind *position, which becomes its end, or the place to go on from at once. WALK_STORED: the
 * place that is stored, which follows with some distance.
 */
#define WALK_STORED	UINT64_MAX
enum walk_watched {
	WALK_IDLE,	/* there are no sources: nobody needs to look */
	WALK_SEEN,
	WALK_MORE	/* the log goes on */
};
enum kodo_err walk_watch(struct registry *r, uint64_t *position, int64_t now_us,
    enum walk_watched *out) MUST_CHECK;

/*
 * For `kodo import URL`: read a source now, which need not be in the option; or forget one that is
 * not. text: see option_import_read. *slug, of 256 bytes: to ask for it.
 *
 * KODO_EINVAL: no such text. KODO_ECONFLICT: the option has a source of that slug by another text.
 * KODO_ENOTFOUND: nothing to be forgotten.
 */
#define WALK_SLUG_BYTES	256u
enum kodo_err walk_want(
    struct registry *r, struct str text, int64_t now_us, char slug[WALK_SLUG_BYTES]) MUST_CHECK;
enum kodo_err walk_forget(
    struct registry *r, struct str text, int64_t now_us, char slug[WALK_SLUG_BYTES]) MUST_CHECK;

#endif
