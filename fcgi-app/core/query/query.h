/*
 * The query language of GET /flows: q becomes a predicate over a row, by an order. Pure: no I/O,
 * nothing but the arena.
 *
 *	row.h			what the language sees of a flow
 *	lex.c			text to tokens
 *	parse.c			tokens to a tree; syntax errors with a column
 *	check.c, compare.c	names and types; chains taken apart
 *	regex.c, literal.c	regular expressions, and what each of their matches holds
 *	eval.c			the flat program, run per row
 *	needle.c		what the folded text of a match must hold
 *	explain.c		the tree in normal writing
 *	order.c, sort.c		by, and the page of rows it selects
 *
 * A q that the language does not take is not an error: the whole of it is then searched as one
 * text, ignoring case.
 */
#ifndef KODO_QUERY_H
#define KODO_QUERY_H

#include <stdint.h>

#include "core/base/buf.h"
#include "core/query/row.h"

struct query;

/*
 * Compile q (valid UTF-8 without NUL; null and empty mean no filter). Never fails for what is
 * written in q.
 *
 * a	the query and all that it hands out live there, a copy of q and regular expressions too.
 *
 * Returns KODO_OK or KODO_ENOMEM (*out is then NULL).
 */
enum kodo_err query_compile(struct arena *a, struct str q, struct query **out) MUST_CHECK;

/*
 * Narrow q: rows must also be of that organization (null: of any) and have all n tags. What the
 * functions below say of q as it was written stays. The texts are borrowed. KODO_ENOMEM: q is not
 * to be used any more.
 */
enum kodo_err query_narrow(struct arena *a, struct query *q, struct str organization,
    const struct str *tags, size_t n) MUST_CHECK;

/*
 * The answer's `q`: null for an empty q, q as given where it parses, else `<Error>: <reason>,
 * fulltext: <q>`.
 */
struct str query_note(const struct query *q);

/*
 * Where the language stopped understanding q: 1-based, in characters. 0: it understood, or no place
 * is at fault.
 */
size_t query_column(const struct query *q);

bool query_is_all(const struct query *q);	/* every row matches: no filter */
bool query_is_fulltext(const struct query *q);	/* one text: by fallback, or as "quoted" */

/* Bit mask (QUERY_BIT) of the fields that query_match looks at. */
unsigned query_needs(const struct query *q);

/* Does the row match? QUERY_NO, QUERY_YES or QUERY_OVER_BUDGET. */
enum query_verdict query_match(struct query *q, const struct row *row);

/*
 * As query_match, but only the fields in the mask known are looked at: QUERY_YES and QUERY_NO hold
 * whatever the other fields are, QUERY_MAYBE else. With known = QUERY_NODE_FIELDS one call decides
 * for many a whole node.
 */
enum query_verdict query_match_partial(struct query *q, const struct row *row, unsigned known);

/*
 * A folded, non-empty text that the folded text of every matching row contains, or null if there is
 * none (or the query matches everything). Scan contiguous folded texts for it and evaluate only the
 * rows found.
 */
struct str query_needle(const struct query *q);

/*
 * Is containing the needle not only necessary but all (full text)? Then no query_match is needed.
 */
bool query_is_needle(const struct query *q);

/* Steps that its regular expressions took so far, of LIMIT_REGEX_STEPS. */
uint64_t query_steps(const struct query *q);

/*
 * Can this process run machine code that it makes? Hardened ones cannot; then regular expressions
 * are interpreted, which takes some six times as many of those steps.
 */
bool query_is_compiled(void);

/*
 * Append q as it was understood, in normal writing; itself a q with the same meaning. Empty for no
 * filter.
 */
void query_explain(const struct query *q, struct buf *out);

/* ---- by ---- */

struct order;

/*
 * Read by (null and empty: the default, name and url). Unknown fields give the default order and a
 * text that says so. The order lives in a. Returns KODO_OK or KODO_ENOMEM (*out is then NULL).
 *
 * It is total: what is equal in all that was asked for goes by name and url. Nulls are last in both
 * directions, texts go by code point, tags by the texts sorted in their direction and joined by
 * `+`.
 */
enum kodo_err order_parse(struct arena *a, struct str by, struct order **out) MUST_CHECK;

struct str order_text(const struct order *o);		/* the answer's `by` */
bool order_is_default(const struct order *o);		/* (name, url), however asked for */
unsigned order_needs(const struct order *o);		/* mask of what comparing looks at */
/* What it looks at first. */
enum query_field order_first(const struct order *o, bool *descending);
int order_tags_direction(const struct order *o);	/* show tags as stored 0, sorted 1, -1 */

/* Sort an array of texts as order_tags_direction asks: direction 1 or -1. */
void order_sort_tags(struct str *tags, size_t n, int direction);

/* ---- the page ---- */

struct sorter;

/*
 * Select rows skip to skip + take - 1 of those added. Memory: about 64 bytes for each row kept,
 * which are at most twice skip + take (or some thousands, if that is more). o must outlive it.
 */
enum kodo_err sorter_new(struct arena *a, const struct order *o, uint64_t skip, uint64_t take,
    struct sorter **out) MUST_CHECK;

/*
 * Is a row surely not on the page, by the field that the order compares first (order_first)? Then
 * it need not be added. Of a text its first SORTER_START bytes may be given; a longer one is whole.
 */
#define SORTER_START	8u
bool sorter_is_beyond(const struct sorter *s, struct str text, int64_t us);

/*
 * Add a row. Its texts must stay where they are until sorter_result; the row and its array of tags
 * may be reused. ref is what the caller knows it by; among rows that compare equal the lower ref
 * comes first. KODO_ENOMEM.
 */
enum kodo_err sorter_add(struct sorter *s, const struct row *row, uint64_t ref) MUST_CHECK;

/*
 * The refs of the page in order, in the arena; call once, after it nothing can be added.
 * KODO_ENOMEM: *n is 0.
 */
enum kodo_err sorter_result(struct sorter *s, const uint64_t **refs, size_t *n) MUST_CHECK;

#endif
