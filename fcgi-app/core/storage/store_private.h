/*
 * What store.c (transactions, entries, scans) and store_open.c (the environment, its map, damaged
 * files) share. The only includer of lmdb.h.
 */
#ifndef KODO_STORE_PRIVATE_H
#define KODO_STORE_PRIVATE_H

#include <lmdb.h>

#include "core/base/log.h"
#include "core/storage/store.h"
#include "core/storage/write_lock.h"

struct store {
	MDB_env *env;		/* NULL: to be opened anew at the next transaction */
	MDB_dbi dbi[T_MAX];
	int write_fd;		/* see write_lock.h; -1: the disk is mounted read-only */
	unsigned n_open;	/* transactions */
	bool is_read_only;	/* as its disk or its owner has it */
	bool is_raw;		/* its tables are not open */
	bool is_last_deferred;	/* see store_defer_last */
	bool is_outdated;	/* see store_is_outdated */
	size_t checked;		/* the commit whose format was looked at last */
	bool map_is_full;	/* why a write ended with KODO_EFULL */
	uint64_t map_max_bytes;
	struct state state;
	struct why complaint;	/* the last one in the log, not to be repeated */
};

/* --- store.c --- */

enum kodo_err store_err(int rc);

/* Set why to what could not be done, the reason and the remedy. Returns store_err(rc). */
enum kodo_err store_explain(const struct store *st, const char *what, int rc, struct why *why);

/*
 * The error of a write. LMDB makes EIO of a short one, which a full disk is as well; asked again,
 * the system says which.
 */
enum kodo_err store_write_err(struct store *st, int rc);

/* --- store_open.c --- */

/*
 * Open the environment again: after a failed write of its meta page LMDB refuses everything, and
 * without a map it would crash. KODO_EIO also while a transaction is open.
 */
enum kodo_err store_renew(struct store *st) MUST_CHECK;

/* Follow another process that made the map larger, as far as there is address space. rc of LMDB. */
int store_map_follow(struct store *st) MUST_CHECK;

/*
 * Double the map, up to its ceiling and as far as there is address space: LMDB gives up the old map
 * before it asks for the new one. KODO_EFULL: it is there already.
 */
enum kodo_err store_map_grow(struct store *st) MUST_CHECK;

/* --- store_format.c, which another format replaces: see tests/upgrade --- */

/*
 * A step brings the tables of one format to a later one, in the transaction in which all of it
 * happens, by bytes: codecs of records are those of the present format.
 */
struct migration {
	uint32_t from, to;
	enum kodo_err (*run)(struct txn *t);	/* NULL: the end of the table */
};

extern const struct migration store_migrations[];
extern const char *const store_table_names[T_MAX];	/* as in the file */

/* --- store_upgrade.c --- */

/* The format record; *found 0: there is none. rc of LMDB. */
int store_format_read(MDB_txn *txn, MDB_dbi meta, uint32_t *found) MUST_CHECK;
/* The own format becomes that of the store. rc of LMDB. */
int store_format_write(MDB_txn *txn, MDB_dbi meta) MUST_CHECK;
/* Bring an open environment to the own format, its tables not yet open. */
enum kodo_err store_upgrade(struct store *st, struct why *why) MUST_CHECK;

#endif
