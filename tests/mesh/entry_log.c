#include <stdlib.h>

#include "core/cluster/entry_private.h"
#include "entry_log.h"
#include "mesh.h"

static FILE *file;

bool
entry_log_open(const char *path)
{
	file = fopen(path, "wb");
	return file != NULL;
}

bool
entry_log_close(void)
{
	bool is_whole = file == NULL || !ferror(file);

	if (file != NULL)
		is_whole = fclose(file) == 0 && is_whole;
	file = NULL;
	return is_whole;
}

static void
record_put(const struct entry_record *rec, const struct buf *entry, const struct buf *result)
{
	fwrite(rec, sizeof(*rec), 1, file);
	if (rec->mark != MARK_ENTRY)
		return;
	fwrite(entry->p, 1, entry->len, file);
	fwrite(result->p, 1, result->len, file);
}

static bool
digest_take(struct registry *r, char out[STATE_DIGEST_SIZE])
{
	struct txn t;

	return store_begin(registry_store(r), STORE_READ, &t) == KODO_OK &&
	    store_end(&t, state_digest(&t, out)) == KODO_OK;
}

/* Made here, as without a log, and written down. */
static enum kodo_err
follow(void *arg, struct change_run *run)
{
	struct service *s = arg;
	struct buf entry = BUF_INIT(0), result = BUF_INIT(0);
	struct entry_record rec;
	uint64_t room_bytes;
	enum kodo_err err;

	memset(&rec, 0, sizeof(rec));
	rec.mark = MARK_ENTRY;
	rec.service = (uint8_t)s->i;
	if (entry_room(run->r, &room_bytes) != KODO_OK ||
	    entry_write(&entry, run, room_bytes) != KODO_OK)
		mesh_fail(s->mesh, "s%u: no entry can be made of change %d\n", s->i,
		    (int)run->type->kind);
	err = registry_change_here(run);
	if (err == KODO_OK || entry_is_refused(err)) {
		entry_result_write(&result, run, err);
		rec.n_entry = (uint32_t)entry.len;
		rec.n_result = (uint32_t)result.len;
		if (!digest_take(run->r, rec.digest))
			mesh_fail(s->mesh, "s%u: no digest\n", s->i);
		record_put(&rec, &entry, &result);
	}
	buf_free(&entry);
	buf_free(&result);
	return err;
}

void
entry_log_follow(struct service *s)
{
	if (file != NULL)
		registry_submit_by(s->r, follow, s);
}

void
entry_log_mark(const struct service *s, enum entry_mark mark)
{
	struct entry_record rec;

	if (file == NULL)
		return;
	memset(&rec, 0, sizeof(rec));
	rec.mark = (uint8_t)mark;
	rec.service = (uint8_t)s->i;
	record_put(&rec, NULL, NULL);
}
