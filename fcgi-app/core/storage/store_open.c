#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/storage/data_file.h"
#include "core/storage/store_private.h"
#include "core/storage/store_upgrade.h"

#define MAP_START_BYTES	((uint64_t)64 << 20)
#define MAP_STEP_BYTES	((uint64_t)1 << 20)	/* the map grows by as much at least */
#define READERS_MAX	1024u
#define OLD_TABLES	8u	/* that a migration may open besides */

const char *
store_table_name(enum store_table table)
{
	return store_table_names[table];
}

/* The format of a store, which a new one gets. rc. */
static int
format_find(struct store *st, MDB_txn *txn, bool create, uint32_t *found)
{
	const int rc = store_format_read(txn, st->dbi[T_META], found);

	if (rc != MDB_NOTFOUND || !create)
		return rc;
	*found = store_format_own;
	return store_format_write(txn, st->dbi[T_META]);
}

/*
 * Open or make every table, the format first: another one may have other tables. KODO_EVERSION,
 * without why.
 */
static enum kodo_err
tables_open(struct store *st, bool create, struct why *why)
{
	uint32_t found = store_format_own;
	MDB_txn *txn = NULL;
	int rc, i;

	rc = mdb_txn_begin(st->env, NULL, create ? 0 : MDB_RDONLY, &txn);
	for (i = 0; rc == 0 && found == store_format_own && i < T_MAX; i++) {
		rc = mdb_dbi_open(txn, store_table_names[i], create ? MDB_CREATE : 0, &st->dbi[i]);
		if (rc == 0 && i == T_META)
			rc = format_find(st, txn, create, &found);
	}
	if (rc == 0 && found == store_format_own)
		rc = mdb_txn_commit(txn);
	else if (txn != NULL)
		mdb_txn_abort(txn);
	if (rc == 0)
		return found == store_format_own ? KODO_OK : KODO_EVERSION;
	if (rc == EIO && create && store_write_err(st, rc) == KODO_EFULL)
		rc = ENOSPC;
	return store_explain(st, "open the tables", rc, why);
}

/* Of another format: it is brought to ours, or why says what to do. */
static enum kodo_err
tables_upgrade(struct store *st, bool may, struct why *why)
{
	struct upgrade u;
	enum kodo_err err = upgrade_look(st, &u, why);

	if (err != KODO_OK)
		return err;
	if (!may || !u.is_possible || st->is_read_only)
		return upgrade_refuse(st, &u, why);
	st->is_raw = true;
	err = store_upgrade(st, why);
	st->is_raw = false;
	return err == KODO_OK ? tables_open(st, false, why) : err;
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
	yes = mdb_dbi_open(txn, store_table_names[T_MAX - 1], 0, &dbi) == 0;
	mdb_txn_abort(txn);
	return yes;
}

/* --- a file that is damaged --- */

static void
say_damage(void)
{
	static const char line[] =
	    "kodo: data.mdb is damaged, or its disk fails; " STORE_RESTORE "\n";
	ssize_t n = write(STDERR_FILENO, line, sizeof(line) - 1);

	(void)n;
	_exit(STORE_DAMAGE_STATUS);
}

static void (*on_damage)(void) = say_damage;

void
store_on_damage(void (*fn)(void))
{
	on_damage = fn;
}

/* LMDB goes on to abort(). */
static void
on_assert(MDB_env *env, const char *text)
{
	(void)env;
	(void)text;
	on_damage();
}

/* The map is shorter than what is read of it, or a page of it cannot be read. */
static void
on_bus_error(int number)
{
	(void)number;
	on_damage();
}

static void
catch_bus_error(void)
{
	struct sigaction act = { .sa_handler = on_bus_error }, old;

	sigemptyset(&act.sa_mask);
	if (sigaction(SIGBUS, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
		sigaction(SIGBUS, &act, NULL);
}

static sigjmp_buf after_bus_error;

static void
on_missing_page(int number)
{
	(void)number;
	siglongjmp(after_bus_error, 1);
}

/* How many pages from the first one on are free. */
static uint64_t
count_free(MDB_cursor *c, uint64_t first)
{
	MDB_val key, val;
	uint64_t n = 0;
	size_t page, i;

	while (mdb_cursor_get(c, &key, &val, MDB_NEXT) == 0)
		for (i = 1; i < val.mv_size / sizeof(page); i++) {
			memcpy(&page, (const char *)val.mv_data + i * sizeof(page), sizeof(page));
			n += page >= first;
		}
	return n;
}

/*
 * Are all pages that the file lacks free? LMDB does not write what a transaction took at the end of
 * the file and gave back.
 */
static bool
lacks_free_pages_only(struct store *st)
{
	struct sigaction act = { .sa_handler = on_missing_page }, old;
	volatile bool yes = false;
	MDB_txn *txn = NULL;
	MDB_cursor *c = NULL;
	MDB_envinfo info;
	MDB_stat ms;
	struct stat sb;
	int fd;

	if (mdb_env_get_fd(st->env, &fd) != 0 || fstat(fd, &sb) != 0 ||
	    mdb_env_stat(st->env, &ms) != 0 || mdb_env_info(st->env, &info) != 0 ||
	    mdb_txn_begin(st->env, NULL, MDB_RDONLY, &txn) != 0)
		return false;
	sigemptyset(&act.sa_mask);
	sigaction(SIGBUS, &act, &old);
	if (mdb_cursor_open(txn, 0, &c) == 0 && sigsetjmp(after_bus_error, 1) == 0) {
		const uint64_t pages = (uint64_t)sb.st_size / ms.ms_psize;

		yes = count_free(c, pages) >= info.me_last_pgno + 1 - pages;
	}
	sigaction(SIGBUS, &old, NULL);
	if (c != NULL)
		mdb_cursor_close(c);
	mdb_txn_abort(txn);
	return yes;
}

/* --- opening --- */

static void
env_close(struct store *st)
{
	if (st->env != NULL)
		mdb_env_close(st->env);
	st->env = NULL;
}

/* rc of LMDB. The map: as large as it was, or as the limit of address space allows. */
static int
env_try(struct store *st, const struct data_file *file, unsigned flags)
{
	const uint64_t want = file->map_bytes > 0 ? file->map_bytes : MAP_START_BYTES;
	const uint64_t least = file->used_bytes > 0 ? file->used_bytes : MAP_STEP_BYTES;
	const uint64_t map = data_file_map_room(want, least, 0);
	int dead, fd, rc;

	if (map == 0)
		return ENOMEM;
	rc = mdb_env_create(&st->env);
	if (rc == 0)
		rc = mdb_env_set_assert(st->env, on_assert);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(st->env, READERS_MAX);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(st->env, T_MAX + OLD_TABLES);
	if (rc == 0)
		rc = mdb_env_set_mapsize(st->env, map);
	if (st->is_last_deferred)
		flags |= MDB_NOMETASYNC;
	if (rc == 0)
		rc = mdb_env_open(st->env, st->state.path, MDB_NOTLS | flags, st->state.file_mode);
	if (rc == 0 && (flags & MDB_NOLOCK) == 0)
		rc = mdb_reader_check(st->env, &dead);
	/* see judge in data_file.c */
	if (rc == 0 && file->kind == DATA_NONE && mdb_env_get_fd(st->env, &fd) == 0 &&
	    fsync(fd) != 0)
		rc = errno;
	if (rc != 0)
		env_close(st);
	return rc;
}

static enum kodo_err
env_open(struct store *st, const struct data_file *file, struct why *why)
{
	/* what can only be read is read, if need be without locks: a disk is mounted so */
	static const unsigned modes[] = { 0, MDB_RDONLY, MDB_RDONLY | MDB_NOLOCK };
	enum kodo_err err = data_file_place_locks(&st->state, READERS_MAX, why);
	int rc = EACCES;
	size_t i;

	if (err != KODO_OK)
		return err;
	for (i = st->write_fd == -1; i < sizeof(modes) / sizeof(modes[0]); i++) {
		rc = env_try(st, file, modes[i]);
		if (rc != EROFS && rc != EACCES && rc != EPERM)
			break;
	}
	if (rc != 0)
		return store_explain(st, "open the registry", rc, why);
	st->is_read_only = i > 0;
	if (file->kind == DATA_SHORT && !lacks_free_pages_only(st)) {
		env_close(st);
		return why_set(why, KODO_ECORRUPT,
		    "%s/data.mdb is damaged: it is shorter than what it should hold; "
		    STORE_RESTORE, st->state.path);
	}
	return KODO_OK;
}

/* An environment and its tables, made where nothing is or nothing was ever committed. */
static enum kodo_err
env_make(struct store *st, struct why *why)
{
	struct data_file file;
	enum kodo_err err = write_lock_take(st->write_fd);

	if (err != KODO_OK)
		return why_set(why, err, "%s: another process makes the registry, or is stopped "
		    "at it", st->state.path);
	err = data_file_look(&st->state, &file, why);
	if (err == KODO_OK && file.kind == DATA_UNBORN) {
		log_warning("%s/data.mdb: its first write was cut off; it is made anew",
		    st->state.path);
		err = data_file_renew(&st->state);
		file.kind = DATA_NONE;
	}
	if (err == KODO_OK)
		err = env_open(st, &file, why);
	if (err == KODO_OK)
		err = tables_open(st, !tables_exist(st), why);
	write_lock_release(st->write_fd);
	return err;
}

static enum kodo_err
env_find(struct store *st, enum store_open how, struct why *why)
{
	const bool create = how == STORE_MAKE;
	struct data_file file;
	enum kodo_err err = data_file_look(&st->state, &file, why);

	if (err != KODO_OK)
		return err;
	if (file.kind == DATA_NONE || file.kind == DATA_UNBORN) {
		if (create && st->write_fd != -1)
			return env_make(st, why);
		if (file.kind == DATA_UNBORN)
			return why_set(why, KODO_ECORRUPT, "%s/data.mdb: its first write was cut "
			    "off; the next start (or request) makes it anew", st->state.path);
		return why_set(why, KODO_ENOTFOUND, "%s: no registry there", st->state.path);
	}
	err = env_open(st, &file, why);
	if (err == KODO_OK && create && !st->is_read_only && !tables_exist(st)) {
		env_close(st);
		err = env_make(st, why);
	} else if (err == KODO_OK) {
		err = tables_open(st, false, why);
	}
	/* without an environment it is LMDB's version, which nothing here can change */
	return err == KODO_EVERSION && st->env != NULL ?
	    tables_upgrade(st, how != STORE_FIND, why) : err;
}

/* The environment alone, in whatever format its tables are. */
static enum kodo_err
env_find_raw(struct store *st, enum store_open how, struct why *why)
{
	struct data_file file;
	enum kodo_err err = data_file_look(&st->state, &file, why);

	(void)how;
	st->is_raw = true;
	if (err == KODO_OK && (file.kind == DATA_NONE || file.kind == DATA_UNBORN))
		return why_set(why, KODO_ENOTFOUND, "%s: no registry there", st->state.path);
	return err == KODO_OK ? env_open(st, &file, why) : err;
}

/*
 * Open the files of the folder by find, and anew where another folder has come to its place
 * meanwhile (restore.h): locks of one folder must never go with the data of another.
 */
static enum kodo_err
files_open(struct store *st, enum store_open how,
    enum kodo_err (*find)(struct store *st, enum store_open how, struct why *why), struct why *why)
{
	struct stat before, after;
	enum kodo_err err;

	do {
		env_close(st);
		if (stat(st->state.path, &before) != 0)
			return why_set(why, KODO_ENOTFOUND, "%s: no registry there",
			    st->state.path);
		err = write_lock_renew(&st->state, &st->write_fd, why);
		if (err == KODO_OK)
			err = find(st, how, why);
	} while (stat(st->state.path, &after) == 0 &&
	    (after.st_ino != before.st_ino || after.st_dev != before.st_dev));
	return err;
}

static enum kodo_err
open_by(const struct state *state, enum store_open how, uint64_t map_max_bytes,
    enum kodo_err (*find)(struct store *st, enum store_open how, struct why *why), struct why *why,
    struct store **out)
{
	struct store *st;
	enum kodo_err err;

	*out = NULL;
	st = calloc(1, sizeof(*st));
	if (st == NULL)
		return KODO_ENOMEM;
	st->write_fd = -1;
	st->state = *state;
	store_set_map_max(st, map_max_bytes);
	catch_bus_error();
	err = files_open(st, how, find, why);
	if (err != KODO_OK) {
		store_close(st);
		return err;
	}
	*out = st;
	return KODO_OK;
}

enum kodo_err
store_open(const struct state *state, enum store_open how, uint64_t map_max_bytes,
    struct why *why, struct store **out)
{
	return open_by(state, how, map_max_bytes, env_find, why, out);
}

enum kodo_err
store_open_raw(const struct state *state, struct why *why, struct store **out)
{
	return open_by(state, STORE_FIND, 0, env_find_raw, why, out);
}

enum kodo_err
store_copy(struct store *st, int fd, struct why *why)
{
	struct txn t;
	enum kodo_err err = store_begin(st, STORE_READ, &t);	/* which follows a larger map */
	int rc;

	if (err == KODO_OK)
		err = store_end(&t, KODO_OK);
	if (err != KODO_OK)
		return why_set(why, err, "%s: %s", st->state.path, kodo_err_text(err));
	rc = mdb_env_copyfd2(st->env, fd, MDB_CP_COMPACT);
	return rc == 0 ? KODO_OK : store_explain(st, "copy the registry", rc, why);
}

enum kodo_err
store_renew(struct store *st)
{
	struct why why = { "" };
	enum kodo_err err;

	if (st->n_open > 0)
		return KODO_EIO;
	err = files_open(st, STORE_FIND, env_find, &why);
	if (err != KODO_OK)
		env_close(st);
	if (err != KODO_OK)
		log_complain(&st->complaint, &why, err);
	return err;
}

void
store_set_map_max(struct store *st, uint64_t bytes)
{
	st->map_max_bytes = bytes < MAP_START_BYTES ? MAP_START_BYTES : bytes;
}

void
store_defer_last(struct store *st)
{
	st->is_last_deferred = true;	/* where it is opened anew, too */
	if (st->env != NULL && mdb_env_set_flags(st->env, MDB_NOMETASYNC, 1) != 0)
		log_debug("each commit takes two syncs");
}

enum kodo_err
store_sync(struct store *st)
{
	return st->env == NULL ? KODO_EIO : store_write_err(st, mdb_env_sync(st->env, 1));
}

void
store_close(struct store *st)
{
	if (st == NULL)
		return;
	env_close(st);
	if (st->write_fd != -1)
		close(st->write_fd);
	free(st);
}

int
store_map_follow(struct store *st)
{
	struct data_file file;
	struct why why;
	MDB_envinfo info;
	uint64_t size;
	int rc;

	mdb_env_info(st->env, &info);
	if (data_file_look(&st->state, &file, &why) != KODO_OK || file.map_bytes == 0)
		return EIO;
	size = data_file_map_room(file.map_bytes, file.used_bytes, info.me_mapsize);
	if (size == 0 || st->n_open > 0)
		return ENOMEM;
	rc = mdb_env_set_mapsize(st->env, size);
	if (rc != 0)
		env_close(st);	/* it has no map */
	return rc;
}

enum kodo_err
store_map_grow(struct store *st)
{
	MDB_envinfo info;
	struct why why;
	uint64_t size, want;
	int rc;

	mdb_env_info(st->env, &info);
	size = info.me_mapsize;
	if (size >= st->map_max_bytes)
		return KODO_EFULL;
	want = size * 2 > st->map_max_bytes ? st->map_max_bytes : size * 2;
	want = data_file_map_room(want, size + MAP_STEP_BYTES, size);
	if (want == 0) {
		why_set(&why, KODO_EFULL, "%s: the map cannot grow beyond %llu MiB, as address "
		    "space is limited; raise the limit (ulimit -v, RLIMIT_AS)", st->state.path,
		    (unsigned long long)size >> 20);
		log_complain(&st->complaint, &why, KODO_EFULL);
		return KODO_EFULL;
	}
	rc = mdb_env_set_mapsize(st->env, want);
	if (rc != 0)
		env_close(st);	/* it has no map */
	return rc == 0 ? KODO_OK : KODO_EFULL;
}

