#include <stdlib.h>

#include "core/config/option_import.h"
#include "core/merge/change.h"
#include "core/records/changelog.h"
#include "core/records/outbox.h"
#include "core/records/url_ids.h"
#include "core/trust/rejudge.h"

enum kodo_err
change_begin(
    struct change *ch, struct txn *t, struct arena *a, int64_t now_us, const struct options *o)
{
	enum kodo_err err;

	*ch = (struct change){ .t = t, .a = a, .o = o, .now_us = now_us,
		.gone = { .a = a } };
	err = head_get(t, &ch->head);
	ch->began = ++ch->head.state;
	ch->logged = ch->head.logged;
	ch->fresh = (uint32_t)ch->head.next_node;
	return err;
}

/*
 * Nothing known, nothing to do: the record can go, but not as long as a message that was sent
 * before the last one may still come (see expire.c).
 */
static bool
peer_is_spent(const struct peer *p)
{
	return peer_is_idle(p) && p->in.epoch == 0 && p->trust.key.len == 0;
}

/*
 * A peer becomes a subscriber with the list that it gets, in an answer or by a connect of ours; who
 * has caused all that is new, and knew the rest, has nothing to learn.
 */
static void
position_set(struct change *ch, struct peer *p)
{
	const bool was = (p->flags & PEER_NOTIFIED) != 0, is = change_is_subscriber(ch, p);

	if (is && (!was || (p->id == ch->skip && peer_pos(p) >= ch->logged)))
		p->out.pos = p->out.gone_pos = ch->head.logged;
	p->flags = is ? p->flags | PEER_NOTIFIED : p->flags & ~(unsigned)PEER_NOTIFIED;
	/* before it has something to learn, so that the probe costs no change a round trip */
	if (is && peer_is_stranger(p) && !peer_has_work(p))
		change_want(ch, p, WORK_NOTIFY, false);
}

/* Is there a subscriber that must learn of what is new? */
static enum kodo_err
is_news(struct change *ch, bool *out)
{
	struct scan s = peer_scan_behind(ch->t);
	struct peer_behind first;

	*out = peer_next_behind(&s, &first) && first.pos < ch->head.notified;
	return scan_end(&s);
}

/* What p states follows, where other addresses of it change what becomes of that. */
static enum kodo_err
verdict_follow(struct change *ch, const struct peer *p)
{
	const struct moderation *m;
	enum kodo_err err;

	if (!rejudge_may_be_due(p))
		return KODO_OK;
	err = change_moderation(ch, &m);
	return err == KODO_OK ? rejudge_note(ch->t, ch->a, m, p, (uint32_t)ch->head.state,
				    &ch->is_due) : err;
}

enum kodo_err
change_end(struct change *ch, enum kodo_err err)
{
	size_t i;

	for (i = 0; i < ch->n_peers && err == KODO_OK; i++) {
		position_set(ch, ch->peers[i]);
		err = verdict_follow(ch, ch->peers[i]);
		if (err == KODO_OK)
			err = peer_is_spent(ch->peers[i]) ? peer_del(ch->t, ch->peers[i])
							    : peer_put(ch->t, ch->peers[i]);
	}
	if (err == KODO_OK && !ch->is_due && ch->head.logged != ch->logged)
		err = is_news(ch, &ch->is_due);
	if (err == KODO_OK)
		err = flow_order_save(ch->t, &ch->head, &ch->order);
	if (ch->is_view_changed)
		ch->head.view++;
	if (err == KODO_OK)
		err = head_put(ch->t, &ch->head);
	flow_order_free(&ch->order);
	free(ch->peers);
	ch->peers = NULL;
	ch->n_peers = 0;
	return err;
}

/* Where the peer is in the cache, or would be: it is sorted, for there may be very many. */
static size_t
cache_place(const struct change *ch, uint32_t id)
{
	size_t low = 0, high = ch->n_peers;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (ch->peers[mid]->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct peer *
cache_find(const struct change *ch, uint32_t id)
{
	const size_t at = cache_place(ch, id);

	return at < ch->n_peers && ch->peers[at]->id == id ? ch->peers[at] : NULL;
}

static enum kodo_err
cache_add(struct change *ch, const struct peer *p, struct peer **out)
{
	struct peer *copy;
	size_t at;

	*out = NULL;
	if (ch->n_peers == ch->cap_peers) {
		size_t cap = ch->cap_peers == 0 ? 8 : ch->cap_peers * 2;
		struct peer **grown = realloc(ch->peers, cap * sizeof(struct peer *));

		if (grown == NULL)
			return KODO_ENOMEM;
		ch->peers = grown;
		ch->cap_peers = cap;
	}
	copy = arena_dup(ch->a, p, sizeof(*p));
	if (copy == NULL)
		return KODO_ENOMEM;
	at = cache_place(ch, p->id);
	memmove(&ch->peers[at + 1], &ch->peers[at], (ch->n_peers++ - at) * sizeof(struct peer *));
	ch->peers[at] = copy;
	*out = copy;
	return KODO_OK;
}

enum kodo_err
change_peer(struct change *ch, uint32_t id, struct peer **out)
{
	struct peer p;
	enum kodo_err err;

	*out = cache_find(ch, id);
	if (*out != NULL)
		return KODO_OK;
	err = peer_get(ch->t, ch->a, id, &p);
	return err == KODO_OK ? cache_add(ch, &p, out) : err;
}

enum kodo_err
change_peer_find(struct change *ch, struct str key, struct peer **out)
{
	struct peer p;
	enum kodo_err err;
	size_t i;

	*out = NULL;
	/* one made in this change is not in the store yet */
	for (i = 0; i < ch->n_peers; i++)
		if (str_eq(ch->peers[i]->key, key)) {
			*out = ch->peers[i];
			return KODO_OK;
		}
	err = peer_find(ch->t, ch->a, key, &p);
	return err == KODO_OK ? change_peer(ch, p.id, out) : err;
}

enum kodo_err
change_peer_make(struct change *ch, struct str url, struct str key, struct peer **out)
{
	struct peer p;
	enum kodo_err err = change_peer_find(ch, key, out);

	if (err != KODO_ENOTFOUND)
		return err;
	err = arena_str(ch->a, url, &url);
	if (err == KODO_OK)
		err = arena_str(ch->a, key, &key);
	if (err != KODO_OK)
		return err;
	peer_init(&p, &ch->head, url, key);
	return cache_add(ch, &p, out);
}

enum kodo_err
change_moderation(struct change *ch, const struct moderation **out)
{
	struct moderation *m;
	enum kodo_err err = KODO_OK;

	if (ch->moderation == NULL) {
		m = arena_zalloc(ch->a, sizeof(*m));
		if (m == NULL)
			return KODO_ENOMEM;
		err = moderation_get(ch->t, ch->a, m);
		if (err == KODO_OK)
			ch->moderation = m;
	}
	*out = ch->moderation;
	return err;
}

void
change_want(struct change *ch, struct peer *p, enum peer_work work, bool now)
{
	bool had = peer_has_work(p);

	p->out.work[work] = ch->head.state;
	/* anybody may speak in the name of a stranger: its backoff goes on */
	now = now && !peer_is_stranger(p);
	if (now) {
		p->flags &= ~(unsigned)PEER_PAUSED;
		p->out.attempts = 0;
	}
	/* the end of an earlier backoff, without work since, may be long past */
	if (now || (!had && (p->out.attempts == 0 || p->out.due_us <= ch->now_us)))
		p->out.due_us = ch->now_us;
	/* or to come, after a failure of what was not wanted any more: the runner must know */
	ch->is_due |= now || !had;
}

void
change_want_connect(struct change *ch, struct peer *p)
{
	if ((p->flags & PEER_TARGET) != 0)
		p->out.acked_url = ch->o->url;
	change_want(ch, p, WORK_CONNECT, true);
}

enum kodo_err
change_unwant(struct change *ch, struct peer *p, enum peer_work work)
{
	p->out.work[work] = 0;
	/* paused entries too */
	if (work != WORK_NOTIFY)
		return KODO_OK;
	p->out.pos = p->out.gone_pos = ch->head.logged;
	return outbox_clear(ch->t, p->id);
}

static bool
has_imported(const struct change *ch)
{
	struct scan s = scan_prefix(ch->t, T_IMPORT, STR_NULL);
	const bool has = scan_next(&s);

	return scan_end(&s) == KODO_OK && has;
}

bool
change_is_own(const struct change *ch, struct str key)
{
	return str_eq(key, ch->o->url_key) ||
	    (option_is_own(ch->o, key) && (ch->o->cluster.p == NULL || has_imported(ch)));
}

enum kodo_err
change_own_speaker(struct change *ch, struct str key, uint32_t *out)
{
	struct str slug = key;
	const char *peer;
	enum kodo_err err;

	*out = PEER_SELF;
	if (str_eq(key, ch->o->url_key) || !change_is_own(ch, key))
		return KODO_OK;
	slug = str_skip(key, ch->o->url_key.len + sizeof(OPTION_IMPORT_PATH) - 1);
	slug = str_cut(&slug, '/');
	peer = arena_printf(ch->a, OPTION_IMPORT_TAG "%.*s", STR_ARG(slug));
	if (peer == NULL)
		return KODO_ENOMEM;
	err = id_find(ch->t, T_PEER_URL, str_of(peer), out);
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

uint64_t
change_room(const struct change *ch, uint64_t enough)
{
	return ch->has_room ? ch->room_bytes : store_room(ch->t, enough);
}

uint32_t
change_patience(const struct change *ch)
{
	return ch->o->retry > 0 ? (uint32_t)ch->o->retry : PEER_PATIENCE;
}

bool
change_is_subscriber(const struct change *ch, const struct peer *p)
{
	if (!peer_is_subscriber(p))
		return false;
	return peer_is_live_target(p) ||
	    (ch->o->registry && ch->o->feed);
}

enum kodo_err
change_notify(struct change *ch, uint32_t node, uint32_t peer)
{
	struct peer *p;
	enum kodo_err err = change_peer(ch, peer, &p);

	if (err != KODO_OK)
		return err == KODO_ENOTFOUND ? KODO_OK : err;
	if (!change_is_subscriber(ch, p))
		return KODO_OK;
	change_want(ch, p, WORK_NOTIFY, false);
	return outbox_put(ch->t, peer, node, ch->head.state);
}

enum kodo_err
change_notify_all(struct change *ch, uint32_t node, uint32_t skip)
{
	bool is_hot;
	enum kodo_err err;

	ch->skip = ch->head.logged == ch->logged || ch->skip == skip ? skip : PEER_SELF;
	err = changelog_put(ch->t, &ch->head, node, skip, ch->now_us, &is_hot);
	if (err != KODO_OK)
		return err;
	if (!is_hot) {
		change_release(ch);
	} else if (ch->head.held_us == 0) {
		ch->head.held_us = (uint64_t)(ch->now_us + CHANGELOG_HOLD_US);
		ch->is_due = true; /* the runner must learn of the time */
	}
	return KODO_OK;
}

void
change_release(struct change *ch)
{
	ch->head.notified = ch->head.logged;
	ch->head.held_us = 0;
}
