#include <assert.h>
#include <errno.h>
#include <sys/stat.h>

#include "core/storage/data_file.h"
#include "core/storage/store_private.h"

/*
 * Of the largest map: a sixteenth, and room for a large node, old and new; of a small one
 * a quarter.
 */
#define RESERVE_SHARE	16u
#define RESERVE_BYTES	((uint64_t)32 << 20)
#define RESERVE_MOST	4u

/* What LMDB says, in our terms, and what to do. Other numbers are those of the system. */
static const struct {
	int rc;
	enum kodo_err err;
	const char *remedy;
} errors[] = {
	{ MDB_SUCCESS, KODO_OK, "" },
	{ MDB_NOTFOUND, KODO_ENOTFOUND, "" },
	{ MDB_KEYEXIST, KODO_EEXIST, "" },
	{ MDB_MAP_FULL, KODO_EFULL, "; raise map_max_mib" },
	{ MDB_READERS_FULL, KODO_EBUSY, "; end some of the processes that read it" },
	{ MDB_PANIC, KODO_EIO, "" },
	{ MDB_CORRUPTED, KODO_ECORRUPT, "; " STORE_RESTORE },
	{ MDB_PAGE_NOTFOUND, KODO_ECORRUPT, "; " STORE_RESTORE },
	{ MDB_INVALID, KODO_ECORRUPT, "; " STORE_RESTORE },
	{ MDB_VERSION_MISMATCH, KODO_EVERSION, "; it is of another version of LMDB: end the "
	    "processes that use that, or take that library" },
};
#define N_ERRORS	(sizeof(errors) / sizeof(errors[0]))

static size_t
row_of(int rc)
{
	size_t i = 0;

	while (i < N_ERRORS && errors[i].rc != rc)
		i++;
	return i;
}

enum kodo_err
store_err(int rc)
{
	const size_t row = row_of(rc);

	return row < N_ERRORS ? errors[row].err : rc > 0 ? path_errno(rc) : KODO_EIO;
}

enum kodo_err
store_explain(const struct store *st, const char *what, int rc, struct why *why)
{
	const size_t row = row_of(rc);

	if (rc > 0)
		return why_set(why, path_errno(rc), "%s: cannot %s: %s", st->state.path, what,
		    path_words(rc));
	return why_set(why, store_err(rc), "%s: cannot %s: %s%s", st->state.path, what,
	    mdb_strerror(rc), row < N_ERRORS ? errors[row].remedy : "");
}

enum kodo_err
store_write_err(struct store *st, int rc)
{
	struct why why = { "" };
	int fd, failed = 0;

	if (rc == EIO && mdb_env_get_fd(st->env, &fd) == 0)
		failed = data_file_no_room(fd);
	if (failed != 0)
		rc = failed;
	st->map_is_full = st->map_is_full || rc == MDB_MAP_FULL;
	if (rc != 0 && rc != MDB_MAP_FULL && rc != MDB_NOTFOUND && rc != MDB_BAD_TXN) {
		(void)store_explain(st, "write", rc, &why);
		log_complain(&st->complaint, &why, store_err(rc));
	}
	return store_err(rc);
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

/* Perhaps of another folder, with a lock of its own; one that is held stays so. rc. */
static int
renew(struct store *st, unsigned flags)
{
	if (store_renew(st) != KODO_OK)
		return EIO;
	return flags == MDB_RDONLY || write_lock_take(st->write_fd) == KODO_OK ? 0 : EIO;
}

/* Begin, and once more after what LMDB asks for. */
static int
begin(struct store *st, unsigned flags, MDB_txn **txn)
{
	int rc, dead;

	if (st->env == NULL && renew(st, flags) != 0)
		return EIO;
	rc = mdb_txn_begin(st->env, NULL, flags, txn);
	if (rc == MDB_PANIC)
		rc = renew(st, flags);
	else if (rc == MDB_MAP_RESIZED)	/* another process made the map larger */
		rc = store_map_follow(st);
	else if (rc == MDB_READERS_FULL)	/* killed readers still hold their slots */
		rc = mdb_reader_check(st->env, &dead);
	else
		return rc;
	return rc == 0 ? mdb_txn_begin(st->env, NULL, flags, txn) : rc;
}

/* The write lock, of what may be written; what could only be read is tried again first. rc. */
static int
begin_writing(struct store *st, enum kodo_err *err)
{
	*err = st->is_read_only ? store_renew(st) : KODO_OK;
	if (*err == KODO_OK && st->is_read_only)
		return EROFS;
	if (*err == KODO_OK)
		*err = write_lock_take(st->write_fd);
	return 0;
}

/*
 * Of each commit, the first time that it is seen: another process may have brought the store to a
 * newer format, whose records this one would misread.
 */
static bool
check_format(struct store *st, MDB_txn *txn, enum store_mode mode)
{
	const size_t seen = mdb_txn_id(txn) - (mode == STORE_WRITE);
	uint32_t found;

	if (st->is_raw || seen == st->checked)
		return !st->is_outdated;
	if (store_format_read(txn, st->dbi[T_META], &found) == 0) {
		if (found != store_format_own && !st->is_outdated)
			log_warning("%s: a newer program has brought it from format %u to %u",
			    st->state.path, store_format_own, found);
		st->is_outdated = found != store_format_own;
		st->checked = seen;
	}
	return !st->is_outdated;
}

bool
store_is_outdated(const struct store *st)
{
	return st->is_outdated;
}

enum kodo_err
store_begin(struct store *st, enum store_mode mode, struct txn *t)
{
	struct why why = { "" };
	enum kodo_err err = KODO_OK;
	MDB_txn *txn;
	int rc = 0;

	*t = (struct txn){ .store = st, .mdb = NULL, .mode = mode };
	if (mode == STORE_WRITE)
		rc = begin_writing(st, &err);
	if (err != KODO_OK)
		return err;
	if (rc == 0) {
		rc = begin(st, mode == STORE_READ ? MDB_RDONLY : 0, &txn);
		if (rc != 0 && mode == STORE_WRITE)
			write_lock_release(st->write_fd);
	}
	if (rc != 0) {
		err = store_explain(st, mode == STORE_READ ? "read" : "write", rc, &why);
		if (st->env != NULL)	/* else it was said */
			log_complain(&st->complaint, &why, err);
		return err;
	}
	if (!check_format(st, txn, mode)) {
		mdb_txn_abort(txn);
		if (mode == STORE_WRITE)
			write_lock_release(st->write_fd);
		return KODO_EVERSION;
	}
	t->mdb = txn;
	st->n_open++;
	return KODO_OK;
}

static void
cursors_close(struct txn *t)
{
	size_t i;

	for (i = 0; i < T_MAX; i++)
		if (t->cursor[i] != NULL)
			mdb_cursor_close(t->cursor[i]);
	memset(t->cursor, 0, sizeof(t->cursor));
}

enum kodo_err
store_begin_within(struct txn *outer, struct txn *t)
{
	MDB_txn *txn;

	*t = (struct txn){ .store = outer->store, .mode = STORE_WRITE, .is_within = true };
	cursors_close(outer);
	if (mdb_txn_begin(outer->store->env, outer->mdb, 0, &txn) != 0)
		return KODO_ENOMEM;
	t->mdb = txn;
	outer->store->n_open++;
	return KODO_OK;
}

enum kodo_err
store_end(struct txn *t, enum kodo_err err)
{
	struct store *st = t->store;

	if (t->mdb == NULL)
		return err;
	cursors_close(t);
	if (err == KODO_OK && t->mode == STORE_WRITE) {
		/* frees the handle even when it fails */
		err = store_write_err(st, mdb_txn_commit(t->mdb));
		if (err == KODO_OK)
			st->complaint.text[0] = '\0';
	} else
		mdb_txn_abort(t->mdb);
	t->mdb = NULL;
	st->n_open--;
	if (t->mode == STORE_WRITE && !t->is_within)
		write_lock_release(st->write_fd);
	return err;
}

uint64_t
store_last(const struct store *st)
{
	MDB_envinfo info = { 0 };

	if (st->env != NULL)
		mdb_env_info(st->env, &info);
	return info.me_last_txnid;
}

uint64_t
store_seen(const struct txn *t)
{
	return mdb_txn_id(t->mdb);
}

enum kodo_err
store_write(struct store *st, enum kodo_err (*fn)(struct txn *t, void *arg), void *arg)
{
	enum kodo_err err;
	struct txn t;

	for (;;) {
		st->map_is_full = false;
		err = store_begin(st, STORE_WRITE, &t);
		if (err != KODO_OK)
			return err;
		err = fn(&t, arg);
		err = store_end(&t, err);
		if (err != KODO_EFULL || !st->map_is_full)
			return err;
		err = store_map_grow(st);
		if (err != KODO_OK)
			return err;
	}
}

/*
 * The cursor of a table that a write transaction keeps: LMDB looks for a key on the page where the
 * last one was before it descends from the root, and many keys of a change follow each other.
 */
static int
cursor_of(struct txn *t, enum store_table table, MDB_cursor **out)
{
	int rc = 0;

	*out = t->cursor[table];
	if (*out == NULL)
		rc = mdb_cursor_open(t->mdb, t->store->dbi[table], out);
	t->cursor[table] = *out;
	return rc;
}

enum kodo_err
store_get(struct txn *t, enum store_table table, struct str key, struct str *value)
{
	MDB_val k = val_of(key), v;
	MDB_cursor *c;
	int rc;

	if (t->mode == STORE_READ) {
		rc = mdb_get(t->mdb, t->store->dbi[table], &k, &v);
	} else {
		rc = cursor_of(t, table, &c);
		if (rc == 0)
			rc = mdb_cursor_get(c, &k, &v, MDB_SET);
	}
	*value = rc == 0 ? str_of_val(&v) : STR_NULL;
	return store_err(rc);
}

static int
put(struct txn *t, enum store_table table, struct str key, MDB_val *v, unsigned flags)
{
	MDB_val k = val_of(key);
	MDB_cursor *c;
	int rc = cursor_of(t, table, &c);

	return rc == 0 ? mdb_cursor_put(c, &k, v, flags) : rc;
}

enum kodo_err
store_put(struct txn *t, enum store_table table, struct str key, struct str value)
{
	MDB_val v = val_of(value);

	return store_write_err(t->store, put(t, table, key, &v, 0));
}

enum kodo_err
store_put_pair(struct txn *t, enum store_table table, struct str key, struct str first,
    struct str second)
{
	MDB_val v = { first.len + second.len, NULL };
	int rc = put(t, table, key, &v, MDB_RESERVE);

	if (rc != MDB_SUCCESS)
		return store_write_err(t->store, rc);
	if (first.len > 0)
		memcpy(v.mv_data, first.p, first.len);
	if (second.len > 0)
		memcpy((char *)v.mv_data + first.len, second.p, second.len);
	return KODO_OK;
}

enum kodo_err
store_del(struct txn *t, enum store_table table, struct str key)
{
	MDB_val k = val_of(key), v;
	MDB_cursor *c;
	int rc = cursor_of(t, table, &c);

	if (rc == 0)
		rc = mdb_cursor_get(c, &k, &v, MDB_SET);
	if (rc == 0)
		rc = mdb_cursor_del(c, 0);
	return rc == MDB_NOTFOUND ? KODO_OK : store_write_err(t->store, rc);
}

enum kodo_err
store_del_under(struct txn *t, enum store_table table, struct str prefix)
{
	MDB_val k = val_of(prefix), v;
	MDB_cursor *c;
	int rc = mdb_cursor_open(t->mdb, t->store->dbi[table], &c);

	if (rc != 0)
		return store_err(rc);
	rc = mdb_cursor_get(c, &k, &v, prefix.p == NULL ? MDB_FIRST : MDB_SET_RANGE);
	while (rc == 0 && str_starts(str_of_val(&k), prefix)) {
		rc = mdb_cursor_del(c, 0);
		if (rc == 0)
			rc = mdb_cursor_get(c, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(c);
	return rc == MDB_NOTFOUND ? KODO_OK : store_write_err(t->store, rc);
}

struct scan
scan_from(struct txn *t, enum store_table table, struct str key, unsigned prefix_len)
{
	struct scan s = { .at_len = (unsigned)key.len, .prefix_len = prefix_len };
	MDB_cursor *mdb = NULL;

	assert(key.len <= sizeof(s.at) && prefix_len <= key.len);
	if (key.len > 0)
		memcpy(s.at, key.p, key.len);
	s.err = store_err(mdb_cursor_open(t->mdb, t->store->dbi[table], &mdb));
	s.mdb = mdb;
	return s;
}

struct scan
scan_prefix(struct txn *t, enum store_table table, struct str prefix)
{
	return scan_from(t, table, prefix, (unsigned)prefix.len);
}

struct scan
scan_back(struct txn *t, enum store_table table)
{
	struct scan s = scan_prefix(t, table, STR_NULL);

	s.is_back = true;
	return s;
}

/*
 * Is the key not before the place of the scan, and behind that of the entry before? With a damaged
 * key this need not be so, and whoever goes on from the last key would go round.
 */
static bool
is_in_order(struct scan *s, struct str key)
{
	const int c = str_cmp(key, (struct str){ s->at, s->at_len });

	if (s->is_begun && (s->is_back ? c >= 0 : c == 0))
		return false;
	if (!s->is_back && c < 0)
		return false;
	s->at_len = key.len < sizeof(s->at) ? (unsigned)key.len : sizeof(s->at);
	memcpy(s->at, key.p, s->at_len);
	return true;
}

bool
scan_next(struct scan *s)
{
	MDB_val key = { s->at_len, s->at }, val;
	const MDB_cursor_op first = s->at_len > 0 ? MDB_SET_RANGE : MDB_FIRST;
	const MDB_cursor_op begin = s->is_back ? MDB_LAST : first;
	const MDB_cursor_op op = !s->is_begun ? begin : s->is_back ? MDB_PREV : MDB_NEXT;
	int rc;

	if (s->err != KODO_OK || s->is_over)
		return false;
	rc = mdb_cursor_get(s->mdb, &key, &val, op);
	if (rc == 0 && key.mv_size >= s->prefix_len &&
	    memcmp(key.mv_data, s->at, s->prefix_len) == 0) {
		s->k = str_of_val(&key);
		s->v = str_of_val(&val);
		if (!is_in_order(s, s->k))
			s->err = KODO_ECORRUPT;
		s->is_begun = true;
		return s->err == KODO_OK;
	}
	s->is_begun = true;
	s->is_over = rc == 0 || rc == MDB_NOTFOUND;
	s->err = s->is_over ? KODO_OK : store_err(rc);
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

/* Pages that the next transactions may use again, as of the last commit. */
static uint64_t
count_free(struct store *st)
{
	MDB_txn *txn = NULL;
	MDB_cursor *c = NULL;
	MDB_val key, val;
	uint64_t n = 0;
	size_t pages;

	/* table 0 of LMDB: lists of pages, each with its length before it; not for who writes */
	if (mdb_txn_begin(st->env, NULL, MDB_RDONLY, &txn) != 0)
		return 0;
	if (mdb_cursor_open(txn, 0, &c) == 0)
		while (mdb_cursor_get(c, &key, &val, MDB_NEXT) == 0) {
			if (val.mv_size < sizeof(pages))
				continue;
			memcpy(&pages, val.mv_data, sizeof(pages));
			n += pages;
		}
	if (c != NULL)
		mdb_cursor_close(c);
	mdb_txn_abort(txn);
	return n;
}

uint64_t
store_room(struct txn *t, uint64_t enough)
{
	const uint64_t max = t->store->map_max_bytes, most = max / RESERVE_MOST;
	const uint64_t reserve = max / RESERVE_SHARE + RESERVE_BYTES;

	return store_room_below(t, max - (reserve < most ? reserve : most), enough);
}

uint64_t
store_room_below(struct txn *t, uint64_t limit, uint64_t enough)
{
	struct store *st = t->store;
	MDB_envinfo info;
	MDB_stat ms;
	uint64_t used;

	if (mdb_env_info(st->env, &info) != 0 || mdb_env_stat(st->env, &ms) != 0)
		return 0;
	used = (info.me_last_pgno + 1) * ms.ms_psize;
	if (used + enough > limit)
		used -= count_free(st) * ms.ms_psize;
	return used < limit ? limit - used : 0;
}

/* A line of mdb_reader_list: a heading, or the process of a slot in use. */
static int
count_reader(const char *line, void *arg)
{
	unsigned *n = arg;

	line += strspn(line, " ");
	*n += *line >= '0' && *line <= '9';
	return 0;
}

bool
store_is_in_place(const struct store *st)
{
	char path[PATH_BYTES];
	struct stat own, there;
	int fd;

	return st->env == NULL || mdb_env_get_fd(st->env, &fd) != 0 || fstat(fd, &own) != 0 ||
	    (state_file(&st->state, "data.mdb", path) == KODO_OK && stat(path, &there) == 0 &&
		own.st_dev == there.st_dev && own.st_ino == there.st_ino);
}

enum write_lock_state
store_write_lock(const struct store *st)
{
	return write_lock_look(st->write_fd);
}

long
store_writer(const struct store *st)
{
	return write_lock_holder(st->write_fd);
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
	err = store_begin(st, STORE_READ, &t);
	if (err != KODO_OK)
		return err;
	mdb_reader_check(st->env, &dead);
	(void)mdb_reader_list(st->env, count_reader, &out->readers_now);
	mdb_env_info(st->env, &info);
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
