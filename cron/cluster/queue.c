#include <endian.h>
#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/log.h"
#include "cron/cluster/queue.h"

/* Pages that are half empty, and room to remove: LMDB needs pages for that, too. */
#define MAP_FACTOR	4u
#define MAP_SPARE	((size_t)4 << 20)

struct queue {
	MDB_env *env;
	MDB_dbi dbi;
	MDB_txn *txn;	/* NULL: nothing was begun */
	size_t max_bytes, bytes;
	uint64_t n, last;
};

static enum kodo_err
failed(const char *what, int rc)
{
	if (rc == 0)
		return KODO_OK;
	if (rc == MDB_NOTFOUND)
		return KODO_ENOTFOUND;
	log_error("%s in %s: %s", what, QUEUE_FILE, mdb_strerror(rc));
	return rc == MDB_MAP_FULL || rc == ENOSPC ? KODO_EFULL
	    : rc == ENOMEM ? KODO_ENOMEM : KODO_EIO;
}

static enum kodo_err
begin(struct queue *q)
{
	int rc = 0;

	if (q->txn == NULL)
		rc = mdb_txn_begin(q->env, NULL, 0, &q->txn);
	if (rc != 0)
		q->txn = NULL;
	return failed("cannot begin", rc);
}

/* How much there is. */
static enum kodo_err
count(struct queue *q)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	enum kodo_err err = begin(q);
	int rc;

	q->n = 0;
	q->bytes = 0;
	if (err != KODO_OK)
		return err;
	rc = mdb_cursor_open(q->txn, q->dbi, &cursor);
	if (rc != 0)
		return failed("cannot look", rc);
	while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		uint64_t number;

		if (key.mv_size != sizeof(number))
			continue;
		memcpy(&number, key.mv_data, sizeof(number));
		number = be64toh(number);
		q->n++;
		q->bytes += value.mv_size;
		if (number > q->last)
			q->last = number;
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? KODO_OK : failed("cannot look", rc);
}

bool
queue_is_there(const struct state *s)
{
	char path[PATH_BYTES];

	return state_file(s, QUEUE_FILE, path) == KODO_OK && access(path, F_OK) == 0;
}

enum kodo_err
queue_open(const struct state *s, size_t max_bytes, struct queue **out, struct why *why)
{
	struct queue *q = calloc(1, sizeof(*q));
	char path[PATH_BYTES];
	enum kodo_err err = state_file(s, QUEUE_FILE, path);
	int rc;

	*out = NULL;
	if (q == NULL || err != KODO_OK) {
		free(q);
		return q == NULL ? KODO_ENOMEM : err;
	}
	q->max_bytes = max_bytes;
	rc = mdb_env_create(&q->env);
	if (rc == 0)
		rc = mdb_env_set_mapsize(q->env, max_bytes * MAP_FACTOR + MAP_SPARE);
	if (rc == 0)
		rc = mdb_env_open(q->env, path, MDB_NOSUBDIR | MDB_NOMEMINIT, s->file_mode);
	if (rc == 0)
		err = begin(q);
	if (rc == 0 && err == KODO_OK)
		rc = mdb_dbi_open(q->txn, NULL, MDB_CREATE, &q->dbi);
	if (rc == 0 && err == KODO_OK)
		err = count(q);
	if (rc == 0 && err == KODO_OK)
		err = queue_commit(q);
	if (rc == 0 && err == KODO_OK) {
		*out = q;
		return KODO_OK;
	}
	queue_close(q);
	return why_set(why, rc == ENOMEM ? KODO_ENOMEM : KODO_EIO,
	    "cannot open %s, which has what was taken here and not yet by the cluster: %s", path,
	    rc != 0 ? mdb_strerror(rc) : kodo_err_text(err));
}

void
queue_close(struct queue *q)
{
	if (q == NULL)
		return;
	if (q->txn != NULL)
		mdb_txn_abort(q->txn);
	if (q->env != NULL)
		mdb_env_close(q->env);
	free(q);
}

uint64_t
queue_length(const struct queue *q)
{
	return q->n;
}

uint64_t
queue_last(const struct queue *q)
{
	return q->last;
}

/* A record: the key, a NUL, the entry. */
enum kodo_err
queue_put(struct queue *q, struct str key, struct str entry, uint64_t *number)
{
	const uint64_t next = q->last + 1;
	uint64_t at = htobe64(next);
	MDB_val k = { sizeof(at), &at }, v = { key.len + 1 + entry.len, NULL };
	enum kodo_err err;

	*number = 0;
	if (v.mv_size > q->max_bytes - q->bytes || q->n >= QUEUE_RECORDS)
		return KODO_EFULL;
	err = begin(q);
	if (err == KODO_OK)
		err = failed("cannot put", mdb_put(q->txn, q->dbi, &k, &v,
		    MDB_RESERVE | MDB_APPEND));
	if (err != KODO_OK)
		return err;
	memcpy(v.mv_data, key.p, key.len);
	((char *)v.mv_data)[key.len] = '\0';
	memcpy((char *)v.mv_data + key.len + 1, entry.p, entry.len);
	q->n++;
	q->bytes += v.mv_size;
	*number = q->last = next;
	return KODO_OK;
}

enum kodo_err
queue_next(
    struct queue *q, uint64_t behind, uint64_t *number, struct str *key, struct str *entry)
{
	uint64_t from = htobe64(behind + 1);
	MDB_val k = { sizeof(from), &from }, v;
	MDB_cursor *cursor;
	struct str record;
	enum kodo_err err = begin(q);

	if (err == KODO_OK)
		err = failed("cannot look", mdb_cursor_open(q->txn, q->dbi, &cursor));
	if (err != KODO_OK)
		return err;
	err = failed("cannot look", mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE));
	mdb_cursor_close(cursor);
	if (err != KODO_OK)
		return err;
	record = (struct str){ v.mv_data, v.mv_size };
	memcpy(number, k.mv_data, sizeof(*number));
	*number = be64toh(*number);
	*key = str_cut(&record, '\0');
	*entry = record;
	return key->len > 0 && entry->len > 0 ? KODO_OK : KODO_ECORRUPT;
}

enum kodo_err
queue_remove(struct queue *q, uint64_t number)
{
	uint64_t at = htobe64(number);
	MDB_val k = { sizeof(at), &at }, v;
	enum kodo_err err = begin(q);
	size_t bytes = 0;

	if (err == KODO_OK)
		err = failed("cannot look", mdb_get(q->txn, q->dbi, &k, &v));
	if (err == KODO_OK) {
		bytes = v.mv_size;
		err = failed("cannot remove", mdb_del(q->txn, q->dbi, &k, NULL));
	}
	if (err == KODO_OK) {
		q->n--;
		q->bytes -= bytes;
	}
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

enum kodo_err
queue_commit(struct queue *q)
{
	enum kodo_err err, counted;

	if (q->txn == NULL)
		return KODO_OK;
	err = failed("cannot commit", mdb_txn_commit(q->txn));
	q->txn = NULL;
	if (err == KODO_OK)
		return KODO_OK;
	counted = count(q);	/* as it was */
	if (q->txn != NULL)
		mdb_txn_abort(q->txn);
	q->txn = NULL;
	(void)counted;
	return err;
}
