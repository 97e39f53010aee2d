/*
 * What ARD asks for, as a question of ours: filters, orders, and texts in natural language.
 */
#ifndef KODO_ARD_QUERY_H
#define KODO_ARD_QUERY_H

#include "core/wire/jread.h"
#include "http/bridges/ard_entry.h"

#define ARD_WORDS_MAX	32u

/* Which flows: a q of ours, written piece by piece. What fails lives on in wrong. */
struct ard_query {
	struct arena *a;
	const struct options *options;
	struct buf q;
	const char *wrong;	/* why it is refused; NULL: it is not */
	struct words *words[ARD_WORDS_MAX];	/* of the text, each by itself */
	size_t n_words;
	bool has_filter;
	uint64_t vain;		/* bytes that words were compared with in vain */
};

#define ARD_QUERY_INIT(arena, o) \
	{ .a = (arena), .options = (o), .q = BUF_INIT(0), .wrong = NULL }
void ard_query_free(struct ard_query *q);

/*
 * The query of a body, `{"text","filter"}`; needs_text: without one it is refused. Whoever has one
 * of the words is found. KODO_ENOMEM.
 */
enum kodo_err ard_query_read(
    struct ard_query *q, struct jread *j, struct str json, bool needs_text) MUST_CHECK;

/* The filter of a list: `type=a,b AND publisherId=c`. */
void ard_query_read_filter(struct ard_query *q, struct str filter);

/* `name`, `updatedAt DESC` as a `by`; false: it is none. */
bool ard_query_read_order(struct arena *a, struct str order, struct str *by);

/* Compile it. KODO_EINVAL: it is refused, wrong has the reason. */
enum kodo_err ard_query_compile(struct ard_query *q, struct query **out) MUST_CHECK;

/*
 * How well the row, with its folded text and bounds, fits the words: 0 to 100. KODO_ETOOBIG: the
 * budget of steps is used up.
 */
enum kodo_err ard_query_score(
    struct ard_query *q, const struct row *row, unsigned *out) MUST_CHECK;

#endif
