/*
 * Where an imported flow stems from, as it is told to people.
 */
#ifndef KODO_IMPORT_IMPORTED_H
#define KODO_IMPORT_IMPORTED_H

#include "core/import/source.h"

/*
 * Sources as a member that is not the first one of its object: numbers and times of their last
 * walks, null where there was none (PROTOCOL.md, GET /status). Nothing where there are no sources.
 */
enum kodo_err imported_put_sources(struct txn *t, struct buf *out) MUST_CHECK;

struct imported {
	struct str source;	/* its url less a query; null: it was not imported here */
	uint32_t peer;		/* as whom the source speaks within this registry */
	const char *kind;	/* import_kind_name */
	struct str id;		/* as the source calls the flow; null: of the node alone */
	int64_t first_us;	/* when it was seen there first; 0: of the node alone */
	struct str elsewhere;	/* url of the node of another registry that shows it; or null */
};

/*
 * url: of a flow, or of a node; own_url: of this service. Texts in a. KODO_ENOTFOUND: it was not
 * imported here, or is not there any more; out is null then.
 */
enum kodo_err imported_find(struct txn *t, struct arena *a, struct str own_url, struct str url,
    struct imported *out) MUST_CHECK;

#endif
