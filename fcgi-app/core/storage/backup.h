/*
 * A backup: all that a service has, of one commit, in one file. A tar archive (archive.h):
 *
 *	kodo-backup	text: BACKUP_MAGIC, then lines `name value`: format of the tables, version
 *			of the program, url, time
 *	loader/NAME	the loader, or each file of a folder; of a program, the program
 *	key, identity	of the admin and of the service; with keys alone
 *	data.mdb	LMDB's file
 *	SHA256SUMS	of all of these
 *
 * restore.h reads it.
 */
#ifndef KODO_BACKUP_H
#define KODO_BACKUP_H

#include "core/storage/restore.h"
#include "core/storage/store.h"

struct backup {
	struct store *store;
	const struct state *state;
	struct str url;		/* of the service, or null: not known */
	struct str loader;	/* absolute, or null */
	bool with_keys;
	bool is_alone;		/* nobody else writes to the path meanwhile: see backup_write */
};

/*
 * Write it to a new file of mode 0600, whole or not at all. KODO_EEXIST: path is there already (and
 * must not be replaced). KODO_EFULL, KODO_EIO, KODO_ENOMEM, KODO_ETOOBIG: the path. All with why.
 * A process that is killed leaves its part of it beside the path, under a name of its own; with
 * is_alone under one name, so that the next one replaces it.
 */
enum kodo_err backup_write(
    const struct backup *b, const char *path, bool replace, struct why *why) MUST_CHECK;
/* Write it to an open descriptor, by way of a file without a name in the state folder. */
enum kodo_err backup_send(const struct backup *b, int fd, struct why *why) MUST_CHECK;

#endif
