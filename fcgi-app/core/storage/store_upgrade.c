#include <fcntl.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/storage/backup.h"
#include "core/storage/store_private.h"
#include "core/storage/store_upgrade.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION	"unversioned"
#endif

#define META_FORMAT	"format"
#define META_PROGRAM	"program"	/* version of the one that made this format */
#define GROWTH	2u		/* the map may become so many times as large */
#define WAIT_TRIES	60		/* for another one that does it, a second at least each */

static MDB_val
val_of(const char *text)
{
	return (MDB_val){ strlen(text), (void *)(uintptr_t)text };
}

static bool
can_upgrade(uint32_t from)
{
	const struct migration *m;

	for (m = store_migrations; m->run != NULL && from != store_format_own; m++)
		if (m->from == from)
			from = m->to;
	return from == store_format_own;
}

/* --- the format of a store --- */

int
store_format_read(MDB_txn *txn, MDB_dbi meta, uint32_t *found)
{
	MDB_val key = val_of(META_FORMAT), val;
	const int rc = mdb_get(txn, meta, &key, &val);

	*found = 0;
	if (rc == 0)
		memcpy(found, val.mv_data,
		    val.mv_size < sizeof(*found) ? val.mv_size : sizeof(*found));
	return rc;
}

int
store_format_write(MDB_txn *txn, MDB_dbi meta)
{
	uint32_t own = store_format_own;
	MDB_val key = val_of(META_FORMAT), val = { sizeof(own), &own };
	int rc = mdb_put(txn, meta, &key, &val, 0);

	if (rc != 0)
		return rc;
	key = val_of(META_PROGRAM);
	val = val_of(PACKAGE_VERSION);
	return mdb_put(txn, meta, &key, &val, 0);
}

uint32_t
store_format(struct store *st)
{
	uint32_t found = 0;
	MDB_txn *txn = NULL;
	MDB_dbi meta;

	if (st->env == NULL || mdb_txn_begin(st->env, NULL, MDB_RDONLY, &txn) != 0)
		return 0;
	if (mdb_dbi_open(txn, store_table_names[T_META], 0, &meta) != 0 ||
	    store_format_read(txn, meta, &found) != 0)
		found = 0;
	mdb_txn_abort(txn);
	return found;
}

/* --- what is to be done --- */

static void
read_program(struct store *st, char out[64])
{
	MDB_val key = val_of(META_PROGRAM), val;
	MDB_txn *txn = NULL;
	MDB_dbi meta;

	out[0] = '\0';
	if (st->env == NULL || mdb_txn_begin(st->env, NULL, MDB_RDONLY, &txn) != 0)
		return;
	if (mdb_dbi_open(txn, store_table_names[T_META], 0, &meta) == 0 &&
	    mdb_get(txn, meta, &key, &val) == 0)
		str_copy(out, 64, (struct str){ val.mv_data, val.mv_size });
	mdb_txn_abort(txn);
}

static void
measure(struct store *st, struct upgrade *out)
{
	char folder[PATH_BYTES];
	struct statvfs fs;
	MDB_envinfo info;
	MDB_stat ms;

	if (mdb_env_info(st->env, &info) == 0 && mdb_env_stat(st->env, &ms) == 0)
		out->bytes = ((uint64_t)info.me_last_pgno + 1) * ms.ms_psize;
	str_copy(folder, sizeof(folder), path_folder(str_of(st->state.path)));
	if (statvfs(folder, &fs) == 0)
		out->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	out->may_write = faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0;
}

enum kodo_err
upgrade_look(struct store *st, struct upgrade *out, struct why *why)
{
	*out = (struct upgrade){ .from = store_format(st), .to = store_format_own };
	if (out->from == 0)
		return why_set(why, KODO_ECORRUPT, "%s: its format cannot be read; " STORE_RESTORE,
		    st->state.path);
	out->is_possible = out->from != out->to && can_upgrade(out->from);
	if (out->from > out->to)
		read_program(st, out->newer);
	/* the one of this program's format that a newer program has left */
	if (snprintf(out->backup, sizeof(out->backup), "%s.format-%u.tar", st->state.path,
	    out->from < out->to ? out->from : out->to) >= (int)sizeof(out->backup))
		return why_set(why, KODO_ETOOBIG, "%s: the path is too long", st->state.path);
	measure(st, out);
	return KODO_OK;
}

enum kodo_err
upgrade_refuse(const struct store *st, const struct upgrade *u, struct why *why)
{
	const bool has_backup = access(u->backup, F_OK) == 0;

	if (u->is_possible)
		return why_set(why, KODO_EVERSION, "%s: in format %u, of a former program; the "
		    "next start, request or run of the runner brings it to format %u, after a "
		    "backup to %s", st->state.path, u->from, u->to, u->backup);
	if (u->from < u->to)
		return why_set(why, KODO_EVERSION, "%s: in format %u, and this program knows no "
		    "way from there to its format %u: export it with the program that wrote it "
		    "(kodo export), remove the folder, start, and import", st->state.path, u->from,
		    u->to);
	return why_set(why, KODO_EVERSION, "%s: in format %u, of kodo %s, which is newer than this "
	    "program with format %u: install that version again%s%s%s", st->state.path, u->from,
	    u->newer[0] != '\0' ? u->newer : "of a later date", u->to,
	    has_backup ? ", or go back to the state before its upgrade by kodo restore " :
	    ", or restore a backup that was made before its upgrade (kodo restore)",
	    has_backup ? u->backup : "", has_backup ? ", without what was changed since" : "");
}

/* --- doing it --- */

/* All in a transaction that is begun. rc of LMDB, or *err of a step. */
static int
run_steps(struct store *st, MDB_txn *txn, uint32_t from, enum kodo_err *err)
{
	struct txn t = { .store = st, .mdb = txn, .mode = STORE_WRITE };
	const struct migration *m;
	int rc = 0;
	size_t i;

	for (i = 0; rc == 0 && i < T_MAX; i++)
		rc = mdb_dbi_open(txn, store_table_names[i], MDB_CREATE, &st->dbi[i]);
	for (m = store_migrations; rc == 0 && *err == KODO_OK && m->run != NULL; m++) {
		if (m->from != from)
			continue;
		*err = m->run(&t);
		from = m->to;
	}
	for (i = 0; i < T_MAX; i++)
		if (t.cursor[i] != NULL)
			mdb_cursor_close(t.cursor[i]);
	return rc == 0 && *err == KODO_OK ? store_format_write(txn, st->dbi[T_META]) : rc;
}

static enum kodo_err
migrate(struct store *st, uint32_t from, struct why *why)
{
	enum kodo_err err;
	MDB_txn *txn;
	int rc;

	for (;;) {
		err = KODO_OK;
		st->map_is_full = false;
		rc = mdb_txn_begin(st->env, NULL, 0, &txn);
		if (rc != 0)
			return store_explain(st, "upgrade", rc, why);
		rc = run_steps(st, txn, from, &err);
		if (rc == 0 && err == KODO_OK)
			rc = mdb_txn_commit(txn);
		else
			mdb_txn_abort(txn);
		if (rc == 0 && err == KODO_OK)
			return KODO_OK;
		if ((rc != MDB_MAP_FULL && !st->map_is_full) || store_map_grow(st) != KODO_OK)
			break;
	}
	if (rc != 0)
		return store_explain(st, "upgrade", rc, why);
	return why_set(why, err, "%s: cannot be brought from format %u to %u: %s", st->state.path,
	    from, store_format_own, kodo_err_text(err));
}

static uint64_t
map_bytes(struct store *st)
{
	MDB_envinfo info;

	return mdb_env_info(st->env, &info) == 0 ? info.me_mapsize : 0;
}

/* With the write lock. */
static enum kodo_err
upgrade_locked(struct store *st, struct why *why)
{
	struct backup b = { .store = st, .state = &st->state, .with_keys = true,
		.is_alone = true };
	struct why inner = { "" };
	struct upgrade u;
	enum kodo_err err = upgrade_look(st, &u, why);

	if (err != KODO_OK || u.from == u.to)
		return err;	/* another process has done it */
	if (!u.is_possible)
		return upgrade_refuse(st, &u, why);
	err = backup_write(&b, u.backup, true, &inner);
	if (err != KODO_OK)
		return why_set(why, err, "%s: in format %u, not brought to %u, as there is no "
		    "backup: %s: %s", st->state.path, u.from, u.to, u.backup, inner.text);
	/* the ceiling is an option, which comes into force afterwards */
	store_set_map_max(st, GROWTH * map_bytes(st) > st->map_max_bytes ?
	    GROWTH * map_bytes(st) : st->map_max_bytes);
	err = migrate(st, u.from, why);
	if (err != KODO_OK)
		return err;
	/* a runner of the former program becomes this one */
	if (state_wake(&st->state) == KODO_OK)
		log_debug("the runner was woken");
	log_warning("%s: brought from format %u to %u; a copy of it before, with its keys, "
	    "is %s", st->state.path, u.from, u.to, u.backup);
	return KODO_OK;
}

enum kodo_err
store_upgrade(struct store *st, struct why *why)
{
	/* requests are refused meanwhile, and do not hold all workers */
	const unsigned tries_max = write_lock_leaves_stopped() ? 1 : WAIT_TRIES;
	enum kodo_err err = KODO_EBUSY;
	unsigned tries;

	for (tries = 0; tries < tries_max && err == KODO_EBUSY; tries++) {
		if (tries > 0)
			sleep(1);
		err = write_lock_take(st->write_fd);
	}
	if (err != KODO_OK)
		return why_set(why, err, "%s: another process brings it to another format, or is "
		    "stopped at it", st->state.path);
	err = upgrade_locked(st, why);
	write_lock_release(st->write_fd);
	return err;
}
