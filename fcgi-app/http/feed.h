/*
 * /flows as an Atom feed (RFC 4287), entry by entry; all of them write to the body of c->res. Pages
 * are those of RFC 5005. The time of the order is what entries were updated at.
 */
#ifndef KODO_FEED_H
#define KODO_FEED_H

#include "core/base/strmap.h"
#include "core/views/search.h"
#include "http/call.h"

#define FEED_ORDER	"changed:d"	/* unless `by` says otherwise */

struct feed {
	struct str q;			/* as asked */
	enum query_field time;		/* that of the order, feed_may_order */
	/* absolute addresses: of the feed, this page of it, the next (null: none), for people */
	struct str id, self, next, page;
	/* of feed.c: */
	bool is_open;
	struct strmap urls;		/* of the entries on the page */
};

/* Is the order newest first? Then *time is the time that it begins with. */
bool feed_may_order(const struct order *by, enum query_field *time);

/* A url that comes again is the same entry: it is left out. */
enum kodo_err feed_entry(struct call *c, struct view *v, struct feed *f, const struct row *row,
    struct str node) MUST_CHECK;
enum kodo_err feed_end(struct call *c, struct view *v, struct feed *f) MUST_CHECK;
void feed_free(struct feed *f);

#endif
