/* A flow as the query language sees it, and what may be said of it. */
#ifndef KODO_QUERY_ROW_H
#define KODO_QUERY_ROW_H

#include <stdint.h>

#include "core/base/arena.h"

/* In the order of an item's keys. QUERY_FOLDED is the folded text that full text looks at. */
enum query_field {
	QUERY_ORGANIZATION,
	QUERY_CREATED,
	QUERY_MODIFIED,
	QUERY_HEARTBEAT,
	QUERY_URL,
	QUERY_NAME,
	QUERY_AUTHOR,
	QUERY_DESCRIPTION,
	QUERY_TAGS,
	QUERY_FOLDED,
	QUERY_FIELDS
};

#define QUERY_BIT(field)	(1u << (field))
/* The fields that all flows of one node share. */
#define QUERY_NODE_FIELDS \
	(QUERY_BIT(QUERY_ORGANIZATION) | QUERY_BIT(QUERY_CREATED) | QUERY_BIT(QUERY_MODIFIED) | \
	    QUERY_BIT(QUERY_HEARTBEAT))

/*
 * One flow as the language sees it. Only the fields in query_needs and order_needs must be filled
 * in. Texts are valid UTF-8 without NUL; organization, author and description may be null.
 */
struct row {
	struct str organization;
	struct str url;		/* the item's: node url + /flows + flow url */
	struct str name;
	struct str author;
	struct str description;
	const struct str *tags;	/* at most LIMIT_TAGS are looked at by an order */
	size_t n_tags;
	int64_t created_us;	/* since the epoch; 0: null */
	int64_t modified_us;
	int64_t heartbeat_us;
	/*
	 * utf8_fold of "organization name author description tags" joined by one blank each, nulls
	 * empty, tags by blanks
	 */
	struct str folded;
};

enum query_type { QUERY_TYPE_TEXT, QUERY_TYPE_TIME, QUERY_TYPE_TAGS };

/* The field's name as in an item, static; "folded" for QUERY_FOLDED. */
const char *query_field_name(enum query_field f);
enum query_type query_field_type(enum query_field f);
/* The field of an item that has this name; false: none has, *out stays as it is. */
bool query_field_find(struct str name, enum query_field *out);

enum query_verdict {
	QUERY_NO,
	QUERY_YES,
	QUERY_MAYBE,	/* only from query_match_partial: the known fields do not decide */
	QUERY_OVER_BUDGET	/* it took too many steps, see limit.h: refuse it (400) */
};

#endif
