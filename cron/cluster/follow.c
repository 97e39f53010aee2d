/*
 * The log into this machine's state: all entries of one revision in one transaction, in the order
 * of the revisions, and within one in that of the txn. What one message tells of several revisions
 * is applied in one transaction, too, under the last one, and so is what several messages told that
 * came while one was applied: that is one sync of the disk for all. The last commit may be undone
 * by a power cut until the next one, or a moment in which nothing comes: the log has it, and what
 * was applied is stored with how far.
 * What comes again is passed over; a number that is missing, and a watch that is silent while there
 * is something to tell, begin the watch anew.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/hash.h"
#include "core/cluster/apply.h"
#include "core/cluster/entry.h"
#include "core/cluster/poison.h"
#include "cron/cluster/compare.h"
#include "cron/cluster/context.h"
#include "cron/cluster/follow.h"
#include "cron/cluster/lead.h"
#include "cron/cluster/propose.h"

#define AGAIN_MS	500
#define NOTE_MS		30000	/* so often it stores how far it has come */
#define SYNC_MS		100	/* so long nothing comes before the last commit is synced */
#define BOOTS		64u
#define GROUP		256u	/* entries in one transaction, of several revisions */
#define GROUP_BYTES	((size_t)4 << 20)

/* The last number seen of a process that proposes. */
struct boot {
	uint64_t hash, n;
};

struct follower {
	struct context *e;
	struct arena *a;	/* of the revision at hand */
	uint64_t told;		/* of all up to it every entry has come, since the watch began */
	uint64_t revision;	/* the last one at hand; 0: none */
	uint64_t first;		/* and the first */
	struct str *entries, *keys;
	size_t n, cap_entries, cap_keys, bytes;
	int64_t again_ms;
	bool is_broken;		/* what is told from here on is passed over */
	bool is_compacted;	/* the log does not reach back far enough */
	/* the entry in parts that is fetched, and what is there of it */
	char wanted[KEY_BYTES];
	unsigned part, n_parts;
	struct buf whole;
	bool is_fetching;
	int64_t noted_ms;
	int64_t committed_ms;	/* when something was applied that is not synced; 0: nothing */
	struct boot boots[BOOTS];
};

enum kodo_err
follow_new(struct context *e, struct follower **out)
{
	struct follower *f = calloc(1, sizeof(*f));

	*out = f;
	if (f == NULL || (f->a = arena_new()) == NULL) {
		free(f);
		*out = NULL;
		return KODO_ENOMEM;
	}
	f->e = e;
	return KODO_OK;
}

void
follow_free(struct follower *f)
{
	if (f == NULL)
		return;
	arena_free(f->a);
	buf_free(&f->whole);
	free(f);
}

static void
forget_revision(struct follower *f)
{
	arena_reset(f->a);
	f->revision = f->first = 0;
	f->entries = f->keys = NULL;
	f->n = f->cap_entries = f->cap_keys = f->bytes = 0;
}

/* Called from within a message: the rest of them is passed over, and the tick begins anew. */
static void
break_off(struct follower *f)
{
	f->is_broken = true;
	f->again_ms = clock_mono_ms() + AGAIN_MS;
}

void
follow_again(struct follower *f)
{
	etcd_watch_end(f->e->etcd);
	forget_revision(f);
	f->told = 0;
	memset(f->boots, 0, sizeof(f->boots));
	f->is_broken = f->is_compacted = f->e->is_watch_silent = false;
}

/* --- applying --- */

static void
complain(struct follower *f, enum kodo_err err)
{
	if (err == KODO_EVERSION)
		context_stop(f->e, "revision %" PRIu64 " of the log is of a newer kodo: install it "
		    "here", f->revision);
	else if (err == KODO_EINVAL || err == KODO_ECORRUPT) {
		f->e->poison = f->revision;
		context_stop(f->e, "revision %" PRIu64 " of the log cannot be applied: %s; "
		    "kodo check says whether it is this machine's state, kodo cluster skip %" PRIu64
		    " lets all machines pass over it",
		    f->revision, kodo_err_text(err), f->revision);
	} else if (!f->e->is_stuck) {
		f->e->is_stuck = true;
		log_error("cannot apply revision %" PRIu64 " of the log: %s; until it can, this "
		    "machine takes no writes", f->revision, kodo_err_text(err));
	}
}

/* What is at hand is whole. */
static void
apply(struct follower *f)
{
	struct context *e = f->e;
	const uint64_t before = e->applied;
	struct str *results;
	size_t i;
	enum kodo_err err = KODO_OK;

	if (f->revision == 0 || f->n == 0) {
		forget_revision(f);
		return;
	}
	results = arena_alloc(f->a, f->n * sizeof(*results));
	if (results == NULL)
		err = KODO_ENOMEM;
	if (err == KODO_OK)
		err = poison_note(e->state, f->revision);
	if (err == KODO_OK)
		err = cluster_apply(e->registry, f->a, f->revision, f->entries, f->n, results);
	/* it is there: memory ran out behind the commit, and what came of it nobody can say */
	if (err == KODO_ECONFLICT) {
		e->applied = f->revision;
		e->is_stuck = false;
		propose_refuse(e->proposer, false);
		forget_revision(f);
		return;
	}
	if ((err == KODO_EINVAL || err == KODO_ECORRUPT || err == KODO_EVERSION) &&
	    f->first != f->revision) {
		e->alone = f->revision;		/* which of them is it? */
	} else if (err != KODO_OK) {
		complain(f, err);
	}
	if (err != KODO_OK) {
		if (poison_returned(e->state, f->revision) != KODO_OK)
			log_debug("it cannot be noted that the program goes on");
		break_off(f);
		return;
	}
	e->applied = f->revision;
	f->committed_ms = clock_mono_ms();
	if (e->is_stuck)
		log_info("the log is applied again");
	e->is_stuck = false;
	buf_free(&f->whole);
	f->part = f->n_parts = 0;
	for (i = 0; i < f->n; i++)
		propose_applied(e->proposer, f->keys[i], f->revision, results[i]);
	lead_applied(e->leader);
	compare_applied(e->comparer, before, f->revision);
	forget_revision(f);
}

/* What has come so far, but for a revision of which more is to come. */
static void
apply_told(struct follower *f)
{
	struct context *e = f->e;
	uint64_t seen;

	if (!f->is_broken && f->revision != 0 && f->revision <= f->told)
		apply(f);
	if (f->is_broken || e->poison != 0)
		return;
	seen = f->revision != 0 ? f->first - 1 : f->told;
	if (seen > e->seen)
		e->seen = seen;
	e->status.revision = e->seen;
}

/* Are the entries of each process numbered without a gap? */
static bool
follows(struct follower *f, struct str key)
{
	struct str boot = key, digits;
	uint64_t hash, n = 0;
	struct boot *b;
	size_t i;

	while (boot.len > 0 && boot.p[boot.len - 1] != '/')
		boot.len--;
	digits = str_skip(key, boot.len);
	if (digits.len == 0 || digits.p[0] == 'f')
		return true;
	for (i = 0; i < digits.len; i++)
		n = n * 10 + (uint64_t)(digits.p[i] - '0');
	hash = hash_text(HASH_STORED, boot) | 1;
	b = &f->boots[hash % BOOTS];
	if (b->hash != hash) {
		*b = (struct boot){ hash, n };
		return true;
	}
	if (n == b->n + 1) {
		b->n = n;
		return true;
	}
	log_warning("the watch has left out %" PRIu64 " entries before %.*s: it begins anew",
	    n - b->n - 1, STR_ARG(key));
	return n <= b->n;
}

static bool take_parted(struct follower *f, const struct etcd_kv *kv, struct str *out);

static void
take_entry(struct follower *f, const struct etcd_kv *kv)
{
	struct str *entries = arena_grow(f->a, f->entries, f->n, &f->cap_entries, sizeof(*entries));
	struct str *keys = arena_grow(f->a, f->keys, f->n, &f->cap_keys, sizeof(*keys));
	enum kodo_err err = entries == NULL || keys == NULL ? KODO_ENOMEM : KODO_OK;

	if (err == KODO_OK) {
		f->entries = entries;
		f->keys = keys;
		err = arena_str(f->a, kv->key, &keys[f->n]);
	}
	if (err == KODO_OK)
		err = arena_str(f->a, kv->value, &entries[f->n]);
	if (err != KODO_OK || kv->value.len < 2) {
		break_off(f);
		return;
	}
	f->revision = kv->mod_revision;
	f->bytes += kv->value.len;
	if (f->first == 0)
		f->first = f->revision;
	entries[f->n] = str_skip(entries[f->n], 1);
	if (kv->value.p[0] == 'P' && !take_parted(f, kv, &entries[f->n]))
		return;
	f->n++;
}

/*
 * What follows a revision that cannot be applied is only looked through for the entry that says to
 * pass over it. Then that one counts as applied, and the rest comes again.
 */
static void
look_for_skip(struct follower *f, const struct etcd_kv *kv)
{
	struct context *e = f->e;
	struct entry_head head;
	enum kodo_err err;

	if (kv->value.len < 2 || entry_head_read(str_skip(kv->value, 1), &head) != KODO_OK ||
	    head.skipped != e->poison)
		return;
	err = cluster_skip(e->registry, e->poison);
	if (err == KODO_OK) {
		log_warning("revision %" PRIu64 " of the log is passed over", e->poison);
		e->applied = e->poison;
		e->poison = 0;
		e->status.stopped[0] = '\0';
		e->is_changed = true;
	}
	break_off(f);
}

/*
 * An entry by which a revision is passed over is part of the order: where that was applied all the
 * same, as it did no harm there, another machine's state takes the place of this one's.
 */
static bool
has_more_than_all(struct follower *f, const struct etcd_kv *kv)
{
	struct context *e = f->e;
	struct entry_head head;
	bool is_skipped = true;

	if (kv->value.len < 2 || entry_head_read(str_skip(kv->value, 1), &head) != KODO_OK ||
	    head.skipped == 0 || head.skipped > e->applied)
		return false;
	if (cluster_is_skipped(e->registry, head.skipped, &is_skipped) != KODO_OK || is_skipped)
		return false;
	log_warning("revision %" PRIu64 " of the log was applied here, and is to be passed over: "
	    "this machine takes the state of another one", head.skipped);
	e->status.is_catching_up = e->is_changed = true;
	return true;
}

/* May the entry be applied in one transaction with those at hand, of revisions before it? */
static bool
may_join(const struct follower *f, const struct etcd_kv *kv)
{
	const struct context *e = f->e;
	const struct str key = str_skip(kv->key, strlen(e->prefix));
	struct entry_head head;

	if (f->n >= GROUP || f->bytes >= GROUP_BYTES || f->n_parts != 0 || f->revision <= e->alone)
		return false;
	return !kv->is_deleted && str_starts(key, STR("log/")) && kv->value.len > 1 &&
	    kv->value.p[0] == 'E' &&
	    entry_head_read(str_skip(kv->value, 1), &head) == KODO_OK &&
	    head.kind != CHANGE_SKIP && !compare_wants(e->comparer, f->revision) &&
	    !compare_wants(e->comparer, kv->mod_revision);
}

static void
take_event(struct follower *f, const struct etcd_kv *kv)
{
	struct context *e = f->e;
	const struct str prefix = str_of(e->prefix);
	struct str key;

	if (!str_starts(kv->key, prefix))
		return;
	if (f->revision != 0 && kv->mod_revision > f->revision && !may_join(f, kv)) {
		apply(f);
		if (f->is_broken)
			return;
	}
	key = str_skip(kv->key, prefix.len);
	if (!kv->is_deleted && (str_starts(key, STR("log/")) || str_starts(key, STR("part/"))))
		log_size_add(&e->log, kv->mod_revision, kv->key.len + kv->value.len);
	if (!str_starts(key, STR("log/"))) {
		if (!str_starts(key, STR("part/")))
			lead_event(e->leader, key, kv);
		return;
	}
	/* trimmed; or told again */
	if (kv->is_deleted || kv->mod_revision <= e->applied || kv->mod_revision <= f->told)
		return;
	if (e->poison != 0 && kv->mod_revision >= e->poison) {
		look_for_skip(f, kv);
		return;
	}
	if (!follows(f, kv->key) || has_more_than_all(f, kv))
		break_off(f);
	else
		take_entry(f, kv);
}

static void
on_message(void *arg, const struct etcd_message *m)
{
	struct follower *f = arg;
	uint64_t told;
	size_t i;

	if (m->is_over) {
		apply_told(f);
		if (!f->is_broken && m->err != KODO_ECONFLICT)
			log_info("the watch of etcd has ended: %.*s", STR_ARG(m->words));
		f->is_compacted |= m->err == KODO_ECONFLICT;
		break_off(f);
		return;
	}
	for (i = 0; i < m->n && !f->is_broken; i++)
		take_event(f, &m->events[i]);
	if (f->is_broken || m->n == 0)
		return;
	/* one that is flagged has not told all of its last revision */
	told = m->events[m->n - 1].mod_revision - (m->is_fragment ? 1 : 0);
	/* a watch may go back (etcd-io/etcd#15271), and what is at hand is not applied yet */
	if (told > f->told)
		f->told = told;
}

/* --- entries in parts --- */

static void fetch(struct follower *f);

static void
on_part(void *arg, const struct etcd_answer *an)
{
	struct follower *f = arg;

	f->is_fetching = false;
	if (an->err == KODO_OK && an->n_kvs == 1) {
		buf_put_str(&f->whole, an->kvs[0].value);
		f->part++;
	} else if (an->err == KODO_OK) {
		context_stop(f->e, "a part of %s is missing in etcd: take the state of another "
		    "machine by kodo cluster snapshot", f->wanted);
	}
	if (f->part < f->n_parts)
		fetch(f);
	else
		f->again_ms = 0;
}

/* The next part of the entry that is wanted. */
static void
fetch(struct follower *f)
{
	const struct etcd_done done = { on_part, f };
	char key[KEY_BYTES];
	struct str k = context_key(f->e, key, "part/%s/%06u", f->wanted, f->part);

	f->is_fetching = etcd_range(f->e->etcd, k, STR_NULL, 1, false, done) == KODO_OK;
}

/* Its bytes, if they are there; else it is wanted, and the watch is broken off until they are. */
static bool
take_parted(struct follower *f, const struct etcd_kv *kv, struct str *out)
{
	const struct str name = str_skip(kv->key, strlen(f->e->prefix) + strlen("log/"));
	uint32_t n = 0;
	size_t i;

	if (f->n_parts > 0 && f->part == f->n_parts && str_eq(name, str_of(f->wanted)) &&
	    !buf_failed(&f->whole)) {
		*out = buf_str(&f->whole);
		return true;
	}
	for (i = 4; i >= 1 && kv->value.len > 4; i--)
		n = n << 8 | (unsigned char)kv->value.p[i];
	str_copy(f->wanted, sizeof(f->wanted), name);
	buf_reset(&f->whole);
	f->part = 0;
	f->n_parts = n;
	break_off(f);
	return false;
}

static void
sync_last(struct follower *f, int64_t now_ms)
{
	if (f->committed_ms == 0 || now_ms - f->committed_ms < SYNC_MS)
		return;
	f->committed_ms = 0;
	if (store_sync(registry_store(f->e->registry)) != KODO_OK)
		log_debug("the last commit is not synced");
}

void
follow_tick(struct follower *f)
{
	struct context *e = f->e;
	const int64_t now_ms = clock_mono_ms();
	char key[KEY_BYTES], end[KEY_BYTES];
	struct str all;

	if (!e->is_joined)
		return;
	sync_last(f, now_ms);
	if (e->status.stopped[0] != '\0' && e->poison == 0) {
		if (etcd_is_watching(e->etcd))
			follow_again(f);	/* nothing more is applied */
		return;
	}
	apply_told(f);
	if (f->is_compacted && !e->status.is_catching_up)
		e->status.is_catching_up = e->is_changed = true;
	if (e->status.is_catching_up) {
		/* else what is here would go on, too, and no copy had more */
		if (etcd_is_watching(e->etcd))
			follow_again(f);
		f->part = f->n_parts = 0;
		return;
	}
	if (f->n_parts > f->part) {
		if (!f->is_fetching)
			fetch(f);
		return;
	}
	if (e->is_watch_silent || (f->is_broken && now_ms >= f->again_ms))
		follow_again(f);
	if (!etcd_is_watching(e->etcd) && now_ms >= f->again_ms) {
		f->again_ms = now_ms + AGAIN_MS;
		all = context_key(e, key, "%s", "");
		if (etcd_watch(e->etcd, all, context_key_end(all, end), e->applied + 1, on_message,
			f) != KODO_OK)
			log_warning("cannot watch etcd: memory ran out");
	}
	if (e->seen > e->applied && f->revision == 0 && now_ms - f->noted_ms > NOTE_MS) {
		f->noted_ms = now_ms;
		if (cluster_apply(e->registry, f->a, e->seen, NULL, 0, NULL) == KODO_OK)
			e->applied = e->seen;
		arena_reset(f->a);
	}
}
