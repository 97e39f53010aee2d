/*
 * Writing the `kodo` member of a body (PROTOCOL.md): the versions of its nodes, tombstones, and the
 * numbers of the state that speaks.
 */
#ifndef KODO_KODO_MEMBER_H
#define KODO_KODO_MEMBER_H

#include "core/base/buf.h"
#include "core/wire/wire.h"

struct kodo_member {
	struct buf versions, gone;
	uint64_t epoch, sequence; /* of the state that speaks; see kodo_begin */
	uint64_t acked_epoch, acked;
	struct str told;     /* see wire.h; null: none */
	struct wire_range chunk; /* id null: none */
	bool has_taken;
	uint64_t taken;
};

/* Which state speaks and as of which number; what was heard of the receiver, 0: it is not known. */
void kodo_begin(struct kodo_member *m, uint64_t epoch, uint64_t sequence, uint64_t acked_epoch,
    uint64_t acked);
void kodo_put_version(struct kodo_member *m, struct str url, uint64_t version);
void kodo_put_gone(struct kodo_member *m, struct str url, uint64_t version);
/* `,"kodo":{...}`; piece 0: none; view, told null: none. Frees m. */
void kodo_end(struct kodo_member *m, struct buf *out, uint64_t list_id, bool more, struct str view);

#endif
