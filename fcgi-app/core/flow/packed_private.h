/*
 * The layout of a packed node, for packed.c, packed_write.c and packed_check.c alone. Numbers are
 * little-endian, at these bytes:
 *
 *	header	 0 u32 PACKED_MAGIC, which holds PACKED_FORMAT
 *		 4 u32 bytes in all but the rest
 *		 8 i64 heartbeat
 *		16 u32 number of flows
 *		20 u32 length of url; 24 of organization; 28 of status (PACKED_NULL: null)
 *		32 u32 length of items
 *		36 u32 length of the common start of all url fragments, see below
 *	url, organization, status
 *	table	of a row for each flow, and one more:
 *		 0 u32 offset in items
 *		 4 u32 offset in texts
 *		 8 u32 length of description
 *		12 u16 length of url; 14 of name; 16 of author
 *		18 u16 leading slashes of the flow's own url
 *	items
 *	texts
 *	rest	 0 u32 length of audience (PACKED_NULL: null); audience
 *		of an offset in the entries (u32) for each flow, and one more
 *		entries, of a flow without one no bytes
 *		only where a flow has queries: of an offset in them for each flow, and one more
 *		queries, JSON lists, of a flow without them no bytes
 *
 * An item's url is `"<node url>/flows/<own url less leading slashes>"`; up to `/flows/` it is the
 * same in all items. Lengths are those of JSON fragments, quotes included. The last row has the
 * ends as its offsets, zeros else. A node has no rest where that would tell nothing.
 */
#ifndef KODO_PACKED_PRIVATE_H
#define KODO_PACKED_PRIVATE_H

#include "core/base/codec.h"
#include "core/flow/packed.h"

#define PACKED_MAGIC	(0x4b4e0000u | PACKED_FORMAT)	/* "NK" */
#define PACKED_NULL	UINT32_MAX
#define PACKED_FLOWS	"/flows/"

enum {
	PACKED_AT_MAGIC = 0,
	PACKED_AT_LEN = 4,
	PACKED_AT_HEARTBEAT = 8,
	PACKED_AT_FLOWS = 16,
	PACKED_AT_URL = 20,
	PACKED_AT_ORGANIZATION = 24,
	PACKED_AT_STATUS = 28,
	PACKED_AT_ITEMS = 32,
	PACKED_AT_PREFIX = 36,
	PACKED_HEADER_BYTES = 40
};

enum {
	PACKED_ROW_ITEM = 0,
	PACKED_ROW_TEXT = 4,
	PACKED_ROW_DESCRIPTION = 8,
	PACKED_ROW_URL = 12,
	PACKED_ROW_NAME = 14,
	PACKED_ROW_AUTHOR = 16,
	PACKED_ROW_SLASHES = 18,
	PACKED_ROW_BYTES = 20,
	PACKED_OFFSET_BYTES = 4		/* of the table of entries */
};

/* What stands before each fragment of an item. */
#define PACKED_KEY_URL		"\"url\":"
#define PACKED_KEY_NAME		",\"name\":"
#define PACKED_KEY_AUTHOR	",\"author\":"
#define PACKED_KEY_DESCRIPTION	",\"description\":"
#define PACKED_KEY_TAGS		",\"tags\":"
#define PACKED_KEY_ENTRY	",\"entry\":"	/* in no item */
#define PACKED_KEY_QUERIES	",\"queries\":"	/* likewise */
#define PACKED_KEY_LEN(key)	(sizeof(key) - 1)
/* bytes of an item that are in no fragment but that of its tags, which is `[]` at least */
#define PACKED_ITEM_LEAST \
	PACKED_KEY_LEN(PACKED_KEY_URL PACKED_KEY_NAME PACKED_KEY_AUTHOR PACKED_KEY_DESCRIPTION \
	    PACKED_KEY_TAGS "[]")

static inline uint16_t
packed_get_u16(const unsigned char *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

/* The bytes of all between an offset of row and that of the next row; false: no such range. */
static inline bool
packed_between(const unsigned char *row, size_t field, struct str all, struct str *out)
{
	const size_t from = get_le32(row + field);
	const size_t to = get_le32(row + PACKED_ROW_BYTES + field);

	if (from >= to || to > all.len)
		return false;
	*out = (struct str){ all.p + from, to - from };
	return true;
}

/* Where the entry of flow i begins, or, for n_flows, the last one ends. */
static inline uint32_t
packed_entry_at(const struct packed *p, uint32_t i)
{
	return p->entry_table == NULL
	    ? 0 : get_le32(p->entry_table + (size_t)i * PACKED_OFFSET_BYTES);
}

/* The same of its queries. */
static inline uint32_t
packed_queries_at(const struct packed *p, uint32_t i)
{
	return p->query_table == NULL
	    ? 0 : get_le32(p->query_table + (size_t)i * PACKED_OFFSET_BYTES);
}

#endif
