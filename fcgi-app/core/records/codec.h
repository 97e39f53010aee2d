/* Fields of records, and tables of which all have the same size. */
#ifndef KODO_RECORDS_CODEC_H
#define KODO_RECORDS_CODEC_H

#include "core/base/codec.h"
#include "core/storage/store.h"

/* scan_next for a table whose keys and values have these sizes. Others: KODO_ECORRUPT. */
static inline bool
scan_next_sized(struct scan *s, size_t key_len, size_t value_len)
{
	if (!scan_next(s))
		return false;
	if (s->k.len != key_len || s->v.len != value_len)
		s->err = KODO_ECORRUPT;
	return s->err == KODO_OK;
}

#endif
