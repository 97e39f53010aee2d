#include "core/base/limit.h"
#include "core/records/codec.h"
#include "core/records/head.h"

static const char head_name[] = "head";

enum kodo_err
meta_get(struct txn *t, const char *name, struct str *value)
{
	return store_get(t, T_META, str_of(name), value);
}

enum kodo_err
meta_put(struct txn *t, const char *name, struct str value)
{
	return store_put(t, T_META, str_of(name), value);
}

#define FIELDS 17

/* NULL: started_us, which is signed. */
static void
head_fields(struct head *h, uint64_t *field[FIELDS])
{
	uint64_t *const all[FIELDS] = { &h->view, &h->state, &h->total, &h->state_id, NULL,
		&h->options_gen, &h->next_node, &h->next_peer, &h->next_order, &h->next_block,
		&h->logged, &h->log_floor, &h->former, &h->restored_us,
		&h->highest, &h->notified, &h->held_us };

	memcpy(field, all, sizeof(all));
}

enum kodo_err
head_get(struct txn *t, struct head *h)
{
	uint64_t *field[FIELDS];
	struct str v;
	struct reader r;
	enum kodo_err err;
	size_t i;

	memset(h, 0, sizeof(*h));
	err = meta_get(t, head_name, &v);
	if (err != KODO_OK)
		return err;
	head_fields(h, field);
	r = reader_of(v);
	for (i = 0; i < FIELDS; i++) {
		if (field[i] == NULL)
			h->started_us = read_time(&r);
		else
			*field[i] = read_u64(&r);
	}
	return r.bad ? KODO_ECORRUPT : KODO_OK;
}

enum kodo_err
head_put(struct txn *t, const struct head *h)
{
	struct head copy = *h;
	uint64_t *field[FIELDS];
	struct buf b = BUF_INIT(0);
	enum kodo_err err;
	size_t i;

	head_fields(&copy, field);
	for (i = 0; i < FIELDS; i++)
		buf_put_u64(&b, field[i] == NULL ? (uint64_t)h->started_us : *field[i]);
	err = buf_failed(&b) ? b.err : meta_put(t, head_name, buf_str(&b));
	buf_free(&b);
	return err;
}

uint64_t
head_epoch(const struct head *h)
{
	return h->state_id & LIMIT_VERSION_MAX;
}
