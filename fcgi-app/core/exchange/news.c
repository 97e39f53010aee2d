#include "core/exchange/news.h"
#include "core/liveness/node_state.h"
#include "core/merge/rules.h"
#include "core/records/changelog.h"
#include "core/records/outbox.h"

static bool
is_own_of_legacy(const struct peer *p, struct str url)
{
	return !peer_dialect(p)->hears_itself && str_eq(url, p->url);
}

bool
news_is_own_of_legacy(const struct peer *p, struct str bytes)
{
	struct packed pk;

	return packed_open(bytes, &pk) == KODO_OK && is_own_of_legacy(p, pk.url);
}

bool
news_is_behind(const struct view *v, const struct peer *p)
{
	return (p->flags & PEER_NOTIFIED) != 0 && peer_pos(p) < v->head.notified;
}

/*
 * What is denied goes as what is gone, but without a version: it ends what we said, and whoever has
 * the node from elsewhere keeps it (rule 3).
 */
static enum kodo_err
denied_end(struct known *kn)
{
	struct packed p;
	enum kodo_err err = packed_open(kn->winner.bytes, &p);

	kn->tomb = (struct statement){ .bytes = p.url };
	return err;
}

static enum kodo_err
kind_of(struct news *n, uint32_t node, struct known *kn, enum news_kind *out)
{
	enum kodo_err err = known_get(&n->v->t, node, kn);

	*out = NEWS_NONE;
	if (err != KODO_OK)
		return err;
	switch (rule_4_state_travels(
	    kn->is_seen ? &kn->winner : NULL, kn->is_gone ? &kn->tomb : NULL, n->p->id,
	    (n->p->flags & PEER_OLDER) != 0)) {
	case RULES_NO_NEWS:
		break;
	case RULES_NEWS_NODE:
		if (news_is_own_of_legacy(n->p, kn->winner.bytes))
			break;
		*out = kn->verdict == VERDICT_DENIED ? NEWS_GONE : NEWS_NODE;
		if (kn->verdict == VERDICT_DENIED)
			err = denied_end(kn);
		break;
	case RULES_NEWS_GONE:
		if (!is_own_of_legacy(n->p, kn->tomb.bytes))
			*out = str_eq(kn->tomb.bytes, n->v->options->url) ? NEWS_OWN_GONE
									  : NEWS_GONE;
		break;
	}
	return err;
}

static uint64_t
pos_of(const struct news *n, enum news_kind kind)
{
	return kind == NEWS_NODE ? n->p->out.pos : n->p->out.gone_pos;
}

/* Does the peer have the node already, and is to learn of its signs of life alone? */
static enum kodo_err
liveness_find(struct news *n, const struct changelog_entry *entry, bool is_list, bool *out)
{
	struct node_state s;
	enum kodo_err err;

	*out = false;
	/* a list in chunks names what is there, and passes each node where its entry is */
	if (is_list || n->p->out.list != 0)
		return KODO_OK;
	err = node_state_get(&n->v->t, entry->node, &s);
	*out = err == KODO_OK && s.at == entry->at && s.content_at <= n->p->out.pos;
	return err;
}

/* The peer's entries that are of kind and not paused, unless the changelog has them. */
static enum kodo_err
outbox_walk(struct news *n, enum news_kind kind)
{
	struct scan s = outbox_scan(&n->v->t, n->p->id, 0);
	struct changelog_entry logged;
	struct outbox_entry entry;
	struct known kn;
	enum news_kind what;
	bool is_alone;	/* the log has but its signs of life for the peer */

	n->at = 0;
	n->is_liveness = false;
	while (!n->is_full && outbox_next(&n->v->t, &s, &entry)) {
		if (entry.why.p != NULL) {
			n->has_paused = true;
			continue;
		}
		s.err = changelog_get(&n->v->t, entry.node, &logged);
		is_alone = false;
		if (s.err == KODO_OK)
			s.err = liveness_find(n, &logged, false, &is_alone);
		if (s.err == KODO_OK && logged.at > pos_of(n, kind) && logged.skip != n->p->id &&
		    !is_alone)
			continue;
		if (s.err == KODO_OK || s.err == KODO_ENOTFOUND)
			s.err = kind_of(n, entry.node, &kn, &what);
		if (s.err == KODO_OK && what == kind)
			s.err = n->each(n->arg, entry.node, &kn);
	}
	return scan_end(&s);
}

/* Was the node refused by the peer since its last change? */
static enum kodo_err
is_paused(struct news *n, const struct changelog_entry *logged, bool *out)
{
	struct outbox_entry entry;
	enum kodo_err err;

	*out = false;
	if (!n->has_paused)
		return KODO_OK;
	err = outbox_get(&n->v->t, n->p->id, logged->node, &entry);
	if (err == KODO_OK)
		*out = entry.why.p != NULL;
	return err == KODO_ENOTFOUND ? KODO_OK : err;
}

/* What is held back is not sent, but a list in chunks must have it: it names what is there. */
static enum kodo_err
log_walk(struct news *n, enum news_kind kind, uint64_t *pos, bool is_list)
{
	const struct head *h = &n->v->head;
	const uint64_t end = is_list || n->p->out.list != 0 ? h->logged : h->notified;
	struct scan s = changelog_scan(&n->v->t, *pos);
	struct changelog_entry entry;
	struct known kn;
	enum news_kind what = NEWS_NONE;
	bool paused;

	while (!n->is_full && changelog_next(&s, &entry) && entry.at <= end) {
		if (entry.skip != n->p->id) {
			s.err = is_paused(n, &entry, &paused);
			if (s.err == KODO_OK)
				s.err = kind_of(n, entry.node, &kn, &what);
			if (s.err == KODO_OK && what == NEWS_NODE)
				s.err = liveness_find(n, &entry, is_list, &n->is_liveness);
			if (what == NEWS_NODE && n->is_liveness &&
			    !peer_dialect(n->p)->has_versions)
				what = NEWS_NONE;
			n->at = entry.at;
			if (s.err == KODO_OK && what == kind && !paused)
				s.err = n->each(n->arg, entry.node, &kn);
			/* goes in an update; no removal may overtake it, or it would be lost */
			if (what == NEWS_OWN_GONE && kind == NEWS_GONE) {
				n->own_at = entry.at;
				return scan_end(&s);
			}
		}
		if (s.err == KODO_OK && !n->is_full && !n->is_in_chunks)
			*pos = entry.at;
	}
	if (s.err == KODO_OK && !n->is_full && !n->is_in_chunks && *pos < end)
		*pos = end;
	return scan_end(&s);
}

enum kodo_err
news_walk(struct news *n, enum news_kind kind, uint64_t *pos)
{
	enum kodo_err err = outbox_walk(n, kind);

	return err == KODO_OK && pos != NULL ? log_walk(n, kind, pos, false) : err;
}

enum kodo_err
news_walk_all(struct news *n, uint64_t *pos)
{
	n->has_paused = false;
	return log_walk(n, NEWS_NODE, pos, true);
}
