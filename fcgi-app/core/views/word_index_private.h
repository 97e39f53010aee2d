/* The file of word_index.h, for word_index*.c alone: struct index_head, then the groups. */
#ifndef KODO_WORD_INDEX_PRIVATE_H
#define KODO_WORD_INDEX_PRIVATE_H

#include <sys/types.h>

#include "core/storage/derived.h"
#include "core/views/word_index.h"

#define INDEX_MAGIC	UINT64_C(0x32786469776b6f64)
#define INDEX_FLOWS_MIN	20000u	/* fewer are passed over in a millisecond or two */
#define INDEX_UNITS	512u	/* of a group */
#define INDEX_ROWS	8192u	/* of bits, of which an eighth is set; a key has its row */
#define INDEX_HEAD	4096u	/* bytes */
#define INDEX_CHANGES	4096u	/* nodes that were changed since; with more it is of no use */

struct index_head {
	struct derived_mark of;	/* its logged: the place in the changelog up to which all is in */
	uint64_t next_node;	/* nodes below are in units */
	uint64_t seen_node;	/* head.next_node when that was written */
	uint64_t units;
	uint64_t changed;	/* nodes whose former bits are still set */
	uint64_t is_whole;	/* all nodes of then are in, less some at the end */
	uint64_t hash;		/* of all before: who reads it meanwhile may get half of each */
};

struct index_group {
	/* where each unit begins: it has the nodes up to the next one. A large node has several */
	uint32_t first[INDEX_UNITS];
	uint64_t rows[INDEX_ROWS][INDEX_UNITS / 64];
};

static inline off_t
index_group_at(uint64_t i)
{
	return (off_t)(INDEX_HEAD + i * sizeof(struct index_group));
}

static inline uint64_t
index_groups(const struct index_head *h)
{
	return (h->units + INDEX_UNITS - 1) / INDEX_UNITS;
}

/* false: cut off, or it cannot be read. */
bool index_read(int fd, void *out, size_t bytes, off_t at);

uint64_t index_head_hash(const struct index_head *h);

/* false: it is of another state, cut off, half written, or no such file. */
bool index_head_read(const struct view *v, int fd, struct index_head *h);

/*
 * Where each unit begins, into room for those of whole groups. false: that cannot be, since it does
 * not rise from 0 on; or it cannot be read.
 */
bool index_firsts_read(int fd, const struct index_head *h, uint32_t *first);

/* Of n units, the first that begins behind the node. */
uint64_t index_behind(const uint32_t *first, uint64_t n, uint32_t node);

#endif
