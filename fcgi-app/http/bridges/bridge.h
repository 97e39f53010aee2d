/*
 * What the bridges share: flows with their identifiers, found by these, and pages of them.
 *
 * A bridge is the same registry, read by programs of another family. Each family is a file with a
 * table of its routes' fields; all of them read through the views.
 */
#ifndef KODO_BRIDGE_H
#define KODO_BRIDGE_H

#include "core/views/search.h"
#include "http/bridges/identifier.h"
#include "http/call.h"

/* A flow as bridges show it. Texts live in the arena of the call, or in the map. */
struct bridge_flow {
	struct row row;
	struct str node;	/* url */
	struct identifier id;
	uint64_t version;	/* of the statement; 0: none */
	bool is_own;
};

/* Of a row that a search gives. */
enum kodo_err bridge_flow_of(struct call *c, struct view *v, const struct row *row,
    struct str node, struct bridge_flow *out) MUST_CHECK;

/* The flow with that identifier. KODO_ENOTFOUND. */
enum kodo_err bridge_find(struct call *c, struct view *v, const struct identifier *id,
    struct bridge_flow *out) MUST_CHECK;

/* A page of flows, each given to put, with bytes between them where there are several. */
struct bridge_page {
	struct call *call;
	struct view *view;
	struct search_asked asked;
	struct str by;		/* null: as /flows */
	struct str after;	/* cursor; null: the first page */
	uint64_t pp;
	/* *is_put is true; false: leave it out, which makes the page shorter */
	enum kodo_err (*put)(struct bridge_page *page, const struct bridge_flow *f, bool *is_put);
	void *arg;
	bool is_text;		/* no list: without commas */
	uint64_t n;		/* after the pass: flows put */
	struct search_result found;
	struct str last;	/* url of the flow before; one that comes again is left out */
};

/*
 * Can the page be made of what is asked for? To be called before the answer's ETag is compared.
 * KODO_EINVAL: the answer is a refusal.
 */
enum kodo_err bridge_page_check(struct bridge_page *page) MUST_CHECK;

/*
 * The answer's body is a list of what put writes, which ends without a bracket. KODO_EINVAL: the
 * answer is a refusal.
 */
enum kodo_err bridge_page_put(struct bridge_page *page) MUST_CHECK;

/* Call put for the flows of the own node, in its order; commas as above. pp 0: for all. */
enum kodo_err bridge_own_put(struct bridge_page *page) MUST_CHECK;

/* For etag_matches: of a text, and of the bridges that answers name. */
uint64_t bridge_variant(const struct options *o, struct str text);

/* Is the tag among those of the flow? */
bool bridge_has_tag(const struct row *row, const char *tag);

/* At most max characters of a text, with an ellipsis where it is cut. */
void bridge_put_short(struct buf *b, struct str text, size_t max);

/* A member that is a url, as it stands in links. */
void bridge_put_link(struct buf *b, const char *name, struct str url, const char *behind);

#endif
