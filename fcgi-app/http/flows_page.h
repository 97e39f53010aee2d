/*
 * /flows for people: the page of a list, row by row. All of it is written to the body of c->res.
 */
#ifndef KODO_FLOWS_PAGE_H
#define KODO_FLOWS_PAGE_H

#include "core/views/search.h"
#include "http/call.h"

struct template_values;

/* What is set before flows_page_form is the caller's, the others of these functions. */
struct flows_page {
	const struct options *options;
	struct str q, words, by;	/* as asked, null if not */
	const struct order *order;
	uint64_t p, pp;
	uint64_t total, filtered;
	struct query_mistake mistake;
	struct str meant;		/* see struct search_result */
	struct str next;		/* the place of the next page, before flows_page_end */
	const struct words *marks;	/* which words to mark; NULL: none */
	struct template_values *values;
	struct arena *row;
	struct str head, item, tail;	/* of the template */
};

/* Put what the form shows, and what q may be narrowed to. */
enum kodo_err flows_page_form(
    struct call *c, struct view *v, struct flows_page *f, const struct query *q) MUST_CHECK;

enum kodo_err flows_page_begin(struct call *c, struct flows_page *f) MUST_CHECK;
enum kodo_err flows_page_row(
    struct call *c, struct flows_page *f, const struct row *row, struct str node) MUST_CHECK;
enum kodo_err flows_page_end(struct call *c, struct flows_page *f) MUST_CHECK;
void flows_page_free(struct flows_page *f);	/* after each of these, also where it failed */

/* What a page shows of a flow, here and elsewhere. */
void flows_page_values(struct template_values *t, const struct row *r);

#endif
