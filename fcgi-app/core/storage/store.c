#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/flow/packed.h"
#include "core/storage/store.h"
#include "core/storage/write_lock.h"

#define MAP_START_BYTES	((uint64_t)64 << 20)
#define READERS_MAX	1024u
/*
 * Raise the first factor with any change of a table's keys or records; PACKED_FORMAT has its own.
 */
#define STORE_FORMAT	(100u * 7u + PACKED_FORMAT)

struct store {
	MDB_env *env;
	MDB_dbi dbi[T_MAX];
	int write_fd;		/* see write_lock.h */
	uint64_t map_max_bytes;
	char dir[PATH_MAX];
};

/* As in the file: another name is another STORE_FORMAT. */
static const char *const table_names[T_MAX] = {
	[T_META] = "meta",
	[T_PEER] = "peer",
	[T_PEER_URL] = "peer_url",
	[T_PROVIDER] = "provider",
	[T_BEHIND] = "behind",
	[T_NODE_URL] = "node_url",
	[T_NODE] = "node",
	[T_SHADOW] = "shadow",
	[T_STATED] = "stated",
	[T_ORDER] = "order",
	[T_OUT] = "out",
	[T_NODE_CHUNK] = "part",
	[T_DUE] = "due",
	[T_CHANGES] = "changes",
	[T_CHANGED] = "changed",
};

static const char format_key[] = "format";

const char *
store_table_name(enum store_table table)
{
	return table_names[table];
}

static enum kodo_err
err_of(int rc)
{
	switch (rc) {
	case MDB_SUCCESS:
		return KODO_OK;
	case MDB_NOTFOUND:
		return KODO_ENOTFOUND;
	case MDB_KEYEXIST:
		return KODO_EEXIST;
	case MDB_MAP_FULL:
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return KODO_EFULL;
	case MDB_READERS_FULL:
		return KODO_EBUSY;
	case ENOMEM:
		return KODO_ENOMEM;
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_PANIC:
		return KODO_ECORRUPT;
	case MDB_VERSION_MISMATCH:
		return KODO_EVERSION;
	default:
		return KODO_EIO;
	}
}

static MDB_val
val_of(struct str s)
{
	/* LMDB takes keys and values without changing them, but its type is not const */
	return (MDB_val){ .mv_size = s.len, .mv_data = (void *)(uintptr_t)s.p };
}

static struct str
str_of_val(const MDB_val *v)
{
	return (struct str){ v->mv_data, v->mv_size };
}

/* The format record, which a new store gets. */
static int
format_read(struct store *st, MDB_txn *txn, bool create, uint32_t *found)
{
	MDB_val key = { sizeof(format_key) - 1, (void *)(uintptr_t)format_key }, val;
	int rc = mdb_get(txn, st->dbi[T_META], &key, &val);

	*found = STORE_FORMAT;
	if (rc == MDB_NOTFOUND && create) {
		val = (MDB_val){ sizeof(*found), found };
		return mdb_put(txn, st->dbi[T_META], &key, &val, 0);
	}
	if (rc != 0)
		return rc;
	*found = 0;
	memcpy(found, val.mv_data, val.mv_size < sizeof(*found) ? val.mv_size : sizeof(*found));
	return 0;
}

/* Open or make every table, the format first: another one may have other tables. */
static enum kodo_err
tables_open(struct store *st, bool create, struct why *why)
{
	uint32_t found = STORE_FORMAT;
	MDB_txn *txn = NULL;
	int rc, i;

	rc = mdb_txn_begin(st->env, NULL, create ? 0 : MDB_RDONLY, &txn);
	for (i = 0; rc == 0 && found == STORE_FORMAT && i < T_MAX; i++) {
		rc = mdb_dbi_open(txn, table_names[i], create ? MDB_CREATE : 0, &st->dbi[i]);
		if (rc == 0 && i == T_META)
			rc = format_read(st, txn, create, &found);
	}
	if (rc == 0 && found == STORE_FORMAT)
		rc = mdb_txn_commit(txn);
	else if (txn != NULL)
		mdb_txn_abort(txn);
	if (rc == 0 && found != STORE_FORMAT)
		return why_set(why, KODO_EVERSION,
		    "%s: written in format %u, this program reads format %u; "
		    "export it with the program that wrote it (kodo export), remove the folder, "
		    "start, and import",
		    st->dir, found, STORE_FORMAT);
	if (rc == 0)
		return KODO_OK;
	return why_set(
	    why, err_of(rc), "%s: cannot open the tables: %s", st->dir, mdb_strerror(rc));
}

/* Are all tables there, so that opening them needs no write transaction? */
static bool
tables_exist(struct store *st)
{
	MDB_txn *txn = NULL;
	MDB_dbi dbi;
	bool yes;

	if (mdb_txn_begin(st->env, NULL, MDB_RDONLY, &txn) != 0)
		return false;
	yes = mdb_dbi_open(txn, table_names[T_MAX - 1], 0, &dbi) == 0;
	mdb_txn_abort(txn);
	return yes;
}

static enum kodo_err
env_open(struct store *st, const struct state *state, bool exists, struct why *why)
{
	const char *remedy = "";
	int dead, rc;

	rc = mdb_env_create(&st->env);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(st->env, READERS_MAX);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(st->env, T_MAX);
	if (rc == 0 && !exists)	/* else the size is in the file */
		rc = mdb_env_set_mapsize(st->env, MAP_START_BYTES);
	if (rc == 0)
		rc = mdb_env_open(st->env, st->dir, MDB_NOTLS, state->file_mode);
	if (rc == 0)
		rc = mdb_reader_check(st->env, &dead);
	if (rc == 0)
		return KODO_OK;
	if (rc == ENOSPC)
		remedy = "; free some space there";
	else if (rc == EACCES)
		remedy = "; see who owns the folder and its files";
	return why_set(why, err_of(rc), "%s: cannot open the registry: %s%s", st->dir,
	    mdb_strerror(rc), remedy);
}

enum kodo_err
store_open(const struct state *state, bool create, uint64_t map_max_bytes, struct why *why,
    struct store **out)
{
	char path[PATH_MAX];
	struct store *st;
	enum kodo_err err;
	bool exists;

	*out = NULL;
	st = calloc(1, sizeof(*st));
	if (st == NULL)
		return KODO_ENOMEM;
	st->write_fd = -1;
	store_set_map_max(st, map_max_bytes);
	err = state_file(state, "data.mdb", path);
	exists = err == KODO_OK && access(path, F_OK) == 0;
	if (err == KODO_OK && !create && !exists)
		err = why_set(why, KODO_ENOTFOUND, "%s: no registry there", state->path);
	if (err == KODO_OK)
		err = write_lock_open(state, &st->write_fd, why);
	snprintf(st->dir, sizeof(st->dir), "%s", state->path);
	if (err == KODO_OK)
		err = env_open(st, state, exists, why);
	if (err == KODO_OK)
		err = tables_open(st, create && !tables_exist(st), why);
	if (err != KODO_OK) {
		store_close(st);
		return err;
	}
	*out = st;
	return KODO_OK;
}

void
store_set_map_max(struct store *st, uint64_t bytes)
{
	st->map_max_bytes = bytes < MAP_START_BYTES ? MAP_START_BYTES : bytes;
}

void
store_close(struct store *st)
{
	if (st == NULL)
		return;
	if (st->env != NULL)
		mdb_env_close(st->env);
	if (st->write_fd != -1)
		close(st->write_fd);
	free(st);
}

enum kodo_err
store_begin(struct store *st, enum store_mode mode, struct txn *t)
{
	unsigned flags = mode == STORE_READ ? MDB_RDONLY : 0;
	enum kodo_err err;
	MDB_txn *txn;
	int rc, dead;

	*t = (struct txn){ .store = st, .mdb = NULL, .mode = mode };
	if (mode == STORE_WRITE) {
		err = write_lock_take(st->write_fd);
		if (err != KODO_OK)
			return err;
	}
	rc = mdb_txn_begin(st->env, NULL, flags, &txn);
	if (rc == MDB_MAP_RESIZED || rc == MDB_READERS_FULL) {
		/* another process made the map larger; or killed readers still hold their slots */
		rc = rc == MDB_MAP_RESIZED ? mdb_env_set_mapsize(st->env, 0)
					   : mdb_reader_check(st->env, &dead);
		if (rc == 0)
			rc = mdb_txn_begin(st->env, NULL, flags, &txn);
	}
	if (rc != 0) {
		if (mode == STORE_WRITE)
			write_lock_release(st->write_fd);
		return err_of(rc);
	}
	t->mdb = txn;
	return KODO_OK;
}

enum kodo_err
store_end(struct txn *t, enum kodo_err err)
{
	int rc = 0;

	if (t->mdb == NULL)
		return err;
	if (err == KODO_OK && t->mode == STORE_WRITE)
		rc = mdb_txn_commit(t->mdb);	/* frees the handle even when it fails */
	else
		mdb_txn_abort(t->mdb);
	t->mdb = NULL;
	if (t->mode == STORE_WRITE)
		write_lock_release(t->store->write_fd);
	return err != KODO_OK ? err : err_of(rc);
}

uint64_t
store_last(const struct store *st)
{
	MDB_envinfo info;

	mdb_env_info(st->env, &info);
	return info.me_last_txnid;
}

uint64_t
store_seen(const struct txn *t)
{
	return mdb_txn_id(t->mdb);
}

/* Double the map up to its ceiling. KODO_EFULL: it is there already. */
static enum kodo_err
map_grow(struct store *st)
{
	MDB_envinfo info;
	uint64_t size;
	int rc;

	mdb_env_info(st->env, &info);
	size = info.me_mapsize;
	if (size >= st->map_max_bytes)
		return KODO_EFULL;
	size = size * 2 > st->map_max_bytes ? st->map_max_bytes : size * 2;
	rc = mdb_env_set_mapsize(st->env, size);
	return rc == 0 ? KODO_OK : err_of(rc);
}

enum kodo_err
store_write(struct store *st, enum kodo_err (*fn)(struct txn *t, void *arg), void *arg)
{
	enum kodo_err err;
	struct txn t;

	for (;;) {
		err = store_begin(st, STORE_WRITE, &t);
		if (err != KODO_OK)
			return err;
		err = fn(&t, arg);
		err = store_end(&t, err);
		if (err != KODO_EFULL)
			return err;
		err = map_grow(st);
		if (err != KODO_OK)
			return err;
	}
}

enum kodo_err
store_get(struct txn *t, enum store_table table, struct str key, struct str *value)
{
	MDB_val k = val_of(key), v;
	int rc = mdb_get(t->mdb, t->store->dbi[table], &k, &v);

	*value = rc == 0 ? str_of_val(&v) : STR_NULL;
	return err_of(rc);
}

enum kodo_err
store_put(struct txn *t, enum store_table table, struct str key, struct str value)
{
	MDB_val k = val_of(key), v = val_of(value);

	return err_of(mdb_put(t->mdb, t->store->dbi[table], &k, &v, 0));
}

enum kodo_err
store_put_pair(struct txn *t, enum store_table table, struct str key, struct str first,
    struct str second)
{
	MDB_val k = val_of(key), v = { first.len + second.len, NULL };
	int rc = mdb_put(t->mdb, t->store->dbi[table], &k, &v, MDB_RESERVE);

	if (rc != MDB_SUCCESS)
		return err_of(rc);
	if (first.len > 0)
		memcpy(v.mv_data, first.p, first.len);
	if (second.len > 0)
		memcpy((char *)v.mv_data + first.len, second.p, second.len);
	return KODO_OK;
}

enum kodo_err
store_del(struct txn *t, enum store_table table, struct str key)
{
	MDB_val k = val_of(key);
	int rc = mdb_del(t->mdb, t->store->dbi[table], &k, NULL);

	return rc == MDB_NOTFOUND ? KODO_OK : err_of(rc);
}

enum kodo_err
store_del_under(struct txn *t, enum store_table table, struct str prefix)
{
	MDB_val k = val_of(prefix), v;
	MDB_cursor *c;
	int rc = mdb_cursor_open(t->mdb, t->store->dbi[table], &c);

	if (rc != 0)
		return err_of(rc);
	rc = mdb_cursor_get(c, &k, &v, prefix.p == NULL ? MDB_FIRST : MDB_SET_RANGE);
	while (rc == 0 && str_starts(str_of_val(&k), prefix)) {
		rc = mdb_cursor_del(c, 0);
		if (rc == 0)
			rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(c);
	return rc == MDB_NOTFOUND ? KODO_OK : err_of(rc);
}

struct scan
scan_from(struct txn *t, enum store_table table, struct str key, unsigned prefix_len)
{
	struct scan s = { .at_len = (unsigned)key.len, .prefix_len = prefix_len };
	MDB_cursor *mdb = NULL;

	assert(key.len <= sizeof(s.at) && prefix_len <= key.len);
	if (key.len > 0)
		memcpy(s.at, key.p, key.len);
	s.err = err_of(mdb_cursor_open(t->mdb, t->store->dbi[table], &mdb));
	s.mdb = mdb;
	return s;
}

struct scan
scan_prefix(struct txn *t, enum store_table table, struct str prefix)
{
	return scan_from(t, table, prefix, (unsigned)prefix.len);
}

bool
scan_next(struct scan *s)
{
	MDB_val key = { s->at_len, s->at }, val;
	MDB_cursor_op op = s->is_begun ? MDB_NEXT : s->at_len > 0 ? MDB_SET_RANGE : MDB_FIRST;
	int rc;

	if (s->err != KODO_OK || s->is_over)
		return false;
	rc = mdb_cursor_get(s->mdb, &key, &val, op);
	s->is_begun = true;
	if (rc == 0 && key.mv_size >= s->prefix_len &&
	    memcmp(key.mv_data, s->at, s->prefix_len) == 0) {
		s->k = str_of_val(&key);
		s->v = str_of_val(&val);
		return true;
	}
	s->is_over = rc == 0 || rc == MDB_NOTFOUND;
	s->err = s->is_over ? KODO_OK : err_of(rc);
	return false;
}

enum kodo_err
scan_end(struct scan *s)
{
	if (s->mdb != NULL)
		mdb_cursor_close(s->mdb);
	s->mdb = NULL;
	return s->err;
}

enum kodo_err
scan_first(struct scan s, struct str *k, struct str *v)
{
	const bool found = scan_next(&s);
	enum kodo_err err = scan_end(&s);

	*k = s.k;
	*v = s.v;
	return err == KODO_OK && !found ? KODO_ENOTFOUND : err;
}

enum kodo_err
store_stat(struct store *st, struct store_stat *out)
{
	MDB_envinfo info;
	MDB_stat ms;
	struct stat sb;
	struct txn t;
	enum kodo_err err;
	int dead = 0, i, fd;

	memset(out, 0, sizeof(*out));
	mdb_reader_check(st->env, &dead);
	mdb_env_info(st->env, &info);
	err = store_begin(st, STORE_READ, &t);
	if (err != KODO_OK)
		return err;
	for (i = 0; i < T_MAX; i++)
		if (mdb_stat(t.mdb, st->dbi[i], &ms) == 0)
			out->entries[i] = ms.ms_entries;
	mdb_env_stat(st->env, &ms);
	out->map_bytes = info.me_mapsize;
	out->used_bytes = (info.me_last_pgno + 1) * ms.ms_psize;
	out->map_max_bytes = st->map_max_bytes;
	out->readers = info.me_numreaders;
	out->readers_max = info.me_maxreaders;
	out->readers_cleared = (unsigned)dead;
	out->lmdb_version = mdb_version(NULL, NULL, NULL);
	if (mdb_env_get_fd(st->env, &fd) == 0 && fstat(fd, &sb) == 0)
		out->file_bytes = (uint64_t)sb.st_size;
	return store_end(&t, KODO_OK);
}
