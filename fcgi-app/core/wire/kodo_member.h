/*
 * Writing the `kodo` member of a body (PROTOCOL.md, wire.h): the versions of its nodes, tombstones,
 * epoch and sequence of the sender, and what it has acknowledged.
 */
#ifndef KODO_KODO_MEMBER_H
#define KODO_KODO_MEMBER_H

#include "core/base/buf.h"
#include "core/wire/wire.h"

#define KODO_PROTOCOL	1u	/* see `protocol` in PROTOCOL.md */

struct kodo_member {
	struct buf versions, back, gone, silent;
	uint64_t epoch, sequence;	/* of the sender; epoch 0: none */
	uint64_t former_epoch;		/* see wire.h; 0: none */
	uint64_t acked_epoch, acked;	/* of the receiver; acked_epoch 0: none */
	struct str told;	 /* see wire.h; null: none */
	struct wire_range chunk; /* id null: none */
	bool has_taken;
	uint64_t taken;
};

void kodo_begin(struct kodo_member *m, uint64_t epoch, uint64_t sequence, uint64_t former_epoch,
    uint64_t acked_epoch, uint64_t acked);
/* is_back: of a node that the receiver said, and may have forgotten. */
void kodo_put_version(
    struct kodo_member *m, struct str url, uint64_t version, bool is_back);
void kodo_put_gone(struct kodo_member *m, struct str url, uint64_t version);
/* since_us: see liveness/liveness.h; 0 says that the node is fresh again. */
void kodo_put_silent(struct kodo_member *m, struct str url, int64_t since_us);
/* Writes `,"kodo":{...}`; list_id 0: no list chunk; view null: none. Calls kodo_free. */
void kodo_end(struct kodo_member *m, struct buf *out, uint64_t list_id, bool more, struct str view);
void kodo_free(struct kodo_member *m);

#endif
