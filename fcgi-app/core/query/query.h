/*
 * The query language of GET /flows: q becomes a predicate over a row, by an order (order.h) and a
 * page of rows (sort.h). Pure: no I/O, no memory but the arena's. The face of the room; a query
 * goes through it in this order:
 *
 *	lex.c			text to tokens
 *	parse.c			tokens to a tree; syntax errors with a column
 *	check.c, compare.c	the tree to a predicate (predicate.h) by means of build.c: names,
 *				types, chains taken apart
 *	regex.c			regular expressions with a budget; regex_literal.c: a text that is
 *				contained in each match
 *	eval.c			the predicate as a flat program, run per row
 *	words.c			full text, whatever blanks part the words
 *	needle.c		a text that is contained in each row that matches
 *	explain.c		the predicate in normal writing
 *
 * A q outside of the language is no error: the whole of it, less the blanks around it, is searched
 * as one text, ignoring case; any run of blanks stands for any other.
 */
#ifndef KODO_QUERY_H
#define KODO_QUERY_H

#include <stdint.h>

#include "core/base/buf.h"
#include "core/query/order.h"
#include "core/query/row.h"
#include "core/query/sort.h"

struct query;

/*
 * Compile q (valid UTF-8 without NUL; null and empty mean no filter). No q makes it fail.
 *
 * a	holds the query and all that it hands out, including a copy of q.
 *
 * Returns KODO_OK or KODO_ENOMEM (*out is then NULL).
 */
enum kodo_err query_compile(struct arena *a, struct str q, struct query **out) MUST_CHECK;

/*
 * Narrow q: rows must also be of that organization (empty: of any), have all n tags, and, with
 * is_alive, not be silent. query_note and query_column still tell of q as written. The texts are
 * borrowed. KODO_ENOMEM: q must not be used any more.
 */
enum kodo_err query_narrow(struct arena *a, struct query *q, struct str organization,
    const struct str *tags, size_t n, bool is_alive) MUST_CHECK;

/*
 * The answer's `q`: null for an empty q, q as given where it parses, else `<Error>: <reason>,
 * fulltext: <q>`.
 */
struct str query_note(const struct query *q);

/* Where the error in q is: 1-based, in characters. 0: no error, or none with a place. */
size_t query_column(const struct query *q);

bool query_is_all(const struct query *q);	/* every row matches: no filter */
bool query_is_fulltext(const struct query *q);	/* one text: quoted, or for an error in q */

/* Bit mask (QUERY_BIT) of the fields that query_match reads. */
unsigned query_needs(const struct query *q);

/* Does the row match? QUERY_NO, QUERY_YES, QUERY_OVER_BUDGET or QUERY_NO_MEMORY. */
enum query_verdict query_match(struct query *q, const struct row *row);

/*
 * As query_match, but reads only the fields in the mask known. QUERY_YES and QUERY_NO hold whatever
 * the other fields are; QUERY_MAYBE: those decide. With known = QUERY_NODE_FIELDS one call can
 * decide for all flows of a node.
 */
enum query_verdict query_match_partial(struct query *q, const struct row *row, unsigned known);

/*
 * A folded, non-empty text contained in the folded text of every matching row; null if there is
 * none. Scan contiguous folded texts for it and evaluate only the rows found.
 */
struct str query_needle(const struct query *q);

/* Does the folded text alone decide? Then in place of query_match ask query_find. */
bool query_is_needle(const struct query *q);

/* A place inside the first of the folded texts, with NULs between, that matches; NULL: none. */
const char *query_find(const struct query *q, struct str texts);

/* Steps taken so far by its regular expressions; see LIMIT_REGEX_STEPS. */
uint64_t query_steps(const struct query *q);

/*
 * Can this process run machine code of its own making? Hardened ones cannot; then all regular
 * expressions are interpreted, which takes some six times as many of those steps.
 */
bool query_is_compiled(void);

/* Append q in normal writing, which is a q of the same meaning. Nothing for no filter. */
void query_explain(const struct query *q, struct buf *out);

#endif
