/*
 * The LMDB environment of a service: tables of bytes, transaction scopes, and every retry that LMDB
 * asks for.
 *
 * One struct store per process, opened after exec or fork, never twice for the same folder.
 * Single-threaded. Keys of at most 511 bytes. What a get or a cursor returns points into the map:
 * valid until the transaction ends or, in a write transaction, until its next put or del.
 */
#ifndef KODO_STORE_H
#define KODO_STORE_H

#include <stdint.h>

#include "core/storage/dbkey.h"
#include "core/storage/state.h"
#include "core/storage/write_lock.h"

enum store_table {
	T_META,		/* text -> head, options, stamp, ... */
	T_PEER,		/* peer id -> peer.h record */
	T_PEER_URL,	/* hash of url key, n -> peer id */
	T_PROVIDER,	/* order number -> peer id: providers in the order of first connect */
	T_BEHIND,	/* position in the changelog, peer id -> nothing: subscribers */
	T_NODE_URL,	/* hash of url key, n -> node id */
	T_NODE,		/* node id -> the winning statement: shown, and scanned */
	T_SHADOW,	/* node id, peer id -> losing statement; peer id PEER_TOMB: the tombstone */
	/* peer id, order number -> node id: a provider's nodes in the order given */
	T_STATED,
	T_ORDER,	/* blocks of the default order (name, url) */
	T_OUT,		/* peer id, node id -> the peer must learn of the node: outbox.h */
	T_NODE_CHUNK,	/* peer id, number of a flow -> chunk of a node from it on: node_chunks.h */
	T_DUE,		/* class, due time, peer id -> nothing */
	T_CHANGES,	/* number of a change -> node id: changelog.h */
	T_CHANGED,	/* node id -> number of its last change */
	T_TALLY,	/* a client's address, or a name -> how many: tally.h */
	T_HIDDEN,	/* as T_NODE, of winners that are passed on and not shown: moderation.h */
	T_DENIED,	/* as T_NODE, of winners that are neither */
	T_TOLD,		/* peer id, node id -> signs of life that it tells of: node_state.h */
	T_LIVENESS,		/* node id -> signs of life of it, where it is not fresh */
	T_PROBE,	/* node id -> whether its flows answer: probe/probe.h */
	T_PROBE_HOST,	/* kind, hash -> when a host may be asked, its robots.txt: probe/host.h */
	T_IMPORT,	/* peer id, kind, hashes -> what was imported: import/source.h */
	T_MAX
};

enum store_mode { STORE_READ, STORE_WRITE };

struct store;

struct txn {
	struct store *store;
	void *mdb;
	enum store_mode mode;
	bool is_within;		/* see store_begin_within */
	void *cursor[T_MAX];	/* private: of a write transaction, see cursor_of */
};

/* What opening may do: nothing; make what is missing; bring what is there to this format. */
enum store_open { STORE_FIND, STORE_MAKE, STORE_UPGRADE };

/*
 * Open the environment in the folder. map_max_bytes: how far the map may grow from its 64 MiB. What
 * can only be read is opened for reading; writing is KODO_EIO then. A state of a former format is
 * brought to the present one (store_upgrade.h), but by STORE_FIND.
 *
 * KODO_EVERSION: written by another record format (why: what to do). KODO_ECORRUPT, KODO_EIO,
 * KODO_ENOMEM, KODO_EFULL, KODO_ENOTFOUND (not there). Dead readers are cleared at
 * every open. A store that LMDB gives up, as after a failed write of its meta page, is opened anew
 * at the next transaction; until it can be, each one fails.
 */
enum kodo_err store_open(const struct state *state, enum store_open how,
    uint64_t map_max_bytes, struct why *why, struct store **out) MUST_CHECK;
void store_close(struct store *st);		/* NULL is fine; no transaction may be open */
void store_set_map_max(struct store *st, uint64_t bytes);

/*
 * Open what is there in whatever format, to be copied, and for nothing else. Errors as store_open,
 * but KODO_EVERSION.
 */
enum kodo_err store_open_raw(
    const struct state *state, struct why *why, struct store **out) MUST_CHECK;
/* Of the tables that are there; 0: it cannot be read. And what this program reads and writes. */
uint32_t store_format(struct store *st);
extern const uint32_t store_format_own;

/*
 * Write a copy of data.mdb, without its free pages, at the position of fd: of one commit, whatever
 * is written meanwhile. KODO_EFULL, KODO_EIO, .. with why.
 */
enum kodo_err store_copy(struct store *st, int fd, struct why *why) MUST_CHECK;

#define STORE_RESTORE	"restore a backup (kodo restore), or move the folder away and start: " \
			"peers connect again"
#define STORE_DAMAGE_STATUS	70	/* of a process that ends for it; EX_SOFTWARE */

/*
 * What is to be done when the file turns out to be damaged in the middle of reading: fn, which may
 * use only what a signal handler may, and must not return. By default a line is written to stderr,
 * and the process ends with STORE_DAMAGE_STATUS.
 */
void store_on_damage(void (*fn)(void));

/*
 * Has another process brought the store to a newer format? Each transaction since is KODO_EVERSION:
 * this process can only end, or become the newer program.
 */
bool store_is_outdated(const struct store *st);

/*
 * Begin a transaction. Retries MDB_MAP_RESIZED and MDB_READERS_FULL (after a reader check) once.
 * KODO_EBUSY: reader table full, or the write lock was held by others for 20 s. KODO_EVERSION: see
 * store_is_outdated. KODO_EFULL, KODO_EIO, KODO_ENOMEM.
 */
enum kodo_err store_begin(struct store *st, enum store_mode mode, struct txn *t) MUST_CHECK;

/*
 * Commit where err is KODO_OK and the transaction writes, else abort; t is dead. Returns err, or
 * the error of the commit.
 */
enum kodo_err store_end(struct txn *t, enum kodo_err err) MUST_CHECK;

/*
 * A write transaction within another, which must not be used until this one has ended, by
 * store_end: what it did counts, once the outer one is committed, or is undone. Errors as
 * store_begin.
 */
enum kodo_err store_begin_within(struct txn *outer, struct txn *t) MUST_CHECK;

/*
 * From here on the last commit of this process is on the disk with the next one, or by store_sync:
 * a power cut may undo it, as a whole, and none before it; the end of the process undoes nothing.
 * For changes that are made again from elsewhere, as from the log of a cluster. Half the syncs.
 */
void store_defer_last(struct store *st);
/* All that was committed is on the disk. KODO_EIO, KODO_EFULL. */
enum kodo_err store_sync(struct store *st) MUST_CHECK;

/*
 * The number of the last commit, which takes no transaction; of a reading transaction: of the last
 * commit that it sees. What was read under a number holds until there is a higher one.
 */
uint64_t store_last(const struct store *st);
uint64_t store_seen(const struct txn *t);

/*
 * Run fn in a write transaction and commit it. On a full map the transaction is aborted, the map
 * doubled and fn run again: fn must set all that it leaves in arg anew. KODO_EFULL: the map is at
 * its ceiling, or the disk is full. Else an error of fn or store_begin.
 */
enum kodo_err store_write(
    struct store *st, enum kodo_err (*fn)(struct txn *t, void *arg), void *arg) MUST_CHECK;

/* KODO_ENOTFOUND */
enum kodo_err store_get(
    struct txn *t, enum store_table table, struct str key, struct str *value) MUST_CHECK;
enum kodo_err store_put(
    struct txn *t, enum store_table table, struct str key, struct str value) MUST_CHECK;
/* The value is first and second, joined in the map alone: it may be large. */
enum kodo_err store_put_pair(struct txn *t, enum store_table table, struct str key,
    struct str first, struct str second) MUST_CHECK;
/* KODO_OK also if it was not there */
enum kodo_err store_del(struct txn *t, enum store_table table, struct str key) MUST_CHECK;
/* All whose keys begin with prefix, which must not lie in the store; null: all. */
enum kodo_err store_del_under(
    struct txn *t, enum store_table table, struct str prefix) MUST_CHECK;

/*
 * A scan of entries in the order of their keys. It ends itself after the last one, after an error,
 * and after err was set, which stays. KODO_ECORRUPT: a key is not in its place.
 *
 *	struct scan s = scan_prefix(t, T_OUT, key);
 *	while (scan_next(&s))
 *		s.err = use(s.k, s.v);
 *	return scan_end(&s);
 *
 * k and v point into the map. Nothing may be written to the table while a scan of it goes on;
 * scan_first reads a single entry, and holds nothing.
 */
#define SCAN_PREFIX_MAX 16u

struct scan {
	struct str k, v;	/* the entry at hand */
	enum kodo_err err;
	void *mdb;		/* private, as what follows */
	char at[SCAN_PREFIX_MAX];	/* where it begins; then the key at hand */
	unsigned at_len, prefix_len;
	bool is_begun, is_over, is_back;
};

/* All whose keys begin with prefix, of at most SCAN_PREFIX_MAX bytes; null: the whole table. */
struct scan scan_prefix(struct txn *t, enum store_table table, struct str prefix) MUST_CHECK;
/* The same from key on, of which prefix_len bytes are the prefix. */
struct scan scan_from(
    struct txn *t, enum store_table table, struct str key, unsigned prefix_len) MUST_CHECK;
/* The whole table from its end. */
struct scan scan_back(struct txn *t, enum store_table table) MUST_CHECK;
bool scan_next(struct scan *s) MUST_CHECK;
/* Ends the scan. Returns s->err. */
enum kodo_err scan_end(struct scan *s) MUST_CHECK;
/* The first entry of a scan, which is over then. KODO_ENOTFOUND. */
enum kodo_err scan_first(struct scan s, struct str *k, struct str *v) MUST_CHECK;

/*
 * Bytes that new things may take: the last part of the largest map is a reserve, so that what is
 * there can still be changed and removed. Where there is enough, perhaps less than there are.
 */
uint64_t store_room(struct txn *t, uint64_t enough);
/* The same up to a size of the file, without a reserve. */
uint64_t store_room_below(struct txn *t, uint64_t limit, uint64_t enough);

/* Is the file that is open still the one in the folder? */
bool store_is_in_place(const struct store *st);

/* Does another process write, and which? See write_lock_look; not while this one does. */
enum write_lock_state store_write_lock(const struct store *st);
long store_writer(const struct store *st);

/* For `kodo check`. */
struct store_stat {
	uint64_t map_bytes, used_bytes, map_max_bytes, file_bytes;
	unsigned readers, readers_max, readers_cleared;	/* slots that were ever used, .. */
	unsigned readers_now;
	uint64_t entries[T_MAX];
	const char *lmdb_version;
};
enum kodo_err store_stat(struct store *st, struct store_stat *out) MUST_CHECK;
const char *store_table_name(enum store_table table);

#endif
