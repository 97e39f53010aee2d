/* The fields of a flow in the query language. */
#ifndef KODO_QUERY_ROW_H
#define KODO_QUERY_ROW_H

#include <stdint.h>

#include "core/base/arena.h"
#include "core/flow/bounds.h"

/*
 * In the order of an item's keys, up to QUERY_TAGS. QUERY_FOLDED is the text of full-text search,
 * QUERY_RANK how well words fit.
 */
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
	QUERY_STATE,	/* these are in items only where they are asked for */
	QUERY_HEARD,
	QUERY_ALIVE,
	QUERY_CHANGED,
	QUERY_PROBE,
	QUERY_ENTRY,
	QUERY_REGISTRY,
	QUERY_FOLDED,
	QUERY_RANK,
	QUERY_FIELDS
};

#define QUERY_BIT(field)	(1u << (field))
#define QUERY_LIVENESS_FIELDS \
	(QUERY_BIT(QUERY_STATE) | QUERY_BIT(QUERY_HEARD) | QUERY_BIT(QUERY_ALIVE))
/* The fields that are equal in all flows of a node. */
#define QUERY_NODE_FIELDS \
	(QUERY_BIT(QUERY_ORGANIZATION) | QUERY_BIT(QUERY_CREATED) | QUERY_BIT(QUERY_MODIFIED) | \
	    QUERY_BIT(QUERY_HEARTBEAT) | QUERY_BIT(QUERY_CHANGED) | \
	    QUERY_BIT(QUERY_REGISTRY) | QUERY_LIVENESS_FIELDS)

/*
 * One flow. Only the fields in query_needs and order_needs must be filled in. Texts are valid UTF-8
 * without NUL; organization, author and description may be null.
 */
struct row {
	struct str organization;
	struct str url;		/* the item's: node url + /flows + flow url */
	struct str name;
	struct str author;
	struct str description;
	const struct str *tags;	/* an order takes the first LIMIT_TAGS */
	size_t n_tags;
	int64_t created_us;	/* since the epoch; 0: null */
	int64_t modified_us;
	int64_t heartbeat_us;
	int64_t changed_us;	/* when what is said of its node was taken in here */
	/*
	 * utf8_fold of "organization name author description tags" joined by one blank each, nulls
	 * empty, tags by blanks
	 */
	struct str folded;
	/* signs of life of the node: liveness/liveness.h */
	struct str state;
	int64_t heard_us;
	int64_t alive_us;	/* 0: it is silent or lost; else the same for all */
	struct str probe;	/* does it answer? See probe/probe.h; null: not known */
	int64_t rank;		/* query_rank; 0: no words were asked for */
	struct packed_bounds bounds;	/* in folded; where QUERY_RANK is needed */
	struct str entry;	/* where the agent is; may be null */
	struct str registry;	/* its node came by way of it: views/node_source.h; or null */
	struct str queries;	/* JSON list of texts; null: none. No question is about them */
};

enum query_type { QUERY_TYPE_TEXT, QUERY_TYPE_TIME, QUERY_TYPE_TAGS };

/* The field's name as in an item, static; "folded" for QUERY_FOLDED. */
const char *query_field_name(enum query_field f);
enum query_type query_field_type(enum query_field f);
/* The field of a flow by its name; false: there is none, *out stays as it is. */
bool query_field_find(struct str name, enum query_field *out);

/* Where the value of a field lies in struct row. */
extern const unsigned short row_offsets[QUERY_FIELDS];

/* f: a field of QUERY_TYPE_TEXT. */
static inline struct str
row_text(const struct row *row, enum query_field f)
{
	return *(const struct str *)(const void *)((const char *)row + row_offsets[f]);
}

/* f: a field of QUERY_TYPE_TIME. */
static inline int64_t
row_time(const struct row *row, enum query_field f)
{
	return *(const int64_t *)(const void *)((const char *)row + row_offsets[f]);
}

enum query_verdict {
	QUERY_NO,
	QUERY_YES,
	QUERY_MAYBE,	/* only from query_match_partial: the known fields do not decide */
	QUERY_OVER_BUDGET,	/* too many steps, see limit.h: refuse the query (400) */
	QUERY_NO_MEMORY		/* memory ran out: try again later (503) */
};

/* What ends a pass over rows: KODO_ETOOBIG, KODO_ENOMEM. */
static inline enum kodo_err
query_verdict_error(enum query_verdict v)
{
	return v == QUERY_OVER_BUDGET ? KODO_ETOOBIG : v == QUERY_NO_MEMORY ? KODO_ENOMEM : KODO_OK;
}

#endif
