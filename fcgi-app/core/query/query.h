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
#include "core/words/words.h"

struct query;

/*
 * Compile q (valid UTF-8 without NUL; null and empty mean no filter). No q makes it fail.
 *
 * a	holds the query and all that it hands out, including a copy of q.
 *
 * Returns KODO_OK or KODO_ENOMEM (*out is then NULL).
 */
enum kodo_err query_compile(struct arena *a, struct str q, struct query **out) MUST_CHECK;

/* What rows must be, too, beside what q says. */
struct query_narrowing {
	const struct words *words;	/* have them; NULL: any */
	/* be of it, have it, come by way of it; empty: any */
	struct str organization, state, registry;
	const struct str *tags;		/* have all n_tags */
	size_t n_tags;
	bool is_alive;			/* not be silent */
};

/*
 * Narrow q, once. query_note and query_column still tell of q as written. The texts are borrowed.
 * KODO_ENOMEM: q must not be used any more.
 */
enum kodo_err query_narrow(
    struct arena *a, struct query *q, const struct query_narrowing *n) MUST_CHECK;

/* Other words in place of those that q was narrowed by. As query_narrow. */
enum kodo_err query_reword(
    struct arena *a, struct query *q, const struct words *words) MUST_CHECK;

/* Those words; NULL: none. The rank in them of the row that query_match took last; 0: none. */
const struct words *query_words(const struct query *q);
uint32_t query_rank(const struct query *q);

/*
 * The answer's `q`: null for an empty q, q as given where it parses, else `<Error>: <reason>,
 * fulltext: <q>`.
 */
struct str query_note(const struct query *q);

/* Where the error in q is: 1-based, in characters. 0: no error, or none with a place. */
size_t query_column(const struct query *q);

struct str query_text(const struct query *q);	/* q as given */

/* What is wrong with a q that looks like a test and is none. */
struct query_mistake {
	const char *reason;	/* for people; NULL: there is no mistake */
	size_t column;		/* query_column */
	const char *meant;	/* the field that may be meant; NULL: none */
};

/* The reason lives in a. KODO_ENOMEM. */
enum kodo_err query_mistake(
    struct arena *a, const struct query *q, struct query_mistake *out) MUST_CHECK;

bool query_is_test(const struct query *q);	/* q as written is one, and no text */
bool query_is_all(const struct query *q);	/* every row matches: no filter */

/* What q is where it is one text, quoted or for an error in it; null: a test, or no filter. */
struct str query_fulltext(const struct query *q);

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

/* Does the folded text alone decide? Then what query_find finds matches. */
bool query_is_needle(const struct query *q);

/*
 * A place inside the first of the folded texts, with NULs between, that matches, or may match if
 * query_is_needle does not hold; NULL: none. There must be a needle.
 */
const char *query_find(const struct query *q, struct str texts);

/* Can a row with that folded text, in which query_find found something, match? In doubt: yes. */
bool query_may_match(const struct query *q, struct str folded);

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
