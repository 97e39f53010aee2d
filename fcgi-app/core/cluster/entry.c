#include "core/cluster/entry_private.h"

/* More than that is enough for any entry, and not counted page by page. */
#define ROOM_ENOUGH	((uint64_t)64 << 20)

static void
head_write(struct buf *out, const struct entry_head *h)
{
	fields_write_number(out, ENTRY_FORMAT);
	fields_write_number(out, h->kind);
	fields_write_number(out, (uint64_t)h->now_us);
	fields_write_number(out, h->room_bytes);
}

static enum kodo_err
head_read(struct reader *r, struct entry_head *out)
{
	const uint64_t format = fields_read_number(r), kind = fields_read_number(r);

	*out = (struct entry_head){ .kind = CHANGE_LOCAL };
	if (!r->bad && (format == 0 || format > entry_format_newest))
		return KODO_EVERSION;
	out->now_us = (int64_t)fields_read_number(r);
	out->room_bytes = fields_read_number(r);
	if (r->bad || !is_time(out->now_us))
		return KODO_EINVAL;
	/* of a later build */
	if (kind >= CHANGE_KINDS || kind == CHANGE_LOCAL)
		return KODO_EVERSION;
	out->kind = (enum change_kind)kind;
	return KODO_OK;
}

enum kodo_err
entry_write(struct buf *out, const struct change_run *run, uint64_t room_bytes)
{
	const struct entry_head h = { .kind = run->type->kind, .now_us = run->now_us,
		.room_bytes = room_bytes };

	if (h.kind == CHANGE_LOCAL || h.kind >= CHANGE_KINDS ||
	    entry_rows[h.kind].type != run->type)
		return KODO_EINVAL;
	head_write(out, &h);
	fields_write(out, &entry_rows[h.kind].in, run->arg);
	return out->err;
}

void
entry_write_skip(struct buf *out, int64_t now_us, uint64_t revision)
{
	const struct entry_head h = { .kind = CHANGE_SKIP, .now_us = now_us };

	head_write(out, &h);
	fields_write(out, &entry_rows[CHANGE_SKIP].in, &revision);
}

enum kodo_err
entry_room(struct registry *r, uint64_t *room_bytes)
{
	struct txn t;
	enum kodo_err err = store_begin(r->store, STORE_READ, &t);

	*room_bytes = 0;
	if (err != KODO_OK)
		return err;
	*room_bytes = store_room(&t, ROOM_ENOUGH);
	return store_end(&t, err);
}

enum kodo_err
entry_head_read(struct str bytes, struct entry_head *out)
{
	struct reader r = reader_of(bytes);
	enum kodo_err err = head_read(&r, out);

	if (err != KODO_OK || out->kind != CHANGE_SKIP)
		return err;
	out->skipped = fields_read_number(&r);
	return r.bad || r.p != r.end ? KODO_EINVAL : KODO_OK;
}

enum kodo_err
entry_read(struct arena *a, struct str bytes, struct entry *out)
{
	struct reader r = reader_of(bytes);
	enum kodo_err err;

	*out = (struct entry){ .row = NULL };
	err = head_read(&r, &out->head);
	if (err != KODO_OK)
		return err;
	out->row = &entry_rows[out->head.kind];
	out->arg = arena_zalloc(a, out->row->in.size);
	if (out->arg == NULL)
		return KODO_ENOMEM;
	err = fields_read(a, &r, &out->row->in, out->arg);
	if (err == KODO_OK && r.p != r.end)
		err = KODO_EINVAL;
	return err == KODO_OK && out->row->complete != NULL ? out->row->complete(a, out) : err;
}

/* --- what came of it --- */

bool
entry_is_refused(enum kodo_err err)
{
	return err == KODO_ENOTFOUND || err == KODO_ECONFLICT || err == KODO_EINVAL ||
	    err == KODO_ETOOBIG || err == KODO_EEXIST;
}

/* What a run says after it. */
#define AFTER(m, t)	{ t, .at = offsetof(struct change_run, m), \
	.size = sizeof(((struct change_run *)NULL)->m) }
static const struct field after_fields[] = { AFTER(is_due, FIELD_BOOL),
	AFTER(is_view_changed, FIELD_BOOL), AFTER(state, FIELD_NUMBER),
	AFTER(view, FIELD_NUMBER), AFTER(n_withdrawn, FIELD_NUMBER) };
static const struct shape after_shape = { after_fields,
	sizeof(after_fields) / sizeof(after_fields[0]), sizeof(struct change_run) };

void
entry_result_write(struct buf *out, const struct change_run *run, enum kodo_err err)
{
	fields_write_number(out, err);
	fields_write(out, &after_shape, run);
	fields_write(out, &entry_rows[run->type->kind].out, run->arg);
}

enum kodo_err
entry_result_read(struct str bytes, struct change_run *run)
{
	struct arena *a = run->r->a;
	struct reader r;
	uint64_t said;
	enum kodo_err err;

	arena_reset(a);
	err = arena_str(a, bytes, &bytes);
	if (err != KODO_OK)
		return err;
	r = reader_of(bytes);
	said = fields_read_number(&r);
	if (said != KODO_OK && !entry_is_refused((enum kodo_err)said))
		return KODO_ECORRUPT;
	err = fields_read(a, &r, &after_shape, run);
	if (err == KODO_OK)
		err = fields_read(a, &r, &entry_rows[run->type->kind].out, run->arg);
	if (err == KODO_OK && r.p != r.end)
		err = KODO_EINVAL;
	return err == KODO_OK ? (enum kodo_err)said : err == KODO_ENOMEM ? err : KODO_ECORRUPT;
}
