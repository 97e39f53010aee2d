/*
 * What is stored of imports (T_IMPORT): sources, their namespaces, and their entries.
 *
 * A source speaks as a peer of its own within this registry, PEER_IMPORT: no service, of which
 * nobody is asked and to whom nothing is sent; its url is `import:` and the slug of the source,
 * which no url of a message can be. Each namespace is a node, whose statement is that peer's and
 * has the authority of an owner, as its url lies under our own.
 *
 *	0, 's', hash of slug			source
 *	0, 'w'					up to where the log of changes was looked at
 *	peer id, 'n', hash of namespace		namespace
 *	peer id, 'e', hash of it, hash of slug	entry
 *
 * Where hashes collide the later one takes the place of the other.
 */
#ifndef KODO_IMPORT_SOURCE_H
#define KODO_IMPORT_SOURCE_H

#include "core/import/import.h"
#include "core/storage/store.h"

enum source_phase {
	SOURCE_IDLE,
	SOURCE_WALKS,	/* documents are fetched */
	SOURCE_SETTLES,	/* nodes are made of what has come */
	SOURCE_ENDS	/* nobody wants it any more */
};

enum source_flag {
	SOURCE_ONCE = 1u << 0,	/* by `kodo import URL`: it stays, and is not read again */
	SOURCE_NOW = 1u << 1,	/* somebody waits for it */
	SOURCE_FULL = 1u << 2,	/* the walk is of all entries: what it does not name has gone */
	SOURCE_WHOLE = 1u << 3,	/* the walk came to its end */
};

struct source {
	struct str slug;
	struct str text;	/* as the option `import` has it, see option_import_read */
	uint32_t peer;		/* 0: none yet */
	uint32_t phase, flags;
	uint32_t kind;		/* enum import_kind, as it was found */
	uint32_t failures;	/* in a row */
	uint32_t tries;		/* of the document at hand, in vain */
	uint32_t requests;	/* of the walk, as what follows */
	uint32_t n_new, n_changed, n_gone;
	uint32_t loop_power, loop_steps;	/* see loop_note */
	uint32_t refused[IMPORT_REFUSALS];
	uint64_t walk;		/* its number */
	uint64_t bytes;
	uint64_t loop_hash;
	uint64_t settled;	/* hash of the namespace to go on with */
	uint64_t n_entries;	/* that it has now */
	uint64_t held;		/* bytes of their records */
	int64_t began_us;
	int64_t since_us;	/* when the last whole walk began; 0: there was none */
	int64_t full_us;	/* the same of one that was full */
	int64_t done_us;	/* when the last one ended, whole or not */
	int64_t due_us;		/* of the next step */
	struct str queue;	/* documents to be fetched, a line each: kind depth next url */
	struct str root;	/* url of the first document, once it was found; else null */
	struct str etag;	/* of the root, where it is the only one */
	struct str own_url;	/* what its nodes are under */
	struct str error;	/* of the last walk; null: it was whole */
	struct str example;	/* the first entry that was refused, with the reason; or null */
};

/* By its slug; texts in a. KODO_ENOTFOUND, KODO_ECORRUPT. */
enum kodo_err source_get(
    struct txn *t, struct arena *a, struct str slug, struct source *out) MUST_CHECK;
enum kodo_err source_put(struct txn *t, const struct source *s) MUST_CHECK;
enum kodo_err source_del(struct txn *t, struct str slug) MUST_CHECK;
/*
 * The place in the log of changes behind which others have not been looked at yet, as of that url
 * of this service; 0: of another, or never.
 */
enum kodo_err source_watched_get(struct txn *t, struct str own_url, uint64_t *at) MUST_CHECK;
enum kodo_err source_watched_put(struct txn *t, struct str own_url, uint64_t at) MUST_CHECK;
/* All of them, each given to each with texts in the map. */
enum kodo_err source_each(struct txn *t,
    enum kodo_err (*each)(void *arg, const struct source *s), void *arg) MUST_CHECK;

/* An entry of was bytes has become one of now. */
void source_hold(struct source *s, size_t was, size_t now);
/* Entries that the last walk has refused. */
uint32_t source_n_refused(const struct source *s);

/* A namespace. */
struct source_space {
	struct str space;
	bool is_changed;	/* an entry is another than in its node */
	uint32_t rival;		/* node of another registry that shows the same; 0: none */
};
uint64_t source_hash(struct str slug);
enum kodo_err source_space_get(
    struct txn *t, uint32_t peer, uint64_t hash, struct source_space *out) MUST_CHECK;
enum kodo_err source_space_put(
    struct txn *t, uint32_t peer, const struct source_space *s) MUST_CHECK;
enum kodo_err source_space_del(struct txn *t, uint32_t peer, struct str space) MUST_CHECK;
/* Those from a hash on. */
struct scan source_space_scan(struct txn *t, uint32_t peer, uint64_t from) MUST_CHECK;
bool source_space_next(struct scan *s, uint64_t *hash, struct source_space *out) MUST_CHECK;

/* An entry as stored; its tags are taken out of e by source_entry_tags. */
struct source_entry {
	int64_t first_us;	/* when it was seen first */
	uint64_t walk;		/* that has seen it last */
	size_t n_bytes;		/* of its record */
	struct import_entry e;	/* without tags, texts in the map */
	struct str tags;
};
enum kodo_err source_entry_get(struct txn *t, uint32_t peer, struct str space, struct str slug,
    struct source_entry *out) MUST_CHECK;
/* *is_same: its contents are those that were there. *n_bytes: of its record. KODO_ENOMEM. */
enum kodo_err source_entry_put(struct txn *t, uint32_t peer, int64_t first_us, uint64_t walk,
    const struct import_entry *e, bool *is_same, size_t *n_bytes) MUST_CHECK;
enum kodo_err source_entry_del(
    struct txn *t, uint32_t peer, struct str space, struct str slug) MUST_CHECK;
/* Those of a namespace. */
struct scan source_entry_scan(struct txn *t, uint32_t peer, struct str space) MUST_CHECK;
bool source_entry_next(struct scan *s, struct source_entry *out) MUST_CHECK;
/* Room for LIMIT_TAGS of them. KODO_ECORRUPT. */
enum kodo_err source_entry_tags(
    const struct source_entry *e, struct str *tags, size_t *n) MUST_CHECK;

/* What is stored under a peer, up to n records of it. *more: there may be others. */
enum kodo_err source_forget(struct txn *t, uint32_t peer, unsigned n, bool *more) MUST_CHECK;

#endif
