/*
 * Blocks of the default order, and rows with their texts, for flow_order*.c alone.
 *
 * A block is a run of entries: node id and flow number (7 bits a byte, the lowest first, the
 * highest bit set in all but the last), then a byte each for how many bytes the start of the name
 * has in common with that of the entry before and how many follow, and those. A start is as long as
 * it must be to tell the entry from its neighbours when it was put, and HINT_MAX at most, so that
 * an entry takes 7 or 8 bytes; where starts do not tell, the texts decide.
 */
#ifndef KODO_FLOW_ORDER_PRIVATE_H
#define KODO_FLOW_ORDER_PRIVATE_H

#include "core/records/flow_order.h"

#define ORDER_DIR	0u	/* in the place of a block's id: the directory */
#define HINT_MAX	32u
#define ENTRY_MAX	(5u + 5u + 2u + HINT_MAX)	/* bytes of an entry */

/* A row with its texts. */
struct row_key {
	struct str name;
	struct str url;
	struct flow_order_entry at;
};

/* A row that goes or comes. */
struct flow_order_row {
	struct row_key key;
	size_t nth;		/* of the changes of the transaction */
	bool is_gone;
};

struct hint {
	unsigned char p[HINT_MAX + 8];	/* 8 bytes may be copied where fewer count */
	size_t len;
};

static inline struct str
hint_str(const struct hint *h)
{
	return (struct str){ (const char *)h->p, h->len };
}

static inline void
hint_set(struct hint *h, struct str s)
{
	if (s.len > 0)
		memcpy(h->p, s.p, s.len);
	h->len = s.len;
}

/*
 * Reads a block entry by entry:
 *
 *	r = block_reader_of(bytes);
 *	while (block_next(&r))
 *		use(r.at, r.hint);
 *	if (r.bad) ...
 */
struct block_reader {
	const unsigned char *raw, *next, *end;	/* the entry at hand, those behind it */
	struct flow_order_entry at;
	struct hint hint;
	size_t same;				/* bytes of it that the entry before has too */
	uint32_t n;				/* read so far */
	bool is_over, bad;
};

struct block_reader block_reader_of(struct str bytes);
bool block_next(struct block_reader *r) MUST_CHECK;
/* The same for who needs no starts of names: n entries are passed over, or up to n put into out. */
void block_skip(struct block_reader *r, uint64_t n);
size_t block_entries(struct block_reader *r, struct flow_order_entry *out, uint64_t n);

/* The bytes of a block, complete after block_end; a failure is sticky in out. */
struct block_writer {
	struct buf out;
	struct hint last;	/* of its last entry, or the begin of that */
	uint32_t n;
	const unsigned char *run, *run_end;	/* entries that follow out as they are */
	bool is_in_step;	/* its last entry is the reader's before that at hand */
};

#define BLOCK_WRITER_INIT	{ .out = BUF_INIT(0), .is_in_step = true }

/*
 * The reader's entry at hand as it is; all entries behind it. Their bytes are needed until
 * block_end; last is left as it is, unless the entry could not be copied.
 */
void block_copy(struct block_writer *w, const struct block_reader *r);
void block_copy_rest(struct block_writer *w, struct block_reader *r);
/*
 * Copies the entries behind the reader's one at hand, which was copied last, as long as each has
 * more than so many bytes in common with that before it: their starts are not read. The reader
 * stays such that block_next gives the entry behind them.
 */
void block_copy_like(struct block_writer *w, struct block_reader *r, size_t same);
void block_put(struct block_writer *w, struct flow_order_entry at, struct str hint);
void block_end(struct block_writer *w);
size_t block_size(const struct block_writer *w);

/* How many bytes at their begin are the same. */
size_t same_start(struct str x, struct str y);

/* Name and url of a flow; texts with escapes go to a. */
enum kodo_err row_key_get(struct txn *t, struct arena *a, struct flow_order_entry at,
    struct row_key *out) MUST_CHECK;
int row_key_cmp(const struct row_key *x, const struct row_key *y);

/* The directory, in the map. Null: there is none. KODO_ECORRUPT: its size is wrong. */
enum kodo_err order_dir_get(struct txn *t, struct str *out) MUST_CHECK;

#endif
