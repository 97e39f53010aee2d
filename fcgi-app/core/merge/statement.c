#include "core/base/limit.h"
#include "core/base/url.h"
#include "core/merge/resolve.h"
#include "core/merge/resync.h"
#include "core/merge/statement.h"
#include "core/records/known.h"
#include "core/records/node_chunks.h"

enum kodo_err
statement_take(struct change *ch, struct peer *p, struct str key, struct str bytes,
    uint64_t version, bool renumber, uint32_t *node)
{
	struct rules_word word = { .kind = RULES_SAYS,
		.bytes = bytes,
		.version = version,
		.is_list = ch->is_list,
		.now_us = ch->now_us };
	struct packed pk;
	enum kodo_err err = packed_open(bytes, &pk);

	if (err == KODO_OK && *node == 0)
		err = node_make(ch->t, &ch->head, key, node);
	word.url = pk.url;
	return err == KODO_OK ? resolve_word(ch, p, *node, key, &word, renumber) : err;
}

#define GONE_BYTES	4096u	/* what a tombstone takes, with its places in indices */

enum kodo_err
statement_take_gone(
    struct change *ch, struct peer *p, struct str url, struct str key, uint64_t version)
{
	struct rules_word word = {
		.kind = RULES_REMOVES, .url = url, .version = version, .now_us = ch->now_us
	};
	uint32_t node;
	enum kodo_err err = node_find(ch->t, key, &node);

	/* of nodes that nobody knows here none is taken from the reserve of the map */
	if (err == KODO_ENOTFOUND && (p->flags & PEER_TARGET) == 0 &&
	    change_room(ch, GONE_BYTES) < GONE_BYTES)
		return KODO_OK;
	if (err == KODO_ENOTFOUND)
		err = node_make(ch->t, &ch->head, key, &node);
	return err == KODO_OK ? resolve_word(ch, p, node, key, &word, false) : err;
}

enum kodo_err
statement_take_end(
    struct change *ch, uint32_t peer, struct str url, struct str key, uint64_t known)
{
	struct peer *p;
	enum kodo_err err = change_peer(ch, peer, &p);

	return err == KODO_OK ? statement_take_gone(ch, p, url, key, known + RULES_GIVEN) : err;
}

/* The key of a node by its stored url. */
static enum kodo_err
stored_key(struct arena *a, struct str url, struct str *key)
{
	enum kodo_err err = url_key(a, url, key);

	return err == KODO_OK || err == KODO_ENOMEM ? err : KODO_ECORRUPT;
}

enum kodo_err
statement_drop(struct change *ch, struct peer *p, uint32_t node)
{
	struct rules_word word = {
		.kind = RULES_WITHDRAWS, .is_list = ch->is_list, .now_us = ch->now_us
	};
	struct statement s;
	struct packed pk;
	struct str key = STR_NULL;
	enum kodo_err err = known_statement(ch->t, node, p->id, &s);

	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	err = packed_open(s.bytes, &pk);
	if (err == KODO_OK)
		err = arena_str(ch->a, pk.url, &word.url);
	if (err == KODO_OK)
		err = stored_key(ch->a, word.url, &key);
	return err == KODO_OK ? resolve_word(ch, p, node, key, &word, false) : err;
}

/* One node after the other, from the first place on: a scan cannot go on over a change. */
static enum kodo_err
each_drop(struct change *ch, struct peer *p)
{
	struct scan s;
	struct place at = { .order = 0 };
	uint64_t last = 0;
	bool found;
	enum kodo_err err;

	do {
		s = place_scan(ch->t, p->id);
		found = place_next(&s, &at);
		err = scan_end(&s);
		/* a damaged place is not found, and stays */
		if (err == KODO_OK && found && at.order <= last)
			err = KODO_ECORRUPT;
		last = at.order;
		if (err == KODO_OK && found)
			err = statement_drop(ch, p, at.node);
		if (err == KODO_OK && found)
			err = place_del(ch->t, p->id, at.order); /* also one of a damaged state */
	} while (err == KODO_OK && found);
	return err;
}

enum kodo_err
statement_drop_all(struct change *ch, struct peer *p)
{
	enum kodo_err err = each_drop(ch, p);

	if (err != KODO_OK)
		return err;
	p->flags &= ~(unsigned)(PEER_PROVIDER | PEER_CONNECTS);
	p->out.work[WORK_RECONNECT] = 0;
	p->in.list = 0;
	/* it was connected to for the sake of its statements alone */
	if ((p->flags & PEER_TARGET) == 0) {
		p->out.work[WORK_CONNECT] = 0;
		resync_cancel(p);
	}
	err = node_chunks_drop(ch->t, p->id);
	if (err == KODO_OK && !change_is_subscriber(ch, p))
		err = change_unwant(ch, p, WORK_NOTIFY);
	return err == KODO_OK ? peer_place_del(ch->t, p) : err;
}

/* A statement, or a tombstone, of which the version is over a limit. */
struct ahead {
	uint32_t node;
	uint32_t peer; /* PEER_TOMB: the tombstone */
};

struct aheads {
	struct ahead *all;
	size_t n, cap;
};

static enum kodo_err
ahead_add(struct change *ch, struct aheads *l, const struct record *rec, uint64_t limit)
{
	struct ahead *all;

	if (rec->said.version <= limit)
		return KODO_OK;
	all = arena_grow(ch->a, l->all, l->n, &l->cap, sizeof(*all));
	if (all == NULL)
		return KODO_ENOMEM;
	l->all = all;
	l->all[l->n++] =
	    (struct ahead){ rec->node, rec->is_tomb ? PEER_TOMB : rec->said.peer };
	return KODO_OK;
}

static enum kodo_err
aheads_find(struct change *ch, uint64_t limit, struct aheads *out)
{
	struct scan s;
	struct record rec;
	int verdict;
	enum kodo_err err = KODO_OK;

	*out = (struct aheads){ .n = 0 };
	for (verdict = 0; verdict < VERDICTS && err == KODO_OK; verdict++) {
		s = record_scan_winners(ch->t, (enum verdict)verdict, 0);
		while (record_next(&s, &rec))
			s.err = ahead_add(ch, out, &rec, limit);
		err = scan_end(&s);
	}
	if (err != KODO_OK)
		return err;
	s = record_scan_shadows_from(ch->t, 0);
	while (record_next(&s, &rec))
		s.err = ahead_add(ch, out, &rec, limit);
	return scan_end(&s);
}

static enum kodo_err
ahead_reset(struct change *ch, const struct ahead *at, uint64_t limit)
{
	struct rules_word word = { .kind = RULES_RESETS, .version = limit, .now_us = ch->now_us };
	struct statement s;
	struct packed pk;
	struct peer *p = NULL;
	struct str key;
	enum kodo_err err;

	if (at->peer == PEER_TOMB) {
		err = record_get_shadow(ch->t, at->node, PEER_TOMB, &s);
		word.url = s.bytes;
	} else {
		err = known_statement(ch->t, at->node, at->peer, &s);
		if (err == KODO_OK)
			err = packed_open(s.bytes, &pk);
		word.url = pk.url;
		if (err == KODO_OK)
			err = change_peer(ch, at->peer, &p);
	}
	/* what is done to one may have ended another */
	if (err == KODO_ENOTFOUND)
		return KODO_OK;
	if (err == KODO_OK)
		err = arena_str(ch->a, word.url, &word.url);
	if (err == KODO_OK)
		err = stored_key(ch->a, word.url, &key);
	if (err == KODO_OK)
		err = resolve_word(ch, p, at->node, key, &word, false);
	if (err == KODO_OK && p != NULL && p->id != PEER_SELF && !str_eq(p->key, key))
		resync_repeat(ch, p);
	return err;
}

enum kodo_err
statement_reset_ahead(struct change *ch)
{
	const uint64_t limit = (uint64_t)(ch->now_us + LIMIT_VERSION_AHEAD_US);
	struct aheads l;
	size_t i;
	enum kodo_err err;

	if (ch->head.highest <= limit)
		return KODO_OK;
	err = aheads_find(ch, limit, &l);
	for (i = 0; i < l.n && err == KODO_OK; i++)
		err = ahead_reset(ch, &l.all[i], limit);
	ch->head.highest = limit;
	return err;
}

/* The first tombstone of a node from *node on that is to be forgotten. *url null: there is none. */
static enum kodo_err
tomb_find(struct change *ch, bool (*is_wanted)(void *arg, const struct statement *tomb),
    void *arg, uint32_t *node, struct str *url)
{
	struct scan s = record_scan_shadows_from(ch->t, *node);
	struct record rec;

	*url = STR_NULL;
	while (url->p == NULL && record_next(&s, &rec))
		if (rec.is_tomb && is_wanted(arg, &rec.said)) {
			*node = rec.node;
			s.err = arena_str(ch->a, rec.said.bytes, url);
		}
	return scan_end(&s);
}

enum kodo_err
statement_forget(struct change *ch, bool (*is_wanted)(void *arg, const struct statement *tomb),
    void *arg, size_t *n)
{
	struct rules_word word = { .kind = RULES_EXPIRES, .now_us = ch->now_us };
	struct str url, key;
	uint32_t node = 0;
	enum kodo_err err;

	for (*n = 0;; ++*n) {
		err = tomb_find(ch, is_wanted, arg, &node, &url);
		if (err != KODO_OK || url.p == NULL)
			return err;
		err = stored_key(ch->a, url, &key);
		if (err == KODO_OK)
			err = resolve_word(ch, NULL, node, key, &word, false);
		if (err == KODO_OK)
			err = withdrawal_add(&ch->gone, NULL, true, key, 0);
		if (err != KODO_OK || node++ == UINT32_MAX)
			return err;
	}
}

static bool
is_older(void *arg, const struct statement *tomb)
{
	const int64_t *before_us = arg;

	return tomb->at_us < *before_us;
}

enum kodo_err
statement_expire(struct change *ch, int64_t before_us)
{
	size_t n;

	return statement_forget(ch, is_older, &before_us, &n);
}
