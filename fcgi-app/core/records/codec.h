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

/* A member of a record: how it is stored, and where it is in the struct. */
struct record_field {
	enum {
		FIELD_U32,
		FIELD_U64,
		FIELD_TIME,
		FIELD_TEXT,
		FIELD_REST	/* a time at the end of a record, left out where it is 0 */
	} type;
	size_t at;
};

/* in: the struct. A text points into what is read. */
static inline void
field_read(struct reader *r, const struct record_field *f, void *in)
{
	void *at = (char *)in + f->at;

	switch (f->type) {
	case FIELD_U32:
		*(uint32_t *)at = read_u32(r);
		break;
	case FIELD_U64:
		*(uint64_t *)at = read_u64(r);
		break;
	case FIELD_TIME:
		*(int64_t *)at = read_time(r);
		break;
	case FIELD_TEXT:
		read_str(r, at);
		break;
	case FIELD_REST:
		*(int64_t *)at = r->p < r->end ? read_time(r) : 0;
		break;
	}
}

static inline void
field_write(struct buf *b, const struct record_field *f, const void *in)
{
	const void *at = (const char *)in + f->at;

	switch (f->type) {
	case FIELD_U32:
		buf_put_u32(b, *(const uint32_t *)at);
		break;
	case FIELD_U64:
	case FIELD_TIME:
		buf_put_u64(b, *(const uint64_t *)at);
		break;
	case FIELD_TEXT:
		write_str(b, *(const struct str *)at);
		break;
	case FIELD_REST:
		if (*(const int64_t *)at != 0)
			buf_put_u64(b, *(const uint64_t *)at);
		break;
	}
}

#endif
