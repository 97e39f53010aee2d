/*
 * A node with its flows as contiguous bytes: stored, scanned, compared and copied into answers.
 *
 * It is made once, when a body is read, outside of any transaction, and then only read:
 *
 *	header		fixed numbers, little-endian (PACKED_FORMAT tells the layout)
 *	node texts	url, organization, status: raw
 *	flow table	n_flows + 1 rows of offsets; the last one ends the others
 *	items		of each flow JSON as in a /flows item, from `"url":` to the `]` of its tags:
 *			"url":"<node url>/flows/<flow url>","name":..,"author":..,
 *			"description":..,"tags":[..]
 *	texts		of each flow its folded text "organization name author description tags",
 *			joined by single blanks, nulls empty, a NUL after each flow: memfind runs
 *			over all of them
 *	rest		audience of the node, entries and queries of flows, where there are any
 *
 * The flow's own url is the tail of the item's url, after its leading slashes, whose number is in
 * the table. Equal nodes have equal bytes; unequal nodes are ordered by memcmp of them. What is
 * before the rest is as it was before there was one: peers compare digests of these bytes, and
 * those that know of no rest drop it. Queries are last, and in no digest: who drops them has the
 * node all the same.
 */
#ifndef KODO_PACKED_H
#define KODO_PACKED_H

#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/flow/bounds.h"
#include "core/flow/model.h"

/* raise it with any change of the layout; part of the store's format version */
#define PACKED_FORMAT	1u

/*
 * Append n packed to out, whose failure is sticky (buf.h). n must be valid, as wire.h and loader.h
 * leave it.
 */
void packed_write(struct buf *out, const struct node *n);

/*
 * The same flow by flow, so that not all flows of a node lie in memory at once:
 *
 *	struct packed_writer w = PACKED_WRITER_INIT;
 *
 *	packed_begin(&w, url, organization);
 *	packed_add(&w, &flow);		n_flows times
 *	packed_end(&w, &end, out);
 *	packed_writer_free(&w);
 *
 * A writer serves any number of nodes, one after the other, and holds its memory until freed. url
 * and organization are borrowed until packed_end. Any failure is out's after packed_end; more than
 * 4 GiB, or a flow far over the ceilings of limit.h, is KODO_ETOOBIG there.
 */
struct packed_writer {
	struct str url;
	struct str organization;
	uint32_t n_flows;
	bool too_big;
	/* JSON of the url up to the slash after /flows, without its end quote */
	struct buf prefix;
	struct buf folded;	/* the organization */
	struct buf table;
	struct buf items;
	struct buf texts;
	struct buf entry_table;
	struct buf entries;
	struct buf query_table;
	struct buf queries;
};

#define PACKED_WRITER_INIT { \
	.prefix = BUF_INIT(0), .folded = BUF_INIT(0), .table = BUF_INIT(0), .items = BUF_INIT(0), \
	.texts = BUF_INIT(0), .entry_table = BUF_INIT(0), .entries = BUF_INIT(0), \
	.query_table = BUF_INIT(0), .queries = BUF_INIT(0) \
}

/* What is known of a node after its flows; texts may be null. */
struct packed_end {
	struct str status;
	struct str audience;
	int64_t heartbeat_us;
};

void packed_begin(struct packed_writer *w, struct str url, struct str organization);
void packed_add(struct packed_writer *w, const struct flow *f);
/* of packed_end's bytes */
size_t packed_size(const struct packed_writer *w, const struct packed_end *end);
void packed_end(struct packed_writer *w, const struct packed_end *end, struct buf *out);
void packed_writer_free(struct packed_writer *w);

/* A packed node opened for reading; everything in it points into the bytes. */
struct packed {
	struct str bytes;
	struct str url;
	struct str organization;	/* null or text */
	struct str status;
	int64_t heartbeat_us;
	uint32_t n_flows;
	struct str items;		/* all items */
	struct str texts;		/* all folded texts */
	const unsigned char *table;
	uint32_t prefix_len;		/* of the JSON of an item's url, up to the flow's own */
	struct str audience;
	struct str entries;		/* all entries */
	const unsigned char *entry_table;	/* NULL: no rest */
	struct str queries;		/* all queries */
	const unsigned char *query_table;	/* NULL: there are none */
};

/*
 * Open bytes in constant time. KODO_ECORRUPT: not a packed node of this layout, or cut off. Of the
 * table its place is checked, with the ends of it; the rest where a flow is read, so that a damaged
 * node never leads outside of its bytes.
 */
enum kodo_err packed_open(struct str bytes, struct packed *out) MUST_CHECK;

/* A node's bytes without the rest; what is no packed node stays as it is. */
struct str packed_base(struct str bytes);
/* The same without queries alone, and without a rest that would tell nothing else. */
struct str packed_digested(struct str bytes);

/*
 * Check everything: offsets, fragments, ends of texts, UTF-8. KODO_ECORRUPT with the reason in why
 * (may be NULL); KODO_ENOMEM. After KODO_OK no call below fails.
 */
enum kodo_err packed_check(struct str bytes, struct why *why) MUST_CHECK;

/*
 * Append the node whose flows are those of the n > 0 ranges, in their order: the same bytes as of
 * packing it whole, without rendering anything anew. The ranges have passed packed_open.
 * KODO_EINVAL in out: they differ in more than their flows; KODO_ETOOBIG: over 4 GiB.
 */
void packed_join(struct buf *out, const struct packed *ranges, size_t n);

/*
 * One flow's fragments. Values are JSON as rendered, quotes included ("null" for null); packed_raw
 * makes texts of them. They point into the bytes.
 */
struct packed_flow {
	struct str item;	/* from `"url":` to `]` */
	struct str url;		/* JSON of the item's url */
	struct str name;
	struct str author;
	struct str description;
	struct str tags;	/* JSON list */
	struct str folded;	/* search text without its NUL */
	struct str entry;	/* null where there is none, as queries */
	struct str queries;	/* JSON list */
};

/* i < n_flows, as below. KODO_ECORRUPT: its lengths lead outside; out is all null. */
enum kodo_err packed_flow(const struct packed *p, uint32_t i, struct packed_flow *out) MUST_CHECK;

/* f: of flow i, as packed_flow gives it. KODO_ECORRUPT: its texts differ. */
enum kodo_err packed_bounds_of(const struct packed *p, const struct packed_flow *f,
    struct packed_bounds *out) MUST_CHECK;

/* Its url, its name alone. Null: damaged. */
struct str packed_url(const struct packed *p, uint32_t i);
struct str packed_name(const struct packed *p, uint32_t i);

/*
 * The flow from number from on whose folded text holds offset off of p->texts. off < p->texts.len
 * and not before that of from. Of a damaged node: any flow; packed_text tells.
 */
uint32_t packed_flow_at(const struct packed *p, uint32_t from, size_t off);

/* A flow's folded text with its NUL. Null: damaged. */
struct str packed_text(const struct packed *p, uint32_t i);

/* Flow i will be read soon: fetch its item, which lies far from its text. */
void packed_prefetch(const struct packed *p, uint32_t i);

/*
 * The text of a JSON string fragment, null for `null`; points into it where there is no escape,
 * else into a.
 */
enum kodo_err packed_raw(struct arena *a, struct str json, struct str *out) MUST_CHECK;

/* The tags of a JSON list fragment; *tags lives in a, its texts as packed_raw. */
enum kodo_err packed_tags(struct arena *a, struct str json, const struct str **tags,
    size_t *n) MUST_CHECK;

/*
 * The next tag as JSON. rest: packed_flow's tags at first. False: there are no more.
 */
bool packed_next_tag(struct str *rest, struct str *json);

/*
 * JSON of flow i as in PROTOCOL.md's `flow` record:
 * {"url":"/a","name":..,"description":..,"author":..,"tags":[..]}, and "entry" and "queries" where
 * it has them.
 * Of a damaged flow, here and below: KODO_ECORRUPT in out.
 */
void packed_put_flow(struct buf *out, const struct packed *p, uint32_t i);

/*
 * JSON of PROTOCOL.md's `node` record; created and modified are those of its provider (0: null).
 */
void packed_put_node(struct buf *out, const struct packed *p, int64_t created_us,
    int64_t modified_us);

/* The same with the range of flows from .. to - 1 alone. */
void packed_put_range(struct buf *out, const struct packed *p, uint32_t from, uint32_t to,
    int64_t created_us, int64_t modified_us);

/* The same with some flows, in that order. */
void packed_put_some(struct buf *out, const struct packed *p, const uint32_t *flows, size_t n,
    int64_t created_us, int64_t modified_us);

/* At least the bytes of packed_put_range, and some hundred more at most. */
size_t packed_range_size(const struct packed *p, uint32_t from, uint32_t to);

/* The end of the range from from on whose size is at most max_bytes; one flow at least. */
uint32_t packed_range_end(const struct packed *p, uint32_t from, size_t max_bytes);

/* JSON of flow i as a /flows item. tags: JSON list to show instead of the stored one, or null. */
void packed_put_item(struct buf *out, const struct packed *p, uint32_t i, int64_t created_us,
    int64_t modified_us, struct str tags);

#endif
