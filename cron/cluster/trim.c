/*
 * Who sends also shortens the log: entries and parts that every machine has applied long ago are
 * deleted, and etcd forgets the revisions up to there. Nobody derives anything from these deletes.
 * What stays has a bound in revisions and one in bytes (context.h), whoever is away.
 */
#include <stdlib.h>

#include "core/base/isotime.h"
#include "core/base/log.h"
#include "cron/cluster/context.h"
#include "cron/cluster/trim.h"

#define EVERY_US	(60ll * 1000000)
#define SOON_US		(500ll * 1000)	/* where much has come */
#define BEHIND		10000u	/* revisions that stay for who is away */
#define AWAY_US		(86400ll * 1000000)	/* who is silent so long is not waited for */
#define PAGE		1000u

static const char *const folders[] = { "log/", "part/" };
#define FOLDERS	(sizeof(folders) / sizeof(folders[0]))

struct trimmer {
	struct context *e;
	int64_t begun_us;
	bool is_busy;
	size_t folder;
	uint64_t upto, done;	/* revisions */
	uint64_t total;		/* of the log when it was trimmed last */
	char from[KEY_BYTES + 1];
	size_t from_len;
};

enum kodo_err
trim_new(struct context *e, struct trimmer **out)
{
	*out = calloc(1, sizeof(**out));
	if (*out == NULL)
		return KODO_ENOMEM;
	(*out)->e = e;
	(*out)->begun_us = cluster_boot_us();
	return KODO_OK;
}

void
trim_free(struct trimmer *t)
{
	free(t);
}

static bool
is_waited_for(const struct context *e, const struct cluster_member *m, int64_t now_us)
{
	const uint64_t behind = log_size_behind(&e->log, m->applied);

	return m->is_live ? behind <= LOG_BEHIND(e->quota)
	    : now_us - m->seen_us < AWAY_US && behind <= LOG_AWAY(e->quota);
}

/* What all have applied that are waited for. 0: nothing is known. */
static uint64_t
common_revision(const struct context *e)
{
	const struct cluster_status *st = &e->status;
	const int64_t now_us = isotime_now_us();
	uint64_t least = st->n_members > 0 ? UINT64_MAX : 0;
	unsigned i;

	for (i = 0; i < st->n_members; i++) {
		const struct cluster_member *m = &st->members[i];

		if (is_waited_for(e, m, now_us) && m->applied < least)
			least = m->applied;
	}
	return least;
}

static void begin_folder(struct trimmer *t);
static void next_page(struct trimmer *t);

static void
set_from(struct trimmer *t, struct str key)
{
	const size_t len = key.len < KEY_BYTES ? key.len : KEY_BYTES;

	memcpy(t->from, key.p, len);
	t->from[len] = '\0';
	t->from_len = len + 1;
}

/*
 * Behind a key that is too young, and what is younger: all of a process that proposes lies below
 * one folder, in the order in which it came; behind that, in their order, what it said as sender.
 */
static void
pass_over(struct trimmer *t, struct str key)
{
	size_t len = key.len < KEY_BYTES ? key.len : KEY_BYTES;
	bool is_fenced;

	while (len > 1 && key.p[len - 1] != '/')
		len--;
	is_fenced = len < key.len && key.p[len] == 'f';
	memcpy(t->from, key.p, len);
	if (is_fenced)
		t->from[len - 1]++;
	else
		t->from[len++] = 'f';
	t->from_len = len;
}

static void
on_deleted(void *arg, const struct etcd_answer *an)
{
	struct trimmer *t = arg;

	if (an->err == KODO_OK)
		next_page(t);
	else
		t->is_busy = false;
}

static bool
is_same_boot(struct str a, struct str b)
{
	size_t len = a.len;

	while (len > 0 && a.p[len - 1] != '/')
		len--;
	return b.len >= len && memcmp(a.p, b.p, len) == 0;
}

/* Of the first process in the page all that is old enough, by one call. */
static void
on_page(void *arg, const struct etcd_answer *an)
{
	struct trimmer *t = arg;
	const struct etcd_done done = { on_deleted, t };
	const struct etcd_kv *first = an->kvs;
	char key[KEY_BYTES];
	size_t n = 0;

	if (an->err != KODO_OK) {
		t->is_busy = false;
		return;
	}
	if (an->n_kvs == 0) {
		t->folder++;
		begin_folder(t);
		return;
	}
	while (n < an->n_kvs && an->kvs[n].mod_revision <= t->upto &&
	    is_same_boot(first->key, an->kvs[n].key))
		n++;
	if (n == 0) {
		pass_over(t, first->key);
		next_page(t);
		return;
	}
	memcpy(key, first->key.p, first->key.len < KEY_BYTES ? first->key.len : KEY_BYTES);
	set_from(t, an->kvs[n - 1].key);
	if (etcd_delete(t->e->etcd, (struct str){ key, first->key.len },
		(struct str){ t->from, t->from_len }, done) != KODO_OK)
		t->is_busy = false;
}

static void
next_page(struct trimmer *t)
{
	const struct etcd_done done = { on_page, t };
	char key[KEY_BYTES], end[KEY_BYTES];
	const struct str all = context_key(t->e, key, "%s", folders[t->folder]);

	if (t->e->status.token == 0 ||
	    etcd_range(t->e->etcd, (struct str){ t->from, t->from_len }, context_key_end(all, end),
		PAGE, true, done) != KODO_OK)
		t->is_busy = false;
}

static void
on_compacted(void *arg, const struct etcd_answer *an)
{
	struct trimmer *t = arg;

	t->is_busy = false;
	/* a conflict: it was compacted further */
	if (an->err != KODO_OK && an->err != KODO_ECONFLICT)
		return;
	t->done = t->upto;
	log_info("the log now begins behind revision %llu", (unsigned long long)t->upto);
}

static void
begin_folder(struct trimmer *t)
{
	const struct etcd_done done = { on_compacted, t };
	char key[KEY_BYTES];
	struct str all;

	if (t->folder == FOLDERS) {
		if (etcd_compact(t->e->etcd, t->upto, done) != KODO_OK)
			t->is_busy = false;
		return;
	}
	all = context_key(t->e, key, "%s", folders[t->folder]);
	memcpy(t->from, all.p, all.len);
	t->from_len = all.len;
	next_page(t);
}

void
trim_tick(struct trimmer *t)
{
	const int64_t now_us = cluster_boot_us();
	uint64_t common, upto;

	if (t->is_busy || t->e->status.token == 0 ||
	    now_us - t->begun_us < (t->e->log.total - t->total < LOG_UNTRIMMED(t->e->quota)
		? EVERY_US : SOON_US))
		return;
	t->begun_us = now_us;
	common = common_revision(t->e);
	upto = log_size_before(&t->e->log, LOG_KEPT(t->e->quota));
	if (common >= BEHIND && common - BEHIND > upto)
		upto = common - BEHIND;
	if (upto > common)
		upto = common;
	if (upto <= t->done)
		return;
	t->total = t->e->log.total;
	t->upto = upto;
	t->folder = 0;
	t->is_busy = true;
	begin_folder(t);
}
