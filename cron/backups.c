#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/path.h"
#include "core/storage/backup.h"
#include "cron/backups.h"

#define LOOK_S		60u	/* another one may write them, and the option change */
#define RETRY_S		600u	/* after a failure */
#define STAMP_CHARS	16u	/* 20261127T123456Z */
#define END		".tar"

/*
 * A folder, and names in it: NAME-HASH-20261127T123456Z.tar, NAME being that of the state, and HASH
 * of its url and path: other services may have their backups there, too.
 */
struct backups {
	char folder[PATH_BYTES];
	char name[256];		/* "NAME-HASH-" */
	struct dirent **found;	/* in their order, which is that of their times */
	int n;
};

static const struct backups *at_hand;	/* for is_backup: scandir has no argument */

static bool
is_stamp(const char *s)
{
	return strspn(s, "0123456789TZ") == STAMP_CHARS && s[8] == 'T' && s[STAMP_CHARS - 1] == 'Z';
}

/* What is left of one that was cut off counts as one, and goes before the next. */
static int
is_backup(const struct dirent *e)
{
	const size_t n = strlen(at_hand->name);

	return strncmp(e->d_name, at_hand->name, n) == 0 && is_stamp(e->d_name + n) &&
	    strncmp(e->d_name + n + STAMP_CHARS, END, sizeof(END) - 1) == 0;
}

static bool
is_whole(const struct dirent *e)
{
	return str_ends(str_of(e->d_name), STR(END));
}

/* A url that was not given may change from request to request. */
static uint32_t
hash_of(const struct state *s, const struct options *o)
{
	char text[2 * PATH_BYTES];
	const int n = snprintf(text, sizeof(text), "%s %.*s", s->path,
	    o->has_url ? (int)o->url_key.len : 0, o->url_key.p);

	return (uint32_t)hash_text(HASH_STORED, (struct str){ text,
	    (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1 });
}

static enum kodo_err
backups_find(struct backups *b, const struct state *s, const struct options *o, struct why *why)
{
	struct str name = path_name(str_of(s->path)), home = str_of(s->path);
	enum kodo_err err;

	if (str_ends(name, STR(".lmdb")))
		name.len -= 5;
	if (str_ends(home, STR(".lmdb")))
		home.len -= 5;
	snprintf(b->name, sizeof(b->name), "%.*s-%08x-", STR_ARG(name), hash_of(s, o));
	if (o->backup_folder.p != NULL)
		home = o->backup_folder;
	if (snprintf(b->folder, sizeof(b->folder), "%.*s%s", STR_ARG(home),
	    o->backup_folder.p != NULL ? "" : ".backups") >= (int)sizeof(b->folder))
		return why_set(why, KODO_ETOOBIG, "the path of the backups is too long");
	err = path_make_folder(b->folder);
	if (err != KODO_OK)
		return why_set(why, err, "%s: %s", b->folder, path_words(errno));
	at_hand = b;
	b->n = scandir(b->folder, &b->found, is_backup, alphasort);
	return b->n >= 0 ? KODO_OK : why_set(why, KODO_EIO, "%s: %s", b->folder, strerror(errno));
}

static void
backups_free(struct backups *b)
{
	int i;

	for (i = 0; i < b->n; i++)
		free(b->found[i]);
	free(b->found);
}

/* When the last whole one was taken; 0: there is none. Of the future counts as none. */
static int64_t
last_s(const struct backups *b, int64_t now_s)
{
	struct tm tm;
	int64_t at_s;
	int i;

	for (i = b->n - 1; i >= 0; i--) {
		memset(&tm, 0, sizeof(tm));
		if (!is_whole(b->found[i]) || strptime(b->found[i]->d_name + strlen(b->name),
		    "%Y%m%dT%H%M%SZ", &tm) == NULL)
			continue;
		at_s = (int64_t)timegm(&tm);
		if (at_s <= now_s)
			return at_s;
	}
	return 0;
}

static void
remove_one(const struct backups *b, int i)
{
	char path[PATH_BYTES + 256];

	snprintf(path, sizeof(path), "%s/%s", b->folder, b->found[i]->d_name);
	if (unlink(path) != 0)
		log_warning("an old backup stays: %s: %s", path, strerror(errno));
}

/* They may be what the new one has no room for. */
static void
remove_torn(const struct backups *b)
{
	int i;

	for (i = 0; i < b->n; i++)
		if (!is_whole(b->found[i]))
			remove_one(b, i);
}

/* keep of them stay, the new one among them. */
static void
remove_old(const struct backups *b, unsigned keep)
{
	unsigned n = 1;
	int i;

	for (i = b->n - 1; i >= 0; i--)
		if (is_whole(b->found[i]) && n++ >= keep)
			remove_one(b, i);
}

static enum kodo_err
write_one(const struct backups *b, struct registry *r, const struct options *o, time_t now,
    struct why *why)
{
	const struct backup what = { .store = registry_store(r), .state = registry_state(r),
		.url = o->url, .loader = o->loader };
	char path[PATH_BYTES + 512], stamp[STAMP_CHARS + 1];
	struct why inner = { "" };
	struct tm tm;
	enum kodo_err err;

	gmtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(path, sizeof(path), "%s/%s%s" END, b->folder, b->name, stamp);
	err = backup_write(&what, path, false, &inner);
	if (err == KODO_OK)
		log_info("backup: %s", path);
	return err == KODO_OK ? err : why_set(why, err, "%s: %s", path, inner.text);
}

unsigned
backups_run(struct registry *r, int64_t now_us)
{
	const int64_t now_s = now_us / 1000000;
	struct backups b = { .n = 0 };
	const struct options *o;
	struct why why = { "" };
	enum kodo_err err = registry_options(r, &o);
	int64_t due_s = 0;

	if (err != KODO_OK || o->backup_hours == 0)
		return LOOK_S;
	err = backups_find(&b, registry_state(r), o, &why);
	if (err == KODO_OK)
		due_s = last_s(&b, now_s) + (int64_t)o->backup_hours * 3600;
	if (err == KODO_OK && due_s <= now_s) {
		remove_torn(&b);
		err = write_one(&b, r, o, (time_t)now_s, &why);
		if (err == KODO_OK)
			remove_old(&b, o->backup_keep);
	}
	backups_free(&b);
	if (err == KODO_OK)
		return LOOK_S;
	log_warning("no backup was written, the next attempt is in %u minutes: %s", RETRY_S / 60,
	    why.text);
	return RETRY_S;
}
